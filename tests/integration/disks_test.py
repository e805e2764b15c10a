#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Disks made by the program as its users run it, looked at with the tools of others.
Usage: disks_test.py PROGRAM [unittest arguments]"""
import base64
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE.parent / "support"))
import test_image  # noqa: E402

PROGRAM = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else ""
PASSWORD = "canary-password-9Kd"
MIB = 1 << 20
EPOCH = "1700000000"
# What a container of a pod may do when nothing else is said.
POD_CAPABILITIES = ["CHOWN", "DAC_OVERRIDE", "FSETID", "FOWNER", "MKNOD", "NET_RAW", "SETGID",
                    "SETUID", "SETFCAP", "SETPCAP", "NET_BIND_SERVICE", "SYS_CHROOT", "KILL",
                    "AUDIT_WRITE"]


def kairos_layers():
    """The least that a raw disk can be made of."""
    return test_image.bootable_layers() + [test_image.layer({
        "etc/cos": None, "etc/cos/grub.cfg": b"set timeout=5\n",
        "usr/bin/large": os.urandom(8 * MIB)})]


class Disks(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="disks.", dir="/var/tmp")
        cls.base = pathlib.Path(cls.folder.name)
        subprocess.run([ROOT / "packaging/quickstart/registry.sh", cls.base / "registry", "demo",
                        PASSWORD], check=True, timeout=60)
        cls.host = "localhost:" + (cls.base / "registry/port").read_text().strip()
        test_image.write_layout(str(cls.base / "layout"), kairos_layers())
        cls.config = cls.base / "config.json"
        auth = base64.b64encode(f"demo:{PASSWORD}".encode()).decode()
        cls.config.write_text(json.dumps({"auths": {cls.host: {"auth": auth}}}))
        cls.program("push", f"oci:{cls.base / 'layout'}", f"{cls.host}/demo/image:1", "--store",
                    cls.base / "push-store")

    @classmethod
    def tearDownClass(cls):
        os.kill(int((cls.base / "registry/pid").read_text()), signal.SIGTERM)
        cls.folder.cleanup()

    def setUp(self):
        work = tempfile.TemporaryDirectory(dir=self.base)
        self.addCleanup(work.cleanup)
        self.work = pathlib.Path(work.name)
        self.out = self.work / "out"

    @classmethod
    def program(cls, *arguments, prefix=(), check=True):
        result = subprocess.run(
            [*prefix, PROGRAM, *map(str, arguments), "--ca-dir", cls.base / "registry/ca",
             "--credentials", cls.config], capture_output=True, text=True, timeout=200,
            env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", "SOURCE_DATE_EPOCH": EPOCH})
        if check and result.returncode != 0:
            raise AssertionError(result.stderr)
        return result

    def manifest(self, artifacts, more=""):
        manifest = self.work / "demo.yaml"
        manifest.write_text(
            "apiVersion: build.kairos.io/v1alpha2\nkind: OSArtifact\nmetadata: {name: demo}\n"
            f"spec:\n  image: {{ref: '{self.host}/demo/image:1'}}\n  artifacts: {{{artifacts}}}\n"
            f"{more}")
        return manifest

    def build(self, artifacts, *arguments, out=None, store="store", more="", **keywords):
        return self.program("build", self.manifest(artifacts, more), "-o", out or self.out, "--store", self.work / store,
                            *arguments, **keywords)

    def stages(self):
        report = json.loads((self.out / "demo.report.json").read_text())
        return [stage["name"] for stage in report["stages"]]

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
        self.assertNotIn("aaa", (self.out / "demo.sha256").read_text())

    def test_case234_with_privileges_or_without_the_bytes_are_the_same(self):
        self.build("cloudImage: true")
        unprivileged = ["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin"]
        result = self.build("cloudImage: true", out=self.work / "two", store="other",
                            prefix=unprivileged)

        self.assertIn("layers go into one directory", result.stderr)
        self.assertEqual((self.out / "demo.sha256").read_text(),
                         (self.work / "two/demo.sha256").read_text())

    def test_a_container_with_the_capabilities_of_a_pod_and_no_devices_makes_everything(self):
        bundle = self.work / "bundle"
        (bundle / "root").mkdir(parents=True)
        binds = [(path, "ro") for path in ("/usr", "/etc", "/boot") if os.path.isdir(path)]
        binds += [(str(self.base), "rw"), (str(pathlib.Path(PROGRAM).parent), "ro")]
        for link in ("bin", "sbin", "lib", "lib64"):
            (bundle / "root" / link).symlink_to(f"usr/{link}")
        capabilities = ["CAP_" + name for name in POD_CAPABILITIES]
        manifest = self.manifest("iso: true, cloudImage: true, azureImage: true, gceImage: true, "
                                 "netboot: true, netbootURL: 'http://boot.test/'")
        (bundle / "config.json").write_text(json.dumps({
            "ociVersion": "1.0.2", "root": {"path": "root"},
            "process": {
                "user": {"uid": 0, "gid": 0}, "cwd": "/", "noNewPrivileges": True,
                "env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", f"SOURCE_DATE_EPOCH={EPOCH}"],
                "args": [PROGRAM, "build", str(manifest), "-o", str(self.out), "--store",
                         str(self.work / "store"), "--ca-dir", str(self.base / "registry/ca"),
                         "--credentials", str(self.config)],
                "capabilities": {kind: capabilities
                                 for kind in ("bounding", "effective", "permitted")}},
            "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"},
                       {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs"}] + [
                {"destination": path, "type": "bind", "source": path, "options": ["rbind", mode]}
                for path, mode in binds],
            "linux": {"namespaces": [{"type": kind} for kind in ("pid", "ipc", "uts", "mount")],
                      "resources": {"devices": [{"allow": False, "access": "rwm"}]}}}))
        result = subprocess.run(["runc", "--root", self.work / "runc", "run", "--bundle", bundle,
                                 f"disks-{os.getpid()}"], capture_output=True, text=True, timeout=200)

        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("layers go into one directory", result.stderr)
        self.assert_sound_disk(self.out / "demo.raw")
        self.assertTrue({"demo.iso", "demo.vhd", "demo.gce.tar.gz", "demo.squashfs"} <=
                        {p.name for p in self.out.iterdir()})
        names = self.stages()
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
        self.assertEqual(self.stages().count("raw-disk"), 1)
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
                   store="other")

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

        names = self.stages()
        self.assertEqual(names.count("squashfs"), 1)
        self.assertEqual(names.count("unpack"), 1)
        self.assertEqual(names.count("raw-disk"), 1)
        kinds = {"demo.iso": "iso", "demo.raw": "raw-disk", "demo.squashfs": "squashfs",
                 "demo.ipxe": "ipxe", "demo-kernel": "kernel"}
        for name, kind in kinds.items():
            view = json.loads(self.program("inspect", "--format", "json", self.out / name).stdout)
            self.assertEqual((view["kind"], view["check"]), (kind, "passed"), view)
            self.assertIn(f"{view['sha256']}  {name}\n", (self.out / "demo.sha256").read_text())
        self.assertIn("COS_RECOVERY", self.program("inspect", self.out / "demo.raw").stdout)
        tree = 8 * MIB  # What the image holds, by far.
        self.assertLess((self.out / "demo.raw").stat().st_blocks * 512, tree * 1.1 + 8 * MIB)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]], verbosity=2)
