#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The same Dockerfile, built as root with overlays and runc, and in a container that has what a Kubernetes pod
has that asks for nothing (runc, containerd's default capabilities and seccomp filter, no device): the image has
the same digest. Usage: pod_build_test.py PROGRAM PRINT_BUNDLE [unittest arguments]; needs root and runc."""
import difflib
import io
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
PRINT_BUNDLE = os.path.abspath(sys.argv.pop(2)) if len(sys.argv) > 2 else ""
import pod  # noqa: E402
import registry_case  # noqa: E402
import test_image  # noqa: E402

# Whatever could tell a tree that is changed in place from one that is stacked.
DOCKERFILE = """FROM {host}/os/base:1 AS first
RUN echo more >>/links/one
RUN chmod 600 /links/deep/three && ln /links/two /links/four
RUN rm /links/two
RUN mkdir -p /made/of/many && echo a >/made/of/many/a && ln -s many /made/of/link && chown 12:34 /made/of/many/a
RUN chmod 4755 /bin/tool && rm -rf /removed && mkdir /removed && echo new >/removed/new
RUN mv /moved /moved-away && touch /empty
WORKDIR /work/place
COPY . /context/
COPY --link taken /linked/place/
COPY --chown=5:6 sub /owned

FROM {host}/os/base:1
COPY --from=first /made /made
COPY --from=first /links /links-copied
RUN echo x >>/links-copied/one && rm -rf /links/deep
USER 12:34
CMD ["/bin/sh"]
"""


def hard_links(layer):
    """A layer with a file that has three names."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for folder in ("links", "links/deep", "removed", "moved", "moved/inside"):
            info = tarfile.TarInfo(folder)
            info.type, info.mode, info.mtime = tarfile.DIRTYPE, 0o755, test_image.EPOCH
            tar.addfile(info)
        for name, text in {"links/one": b"shared\n", "removed/old": b"old\n", "moved/inside/file": b"m\n"}.items():
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(text), test_image.EPOCH
            tar.addfile(info, io.BytesIO(text))
        for name in ("links/two", "links/deep/three"):
            info = tarfile.TarInfo(name)
            info.type, info.linkname, info.mtime = tarfile.LNKTYPE, "links/one", test_image.EPOCH
            tar.addfile(info)
        info = tarfile.TarInfo("bin/tool")
        info.size, info.mode, info.mtime = 3, 0o755, test_image.EPOCH
        tar.addfile(info, io.BytesIO(b"#!\n"))
    return [layer, buffer.getvalue()]


@unittest.skipUnless(os.geteuid() == 0 and shutil.which("runc"), "SKIPPED: needs root and runc")
class PodBuild(registry_case.RegistryCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        names = {f"bin/{name}": "busybox" for name in "chmod ln chown mv mkdir".split()}
        cls.push("os/base:1", [*hard_links(test_image.busybox_layer()), test_image.layer(names)])

    def setUp(self):
        super().setUp()
        self.context = self.work / "context"
        (self.context / "sub").mkdir(parents=True)
        for name in ("taken", "sub/file"):
            (self.context / name).write_text(name)
        (self.context / "Dockerfile").write_text(DOCKERFILE.format(host=self.host))

    def in_a_pod(self, command):
        bundle = self.work / "bundle"
        root = bundle / "root"
        root.mkdir(parents=True)
        config = subprocess.run([PRINT_BUNDLE, root, *command], check=True, capture_output=True, text=True).stdout
        (bundle / "config.json").write_text(config)
        name = f"pod-build-{os.getpid()}"
        # The machine's own files are the pod's image; /proc, /dev and /sys are its own.
        script = 'mount --bind / "$1" && exec runc --root "$2/state" run --bundle "$2" "$3"'
        return subprocess.run(["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh", root, bundle, name],
                              capture_output=True, text=True, timeout=300)

    def test_a_pods_build_gives_the_same_image(self):
        arguments = ["image", "build", str(self.context)]
        whole = self.run_program(arguments, self.store, check=True, SOURCE_DATE_EPOCH="1700000000")
        self.assertIn("layers are stacked by overlayfs", whole.stderr)
        self.assertIn("runc", whole.stderr)

        inside = self.in_a_pod(self.command(arguments, self.work / "pod-store"))

        self.assertEqual(inside.returncode, 0, inside.stderr)
        self.assertIn("layers go into directories", inside.stderr)
        self.assertIn("RUN steps run in chroot", inside.stderr)
        self.assertRegex(whole.stdout, r"^sha256:[0-9a-f]{64}\n$")
        self.assertEqual(whole.stdout, inside.stdout, self.differences(whole.stdout.strip(), inside.stdout.strip()))
        config = json.loads((self.work / "bundle/config.json").read_text())
        held = {name.removeprefix("CAP_").lower() for name in config["process"]["capabilities"]["bounding"]}
        self.assertEqual(held, set(pod.CAPABILITIES))
        self.assertTrue(config["linux"]["seccomp"]["syscalls"])

    def differences(self, whole, pod):
        """What differs, for whoever has to find out why: configs, and below them layers."""
        lists = []
        for store, digest in ((self.store, whole), (self.work / "pod-store", pod)):
            def blob(name, folder=store):
                return json.loads((folder / "blobs/sha256" / name.split(":")[1]).read_text())
            manifest = blob(digest)
            config = blob(manifest["config"]["digest"])
            lists.append(json.dumps({"layers": manifest["layers"], "config": config}, indent=1).splitlines())
        return "\n".join(difflib.unified_diff(*lists, lineterm=""))


if __name__ == "__main__":
    registry_case.main()
