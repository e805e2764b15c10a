#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""spec.artifacts.uki, as its users run it: a real docker-registry, a small image, real keys; checked
with sbverify, skopeo, xorriso and mtools. The kernel of the image is a STAND-IN: any EFI program
will do where nothing is booted. Usage: uki_test.py PROGRAM [unittest arguments]"""
import base64
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import registry_case  # noqa: E402
import test_image  # noqa: E402
import uki_keys  # noqa: E402
from registry_case import POD  # noqa: E402

STUB = pathlib.Path("/usr/lib/systemd/boot/efi/linuxx64.efi.stub")
FILES = ["EFI/BOOT/BOOTX64.EFI", "EFI/kairos/norole.efi", "loader/entries/norole.conf",
         "loader/keys/auto/KEK.auth", "loader/keys/auto/PK.auth", "loader/keys/auto/db.auth",
         "loader/loader.conf"]


def for_arm64(program):
    """An EFI program that says it is for arm64: the machine of its header is the other one."""
    at = int.from_bytes(program[60:64], "little") + 4
    return program[:at] + (0xAA64).to_bytes(2, "little") + program[at + 2:]


def layers():
    return [test_image.layer({
        "etc": None, "etc/os-release": b"ID=debian\n", "usr": None, "usr/bin": None,
        "usr/bin/immucore": (b"stand-in", 0o755), "boot": None, "boot/vmlinuz": STUB.read_bytes(),
        "srv": None, "srv/content": os.urandom(1 << 16).hex().encode()})]


class Uki(registry_case.RegistryCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.keys = cls.base / "keys"
        uki_keys.make_keys(cls.keys)
        cls.push("demo/uki:1", layers())

    def manifest(self, wanted="iso: true, container: true, efi: true", keys=None, more="", volumes="",
                 documents=""):
        volume = keys or f"hostPath: {{path: {self.keys}}}"
        file = self.work / "demo.yaml"
        file.write_text(
            "apiVersion: build.kairos.io/v1alpha2\nkind: OSArtifact\nmetadata: {name: demo}\nspec:\n"
            f"  image: {{ref: {self.host}/demo/uki:1}}\n"
            f"  volumes: [{{name: keys, {volume}}}{volumes}]\n"
            f"  artifacts:\n    arch: amd64\n    uki: {{{wanted}, keysVolume: keys}}\n{more}{documents}")
        return file

    def build(self, file, check=True, **keywords):
        return super().build(file, check=check, **keywords)

    def listing(self, out):
        return {str(path.relative_to(out)): hashlib.sha256(path.read_bytes()).hexdigest()
                for path in sorted(out.rglob("*"))
                if path.is_file() and path.name != "demo.report.json"}

    def test_one_signed_image_becomes_iso_container_and_files(self):
        self.build(self.manifest())

        subprocess.run(["sha256sum", "-c", "--quiet", "demo.sha256"], cwd=self.out, check=True)
        files = self.out / "demo-uki"
        self.assertEqual(sorted(str(path.relative_to(files)) for path in files.rglob("*")
                                if path.is_file()), FILES)
        for program in FILES[:2]:
            subprocess.run(["sbverify", "--cert", self.keys / "db.pem", files / program], check=True,
                           capture_output=True, timeout=60)
        self.assertEqual((files / "loader/keys/auto/PK.auth").read_bytes(),
                         (self.keys / "PK.auth").read_bytes())
        self.assertIn("/EFI/kairos/norole.efi\n", (files / "loader/entries/norole.conf").read_text())
        self.assertEqual(self.states()["uki"], "done")

    def test_the_iso_is_what_kairos_looks_for(self):
        self.build(self.manifest("iso: true, efi: true"))
        iso = self.out / "demo-uki.iso"

        report = subprocess.run(["xorriso", "-indev", iso, "-report_el_torito", "plain",
                                 "-report_system_area", "plain", "-find", "/", "-type", "f"],
                                capture_output=True, text=True, check=True, timeout=60)
        self.assertIn("'UKI_ISO_INSTALL'", report.stderr)
        self.assertRegex(report.stdout, r"El Torito boot img :   1  UEFI  y   none")
        self.assertRegex(report.stdout, r"El Torito img path :   1  /efiboot\.img")
        self.assertNotIn("'/config.yaml'", report.stdout)
        image = self.work / "efiboot.img"
        subprocess.run(["xorriso", "-osirrox", "on", "-indev", iso, "-extract", "/efiboot.img",
                        image], check=True, capture_output=True, timeout=60)
        self.assertIn(b"FAT32", image.read_bytes()[:512])
        for file in FILES:
            copy = self.work / "copy"
            subprocess.run(["mcopy", "-n", "-o", "-i", image, f"::/{file}", copy], check=True,
                           timeout=60)
            self.assertEqual(copy.read_bytes(), (self.out / "demo-uki" / file).read_bytes(), file)

    def test_cloud_config_and_overlay_lie_on_the_iso(self):
        overlay = self.work / "overlay"
        (overlay / "extra").mkdir(parents=True)
        (overlay / "extra/file").write_text("laid over")
        self.build(self.manifest(
            "iso: true", volumes=f", {{name: over, hostPath: {{path: {overlay}}}}}",
            more="    overlayISOVolume: over\n    cloudConfigRef: {name: cc, key: user}\n",
            documents="---\napiVersion: v1\nkind: Secret\nmetadata: {name: cc}\n"
                      "stringData: {user: \"#cloud-config\\nhostname: box\\n\"}\n"))

        for name, words in {"/config.yaml": "hostname: box", "/extra/file": "laid over"}.items():
            copy = self.work / "copy"
            subprocess.run(["xorriso", "-osirrox", "on", "-indev", self.out / "demo-uki.iso",
                            "-extract", name, copy], check=True, capture_output=True, timeout=60)
            self.assertIn(words, copy.read_text())
            copy.unlink()

    def test_the_container_is_an_image_of_the_same_files(self):
        self.build(self.manifest("container: true, efi: true"))

        config = json.loads(subprocess.run(
            ["skopeo", "inspect", "--config", f"docker-archive:{self.out}/demo-uki.tar"],
            capture_output=True, text=True, check=True, timeout=60).stdout)
        self.assertEqual((config["architecture"], config["os"]), ("amd64", "linux"))
        root = self.work / "root"
        self.program("unpack", f"docker-archive:{self.out}/demo-uki.tar", root,
                     store=self.work / "other", check=True)
        self.assertEqual(self.listing(root), self.listing(self.out / "demo-uki"))

    def test_a_second_build_runs_nothing_and_what_is_gone_is_made_again(self):
        file = self.manifest()
        self.build(file)
        self.build(file)
        self.assertEqual(set(self.states().values()), {"cached"})

        (self.out / "demo-uki/loader/loader.conf").write_text("timeout 0\n")
        (self.out / "demo-uki.iso").unlink()
        self.build(file)

        states = self.states()
        self.assertEqual((states["uki"], states["uki-container"]), ("cached", "cached"))
        self.assertEqual((states["uki-iso"], states["uki-files"]), ("done", "done"))
        subprocess.run(["sha256sum", "-c", "--quiet", "demo.sha256"], cwd=self.out, check=True)

    def test_case234_the_same_inputs_give_the_same_bytes_with_the_capabilities_of_a_pod(self):
        file = self.manifest()
        self.build(file)
        self.build(file, out=self.work / "again", store=self.work / "again-store",
                   prefix=POD)

        self.assertEqual(self.listing(self.work / "again"), self.listing(self.out))

    def test_other_keys_make_another_image(self):
        self.build(self.manifest("efi: true"))
        first = self.listing(self.out)
        other = self.work / "other-keys"
        uki_keys.make_keys(other, "other")

        self.build(self.manifest("efi: true", keys=f"hostPath: {{path: {other}}}"))

        self.assertEqual(self.states()["uki"], "done")
        self.assertNotEqual(self.listing(self.out), first)
        inspected = json.loads(self.program("inspect", "--format", "json",
                                            self.out / "demo-uki/EFI/kairos/norole.efi",
            check=True).stdout)
        self.assertEqual(inspected["signature"]["signer"], "CN=other db")
        self.assertTrue(inspected["signature"]["valid"])
        self.assertEqual(inspected["pcrPolicies"], "valid")

    def test_keys_come_from_a_secret_and_are_left_nowhere(self):
        data = "".join(f"  {path.name}: {base64.b64encode(path.read_bytes()).decode()}\n"
                       for path in self.keys.iterdir() if path.suffix in (".auth", ".key", ".pem"))
        result = self.build(self.manifest(
            keys="secret: {secretName: signing}",
            documents="---\napiVersion: v1\nkind: Secret\nmetadata: {name: signing}\n"
                      f"data:\n{data}"))

        said = [result.stdout.encode(), result.stderr.encode()]
        written = [path.read_bytes() for folder in (self.out, self.work / "store")
                   for path in folder.rglob("*") if path.is_file()]
        with tarfile.open(self.out / "demo-uki.tar") as archive:
            written += [archive.extractfile(member).read() for member in archive if member.isfile()]
        for name in ("db.key", "tpm2-pcr-private.pem", "KEK.key", "PK.key"):
            lines = (self.keys / name).read_text().splitlines()
            for line in lines[2:-2]:
                for text in said + written:
                    self.assertNotIn(line.encode(), text)

    def test_missing_keys_are_told_of_before_anything_is_done(self):
        empty = self.work / "empty"
        empty.mkdir()
        shutil.copy(self.keys / "db.pem", empty)

        result = self.build(self.manifest(keys=f"hostPath: {{path: {empty}}}"), check=False)

        self.assertEqual(result.returncode, 2, result.stderr)
        self.assertIn("db.key: not there; tpm2-pcr-private.pem: not there; PK.auth: not there",
                      result.stderr)
        self.assertFalse(self.out.exists())

    def test_case231_an_amd64_machine_makes_arm64_of_what_the_image_brings(self):
        folder = "usr/lib/systemd/boot/efi"
        files = {f"{folder}/linuxaa64.efi.stub": for_arm64(STUB.read_bytes()),
                 f"{folder}/systemd-bootaa64.efi": for_arm64(
                     STUB.with_name("systemd-bootx64.efi").read_bytes()),
                 "usr/bin/immucore": b"stand-in", "boot/vmlinuz": for_arm64(STUB.read_bytes())}
        self.push("demo/arm:1", [test_image.layer(files)],
                                architecture="arm64")
        file = self.manifest("iso: true, efi: true")
        file.write_text(file.read_text().replace("/uki:1", "/arm:1").replace("amd64", "arm64"))

        self.build(file)

        for name in ("EFI/BOOT/BOOTAA64.EFI", "EFI/kairos/norole.efi"):
            inspected = json.loads(self.program("inspect", "--format", "json",
                                                self.out / "demo-uki" / name, check=True).stdout)
            self.assertEqual(inspected["architecture"], "arm64")
            self.assertTrue(inspected["signature"]["valid"])
        self.assertFalse((self.out / "demo-uki/EFI/BOOT/BOOTX64.EFI").exists())

    def test_a_kernel_of_another_processor_is_told_of(self):
        tar = test_image.layer({"usr/bin/immucore": b"stand-in",
                                "boot/vmlinuz": for_arm64(STUB.read_bytes())})
        self.push("demo/mixed:1", [tar])
        file = self.manifest()
        file.write_text(file.read_text().replace("/uki:1", "/mixed:1"))

        result = self.build(file, check=False)

        self.assertEqual(result.returncode, 6, result.stderr)
        self.assertIn("the image's kernel is for arm64", result.stderr)

    def test_what_is_no_image_for_trusted_boot_is_told_of(self):
        tar = test_image.layer({"boot": None, "boot/vmlinuz": STUB.read_bytes(), "etc": None})
        self.push("demo/plain:1", [tar])
        file = self.manifest()
        file.write_text(file.read_text().replace("/uki:1", "/plain:1"))

        result = self.build(file, check=False)

        self.assertEqual(result.returncode, 6, result.stderr)
        self.assertIn("it has no /usr/bin/immucore", result.stderr)
        self.assertFalse((self.out / "demo-uki").exists())

    def test_inspect_refuses_what_it_does_not_know(self):
        file = self.work / "notes.txt"
        file.write_text("nothing")

        result = self.program("inspect", file)

        self.assertEqual(result.returncode, 2)
        self.assertIn("it is no kind of file that we know", result.stderr)


if __name__ == "__main__":
    registry_case.main()
