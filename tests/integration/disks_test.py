#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Disks made by the program as its users run it, looked at with the tools of others.
Usage: disks_test.py PROGRAM [unittest arguments]"""
import json
import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import pod  # noqa: E402
import registry_case  # noqa: E402
import test_image  # noqa: E402
from registry_case import PROGRAM, UNPRIVILEGED  # noqa: E402

MIB = 1 << 20
EPOCH = "1700000000"


def kairos_layers():
    """The least that a raw disk can be made of."""
    return test_image.bootable_layers() + [test_image.layer({
        "etc/cos": None, "etc/cos/grub.cfg": b"set timeout=5\n",
        "usr/bin/large": os.urandom(8 * MIB)})]


class Disks(registry_case.RegistryCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.push("demo/image:1", kairos_layers())

    def manifest(self, artifacts, more=""):
        manifest = self.work / "demo.yaml"
        manifest.write_text(
            "apiVersion: build.kairos.io/v1alpha2\nkind: OSArtifact\nmetadata: {name: demo}\n"
            f"spec:\n  image: {{ref: '{self.host}/demo/image:1'}}\n  artifacts: {{{artifacts}}}\n"
            f"{more}")
        return manifest

    def build(self, artifacts, *arguments, more="", check=True, **keywords):
        return super().build(self.manifest(artifacts, more), *arguments, check=check,
                             SOURCE_DATE_EPOCH=EPOCH, **keywords)

    def stage_names(self):
        return [stage["name"] for stage in self.report()["stages"]]

    @staticmethod
    def run_tool(*command):
        return subprocess.run(command, capture_output=True, text=True, timeout=100, check=True,
                              env={**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin"}
                              ).stdout

    def assert_sound_disk(self, disk):
        self.assertIn("No errors detected", self.run_tool("sfdisk", "-V", disk))
        table = json.loads(self.run_tool("sfdisk", "--json", disk))["partitiontable"]
        self.assertEqual([p["name"] for p in table["partitions"]][1:], ["oem", "recovery"])
        for partition in table["partitions"][1:]:
            self.run_tool("e2fsck", "-fn", f"{disk}?offset={partition['start'] * 512}")

    def test_case224_a_build_that_succeeds_leaves_a_sound_disk_and_its_checksum(self):
        self.build("cloudImage: true, diskSize: '1000'")

        self.assertEqual((self.out / "demo.raw").stat().st_size, 1000 * MIB)
        self.assert_sound_disk(self.out / "demo.raw")
        self.run_tool("sh", "-c", 'cd "$0" && sha256sum -c --quiet demo.sha256', self.out)
        self.assertEqual({p.name for p in self.out.iterdir()},
                         {"demo.raw", "demo.sha256", "demo.report.json"})

    def test_case228_leftovers_of_another_run_are_neither_taken_nor_touched(self):
        self.out.mkdir()
        (self.out / "aaa.raw").write_text("old")
        self.build("cloudImage: true", more="  nameOverride: {cloudImage: other}\n")

        self.assertEqual((self.out / "aaa.raw").read_text(), "old")
        self.assert_sound_disk(self.out / "other.raw")
        self.assertNotIn("aaa.raw", (self.out / "demo.sha256").read_text())

    def test_case234_with_privileges_or_without_the_bytes_are_the_same(self):
        self.build("cloudImage: true")
        result = self.build("cloudImage: true", out=self.work / "two", store=self.work / "other",
                            prefix=UNPRIVILEGED)

        self.assertIn("layers go into one directory", result.stderr)
        self.assertEqual((self.out / "demo.sha256").read_text(),
                         (self.work / "two/demo.sha256").read_text())

    def test_a_container_with_the_capabilities_of_a_pod_and_no_devices_makes_everything(self):
        manifest = self.manifest("iso: true, cloudImage: true, azureImage: true, gceImage: true, "
                                 "netboot: true, netbootURL: 'http://boot.test/'")
        result = pod.Pod(self.work / "pod",
                         self.command(["build", manifest, "-o", self.out], self.store),
                         writable=[self.base], readable=[pathlib.Path(PROGRAM).parent],
                         environment={"SOURCE_DATE_EPOCH": EPOCH}).run()

        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("layers go into one directory", result.stderr)
        self.assert_sound_disk(self.out / "demo.raw")
        self.assertTrue({"demo.iso", "demo.vhd", "demo.gce.tar.gz", "demo.squashfs"} <=
                        {p.name for p in self.out.iterdir()})
        names = self.stage_names()
        self.assertEqual((names.count("squashfs"), names.count("raw-disk")), (1, 1))

    def test_a_disk_for_a_bios_is_made_where_asked(self):
        self.build("cloudImage: true", "--disk-firmware", "bios")

        self.assert_sound_disk(self.out / "demo.raw")
        self.assertIn("21686148-6449-6E6F-744E-656564454649",
                      self.run_tool("sfdisk", "-d", self.out / "demo.raw"))

    def test_case225_case226_clouds_get_their_forms_and_the_disk_itself_is_not_left_behind(self):
        self.build("azureImage: true, gceImage: true")

        self.assertEqual({p.name for p in self.out.iterdir()},
                         {"demo.vhd", "demo.gce.tar.gz", "demo.sha256", "demo.report.json"})
        self.assertEqual(self.stage_names().count("raw-disk"), 1)
        for name in ("vhd", "gce"):
            (self.work / name).mkdir()
        self.run_tool("qemu-img", "convert", "-f", "vpc", "-O", "raw", self.out / "demo.vhd",
                      self.work / "vhd/disk.raw")
        self.run_tool("tar", "-xSzf", self.out / "demo.gce.tar.gz", "-C", self.work / "gce")
        for name in ("vhd", "gce"):
            self.assert_sound_disk(self.work / name / "disk.raw")
        self.assertEqual((self.work / "gce/disk.raw").stat().st_size % (1 << 30), 0)

    def test_case227_the_same_inputs_give_the_same_bytes_for_the_clouds(self):
        self.build("cloudImage: true, azureImage: true, gceImage: true")
        self.build("cloudImage: true, azureImage: true, gceImage: true", out=self.work / "two",
                   store=self.work / "other")

        self.assertEqual((self.out / "demo.sha256").read_text(),
                         (self.work / "two/demo.sha256").read_text())

    def test_case229_a_disk_too_small_for_its_content_is_told_of_with_numbers(self):
        result = self.build("cloudImage: true, diskSize: '100'", check=False)

        self.assertEqual(result.returncode, 6, result.stderr)
        self.assertIn("a disk of 100 MiB is too small", result.stderr)
        self.assertRegex(result.stderr, r"partitions need \d+ MiB")
        self.assertEqual([p.name for p in self.out.iterdir() if "raw" in p.name], [])

    def test_one_build_makes_one_squashfs_and_writes_the_root_once_for_each_that_holds_it(self):
        self.build("iso: true, cloudImage: true, netboot: true, netbootURL: 'http://boot.test/'")

        names = self.stage_names()
        self.assertEqual(names.count("squashfs"), 1)
        self.assertEqual(names.count("unpack"), 1)
        self.assertEqual(names.count("raw-disk"), 1)
        kinds = {"demo.iso": "iso", "demo.raw": "raw-disk", "demo.squashfs": "squashfs",
                 "demo.ipxe": "ipxe", "demo-kernel": "kernel"}
        for name, kind in kinds.items():
            view = json.loads(self.program("inspect", "--format", "json", self.out / name,
                                           check=True).stdout)
            self.assertEqual((view["kind"], view["check"]), (kind, "passed"), view)
            self.assertIn(f"{view['sha256']}  {name}\n", (self.out / "demo.sha256").read_text())
        self.assertIn("COS_RECOVERY", self.program("inspect", self.out / "demo.raw",
                                                   check=True).stdout)
        tree = 8 * MIB  # What the image holds, by far.
        self.assertLess((self.out / "demo.raw").stat().st_blocks * 512, tree * 1.1 + 8 * MIB)


if __name__ == "__main__":
    registry_case.main()
