#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The builder image: made from packaging/container/Dockerfile by the program itself, on a Debian from a registry with a
password, pushed, and run by runc as a pod would run it. Needs root, mmdebstrap and a Debian mirror.
Usage: container_test.py PROGRAM PACKAGE.deb CACHE; CACHE keeps the Debian for the next run. Ends with 77, and the reason,
where a tool is missing."""
import json
import os
import pathlib
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
if len(sys.argv) < 4:
    sys.exit(__doc__)
PACKAGE, CACHE = pathlib.Path(sys.argv.pop(2)).resolve(), pathlib.Path(sys.argv.pop(2)).resolve()
import builder_image  # noqa: E402
import pod  # noqa: E402
import registry_case  # noqa: E402
import test_image  # noqa: E402

MIB = 1 << 20


class BuilderImage(registry_case.RegistryCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.push("demo/image:1", test_image.bootable_layers())
        cls.image = f"{cls.host}/tools/osartifact:1"
        builder_image.build(cls, PACKAGE, CACHE, "-t", cls.image, "--push")
        cls.root = cls.base / "image"
        cls.run_program(["unpack", cls.image, cls.root], cls.base / "store2", check=True)

    def pod(self, *arguments, **keywords):
        running = pod.Pod(self.work / "pod", ["/usr/bin/osartifact", *arguments], root=self.root,
                          readable=[self.base / "registry/ca"], writable=[self.work, self.work / "store"],
                          environment={"OSARTIFACT_STORE": self.work / "store", "TMPDIR": self.work}, **keywords)
        return running.run()

    def test_what_was_pushed_is_one_layer_with_an_entrypoint_and_nothing_of_apt(self):
        manifest = json.loads(self.program("inspect", "--raw", self.image, check=True).stdout)
        config = json.loads(self.program("inspect", "--config", self.image, check=True).stdout)

        self.assertEqual(manifest["mediaType"], "application/vnd.oci.image.manifest.v1+json")
        self.assertEqual(len(manifest["layers"]), 1)
        self.assertEqual(config["config"]["Entrypoint"], ["/usr/bin/osartifact"])
        size = manifest["layers"][0]["size"]
        print(f"the image has {size / MIB:.0f} MiB", file=sys.stderr)
        self.assertLess(size, 160 * MIB)
        self.assertEqual(list((self.root / "var/lib/apt/lists").glob("*")), [])
        self.assertEqual([path for path in (self.root / "var/cache/apt").rglob("*.deb")], [])

    def test_as_a_pod_it_builds_an_iso_within_512_mib(self):
        manifest = self.work / "demo.yaml"
        manifest.write_text(json.dumps(self.login_secret()) + "\n---\n" + json.dumps({
            "apiVersion": "build.kairos.io/v1alpha2", "kind": "OSArtifact", "metadata": {"name": "demo"},
            "spec": {"image": {"ref": f"{self.host}/demo/image:1", "imageCredentialsSecretRef": {"name": "login"}},
                     "artifacts": {"iso": True}}}))
        (self.work / "store").mkdir()
        result = self.pod("build", manifest, "-o", self.out, "--ca-dir", self.base / "registry/ca", memory=512)

        self.assertEqual(result.returncode, 0, result.stderr)
        subprocess.run(["sha256sum", "-c", "--quiet", "demo.sha256"], cwd=self.out, check=True)

    def test_what_only_talks_to_registries_needs_no_root(self):
        config = self.work / "config.json"
        config.write_text(self.login())
        (self.work / "store").mkdir()
        for path in (self.base, self.work, self.work / "store"):
            path.chmod(0o777)
        result = self.pod("pull", f"{self.host}/demo/image:1", "--credentials", config, "--ca-dir",
                          self.base / "registry/ca", user=65532)

        self.assertEqual(result.returncode, 0, result.stderr)


if __name__ == "__main__":
    missing = [tool for tool in ("mmdebstrap", "runc", "docker-registry", "htpasswd") if not shutil.which(tool)]
    if missing or os.getuid() != 0:
        print("skipped:", f"{missing[0]} is missing" if missing else "needs root")
        sys.exit(77)
    registry_case.main()
