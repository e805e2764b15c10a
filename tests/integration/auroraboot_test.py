#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""--artifact-engine auroraboot. AuroraBoot is in no package registry: a stand-in of that name notes what it
is asked and gives artifacts that the native engine made before; so the inputs, the checks and the names of
the results are tested, on PATH and as a container. Where a real auroraboot is on PATH, it runs too.
Usage: auroraboot_test.py PROGRAM [unittest arguments]; needs root."""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import doc_examples  # noqa: E402
import registry_case  # noqa: E402
import test_image  # noqa: E402
import uki_keys  # noqa: E402

REAL = shutil.which("auroraboot")
STUB = pathlib.Path("/usr/lib/systemd/boot/efi/linuxx64.efi.stub")
CONFIG = "#cloud-config\nhostname: canary-config-5Tz\n"
MENU = "set timeout=77\n"

# Made for a POSIX shell and for busybox.
STAND_IN = """#!/bin/sh
here=$(dirname "$(readlink -f "$0")")
if [ "$1" = --help ]; then echo "commands: build-iso, build-uki, netboot"; exit 0; fi
for word; do echo "stand-in <$word>"; done
[ -e "$here/prepared/fails" ] && { echo "it is told to fail" >&2; exit 3; }
next=; out=; config=; overlay=; tree=
for word; do
  case $next in out) out=$word;; config) config=$word;; overlay) overlay=$word;; esac
  next=
  case $word in
    --output|--output-dir) next=out;; --cloud-config) next=config;; --overlay-iso) next=overlay;;
    state_dir=*) out=${word#state_dir=};; container_image=dir:*) tree=${word#*dir:};; dir:*) tree=${word#dir:};;
  esac
done
[ -n "$config" ] && echo "stand-in config $(cat "$config" | wc -c) $(stat -c %a "$config")"
[ -n "$overlay" ] && echo "stand-in overlay $(cd "$overlay" && find . -type f | sort | tr '\\n' ' ')"
[ -n "$tree" ] && { touch "$tree/written" 2>/dev/null && echo "stand-in tree writable"; ls "$tree/usr/bin" >/dev/null && echo "stand-in tree seen"; }
case "$2 $*" in
  build-iso*) cp "$here/prepared/demo.iso" "$out/artifact.iso"; head -c 307200 /dev/zero >>"$out/artifact.iso";;
  build-uki*) cp -r "$here/prepared/demo-uki/." "$out";;
  netboot*) cp "$here/prepared/demo-kernel" "$4/$5-kernel"; cp "$here/prepared/demo-initrd" "$4/$5-initrd"
            cp "$here/prepared/demo.squashfs" "$4/$5.squashfs";;
  *disk.efi=true*) cp "$here/prepared/demo.raw" "$out/kairos-debian-12.raw";;
  *) echo "unknown"; exit 1;;
esac
"""


class AuroraBoot(registry_case.RegistryCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        kairos = test_image.bootable_layers() + [test_image.layer({"etc/cos": None, "etc/cos/grub.cfg": b"set timeout=5\n"})]
        cls.push("demo/image:1", kairos)
        cls.push("demo/uki:1", [test_image.layer({
            "etc": None, "etc/os-release": b"ID=debian\n", "usr": None, "usr/bin": None,
            "usr/bin/immucore": (b"stand-in", 0o755), "boot": None, "boot/vmlinuz": STUB.read_bytes()})])
        cls.keys = cls.base / "keys"
        uki_keys.make_keys(cls.keys)
        cls.bin = cls.base / "bin"
        cls.bin.mkdir()
        (cls.bin / "auroraboot").write_text(STAND_IN)
        (cls.bin / "auroraboot").chmod(0o755)
        native = cls.base / "native"
        for image, artifacts in (("image", {"iso": True, "cloudImage": True, "netboot": True}),
                                 ("uki", {"uki": {"efi": True, "keysVolume": "keys"}})):
            file = cls.base / f"native-{image}.yaml"
            file.write_text(cls.text(image, artifacts))
            cls.run_program(["build", file, "-o", native], cls.base / "native-store", check=True)
        native.rename(cls.bin / "prepared")

    @classmethod
    def text(cls, image, artifacts, more=()):
        documents = [cls.login_secret(), {
            "apiVersion": "build.kairos.io/v1alpha2", "kind": "OSArtifact", "metadata": {"name": "demo"},
            "spec": {"image": {"ref": f"{cls.host}/demo/{image}:1"}, "imagePullSecrets": [{"name": "login"}],
                     "volumes": [{"name": "keys", "hostPath": {"path": str(cls.keys)}},
                                 {"name": "over", "hostPath": {"path": str(cls.base / "over")}}],
                     "artifacts": artifacts}}, *more]
        return "\n---\n".join(json.dumps(document) for document in documents)

    def build_with(self, image, artifacts, *arguments, more=(), path=None, **keywords):
        file = self.work / "demo.yaml"
        file.write_text(self.text(image, artifacts, more))
        return self.build(file, "--artifact-engine", "auroraboot", *arguments,
                          PATH=path or f"{self.bin}:{os.environ['PATH']}", **keywords)

    @staticmethod
    def asked(result):
        return [line.split("stand-in <", 1)[1].split(">")[0] for line in result.stderr.splitlines() if "stand-in <" in line]

    def test_iso_and_netboot_are_given_what_the_native_engine_is_given(self):
        (self.base / "over/extra").mkdir(parents=True, exist_ok=True)
        (self.base / "over/extra/file").write_text("over")
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "cc"}, "stringData": {"user": CONFIG}}
        result = self.build_with("image", {
            "iso": True, "netboot": True, "netbootURL": "http://10.0.0.1", "overlayISOVolume": "over",
            "grubConfig": MENU, "cloudConfigRef": {"name": "cc", "key": "user"}}, more=[secret], check=True)

        words = self.asked(result)
        self.assertEqual(words[:6], ["--debug", "build-iso", "--override-name", "artifact", "--date=false", "--output"])
        self.assertEqual(words[7], "--overlay-iso")
        self.assertEqual(words[9], "--cloud-config")
        self.assertEqual(words[11:13], ["--arch", "amd64"])
        self.assertTrue(words[13].startswith("dir:/"))
        self.assertEqual(words[14:16], ["--debug", "netboot"])
        self.assertEqual(words[16], str(self.out / "demo.iso"))
        self.assertEqual(words[18:], ["artifact"])
        self.assertIn("stand-in tree seen", result.stderr)
        self.assertIn(f"stand-in config {len(CONFIG)} 600", result.stderr)
        self.assertIn("stand-in overlay ./boot/grub2/grub.cfg ./extra/file", result.stderr)
        self.assertNotIn("canary-config-5Tz", result.stderr)
        self.assertIn("are cut off", result.stderr)
        names = {path.name for path in self.out.iterdir()}
        self.assertEqual(names, {"demo.iso", "demo-kernel", "demo-initrd", "demo.squashfs", "demo.ipxe", "demo.sha256",
                                 "demo.report.json"})
        subprocess.run(["sha256sum", "-c", "--quiet", "demo.sha256"], cwd=self.out, check=True)
        self.assertEqual((self.out / "demo.squashfs").read_bytes(), (self.bin / "prepared/demo.squashfs").read_bytes())
        self.assertEqual((self.out / "demo.iso").read_bytes(), (self.bin / "prepared/demo.iso").read_bytes())

        again = self.build_with("image", {
            "iso": True, "netboot": True, "netbootURL": "http://10.0.0.1", "overlayISOVolume": "over",
            "grubConfig": MENU, "cloudConfigRef": {"name": "cc", "key": "user"}}, more=[secret], check=True)
        self.assertEqual(self.asked(again), [])
        self.assertEqual(self.states()["iso"], "cached")

    def test_disks_and_what_is_made_of_them(self):
        result = self.build_with("image", {"cloudImage": True, "gceImage": True, "azureImage": True, "diskSize": "1000"}, check=True)

        words = self.asked(result)
        settings = [words[i + 1] for i, word in enumerate(words) if word == "--set"]
        self.assertEqual([setting.split("=")[0] for setting in settings],
                         ["disable_netboot", "disable_http_server", "state_dir", "container_image", "arch", "disk.efi",
                          "disk.raw", "disk.size"])
        self.assertEqual(settings[-1], "disk.size=1000")
        self.assertEqual((self.out / "demo.raw").read_bytes(), (self.bin / "prepared/demo.raw").read_bytes())
        self.assertEqual({path.suffix for path in self.out.iterdir()}, {".raw", ".vhd", ".gz", ".sha256", ".json"})

    def test_signed_media_come_of_one_run(self):
        result = self.build_with("uki", {"uki": {"iso": True, "container": True, "efi": True, "keysVolume": "keys"}}, check=True)

        words = self.asked(result)
        self.assertEqual(words.count("build-uki"), 1)
        self.assertEqual(words[words.index("--sb-key") + 1], str(self.keys / "db.key"))
        self.assertEqual(words[words.index("--output-type") + 1], "uki")
        self.assertEqual((self.out / "demo-uki/EFI/kairos/norole.efi").read_bytes(),
                         (self.bin / "prepared/demo-uki/EFI/kairos/norole.efi").read_bytes())
        self.assertTrue((self.out / "demo-uki.iso").exists() and (self.out / "demo-uki.tar").exists())

    def test_what_it_makes_wrongly_is_no_success(self):
        folder = self.work / "bin"
        shutil.copytree(self.bin, folder)
        iso = folder / "prepared/demo.iso"
        iso.write_bytes(iso.read_bytes()[:-4096])
        result = self.build_with("image", {"iso": True}, path=f"{folder}:{os.environ['PATH']}")
        self.assertEqual(result.returncode, 6, result.stderr)
        self.assertFalse((self.out / "demo.iso").exists())

        (folder / "prepared/fails").touch()
        result = self.build_with("image", {"iso": True}, path=f"{folder}:{os.environ['PATH']}")
        self.assertEqual(result.returncode, 6, result.stderr)
        self.assertIn("it is told to fail", result.stderr)

    def test_what_cannot_work_is_said_before_anything_starts(self):
        missing = self.build_with("image", {"iso": True}, path="/usr/sbin:/usr/bin:/sbin:/bin")
        if not REAL:
            self.assertEqual(missing.returncode, 6, missing.stderr)
            self.assertIn("--artifact-engine-image", missing.stderr)
        folder = self.work / "old"
        folder.mkdir()
        (folder / "auroraboot").write_text("#!/bin/sh\necho commands: build-iso\n")
        (folder / "auroraboot").chmod(0o755)
        old = self.build_with("image", {"iso": True}, path=f"{folder}:{os.environ['PATH']}")
        self.assertEqual(old.returncode, 6, old.stderr)
        self.assertIn("does not know build-uki", old.stderr)
        self.assertFalse(self.out.exists() and any(self.out.iterdir()))

    def test_from_an_image_that_takes_a_pull_secret(self):
        files = {"usr": None, "usr/bin": None, "usr/bin/auroraboot": (STAND_IN.encode(), 0o755), "usr/bin/prepared": None}
        for name in ("demo.iso",):
            files[f"usr/bin/prepared/{name}"] = (self.bin / "prepared" / name).read_bytes()
        links = {f"bin/{name}": "busybox" for name in "cp dirname find head readlink sort stat tr wc".split()}
        self.push("tools/auroraboot:1", [test_image.busybox_layer(), test_image.layer(links), test_image.layer(files)],
                  config={"Env": ["PATH=/usr/bin:/bin"], "Entrypoint": ["/bin/false"]})
        empty = self.work / "empty.json"
        empty.write_text('{"auths": {}}')
        name = f"{self.host}/tools/auroraboot:1"
        result = self.build_with("image", {"iso": True}, "--artifact-engine-image", name, "--credentials", empty,
                                 path=os.environ["PATH"], check=True)

        self.assertEqual(self.asked(result), ["--debug", "build-iso", "--override-name", "artifact", "--date=false", "--output",
                                              "/artifacts", "--arch", "amd64", "dir:/rootfs"])
        self.assertIn("stand-in tree seen", result.stderr)
        self.assertNotIn("stand-in tree writable", result.stderr)
        self.assertTrue((self.out / "demo.iso").exists())

        file = self.work / "demo.yaml"
        file.write_text(self.text("image", {"iso": True}))
        examples = [words for words in doc_examples.commands("engines.md") if words[1] == "build" or words[-1].endswith(".iso")]
        self.assertEqual(len(examples), 4)
        for words in examples:
            words = [word.replace("registry.example.com/kairos/auroraboot:v0.26.0", name) for word in words[1:]]
            self.run_program(words, self.store, check=True, cwd=self.work, PATH=f"{self.bin}:{os.environ['PATH']}")
        for folder in ("native", "auroraboot", "from-image"):
            self.assertTrue((self.work / folder / "demo.iso").exists())

        pod = self.build_with("image", {"iso": True}, "--artifact-engine-image", name, "--runtime", "chroot", "--no-cache",
                              path=os.environ["PATH"])
        self.assertEqual(pod.returncode, 2, pod.stderr)
        self.assertIn("--artifact-engine native", pod.stderr)

    @unittest.skipUnless(REAL, "SKIPPED: no real auroraboot is on PATH: only the stand-in was tested")
    def test_the_real_one(self):
        self.build_with("image", {"iso": True, "netboot": True}, path=os.environ["PATH"], check=True)
        self.assertTrue((self.out / "demo.iso").exists())


if __name__ == "__main__":
    registry_case.main()
