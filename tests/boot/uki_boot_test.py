#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Boots what `osartifact build` makes for spec.artifacts.uki under OVMF with Secure Boot on and a
TPM in software: uki_boot_test.py PROGRAM CACHE [unittest arguments]

The image is a Debian kernel, busybox, and a STAND-IN for /usr/bin/immucore: a script that prints
what only the booted system can know and powers off. CACHE keeps the Debian packages.
Exits 77 (ctest: skipped) with the reason when this machine lacks a tool."""
import base64
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE.parent / "support"))
import test_image  # noqa: E402
import uki_keys  # noqa: E402

PROGRAM = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else ""
CACHE = pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else "/var/tmp/uki-boot-cache").absolute()
FIRMWARE = pathlib.Path("/usr/share/OVMF")
TIMEOUT = 600  # Seconds a boot may take under emulation on a busy machine.

# Both consoles of the command line are there, but /dev/console is the last, tty1.
IMMUCORE_STAND_IN = """#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sysfs /sys
/bin/busybox mount -t devtmpfs devtmpfs /dev
exec >/dev/ttyS0 2>&1
echo "token: $(/bin/busybox uname -r) $((6 * 7)) $(/bin/busybox cat /etc/canary)"
for bank in sha1 sha256 sha384 sha512; do
  [ -e /sys/class/tpm/tpm0/pcr-$bank/11 ] &&
    echo "pcr11: $bank $(/bin/busybox cat /sys/class/tpm/tpm0/pcr-$bank/11)"
done
/bin/busybox dmesg | /bin/busybox grep -i 'secure boot'
echo "owner: $(/bin/busybox stat -c %u:%g:%a /srv/owned)"
echo "same: $(/bin/busybox stat -c %h /srv/link)"
echo "cmdline: $(/bin/busybox cat /proc/cmdline)"
/bin/busybox poweroff -f
"""


def skip(reason):
    print("skipped:", reason)
    sys.exit(77)


def debian_packages():
    """Kernel and busybox from the Debian mirror, unpacked below CACHE."""
    root = CACHE / "root"
    if root.exists():
        return root
    CACHE.mkdir(parents=True, exist_ok=True)
    depends = subprocess.run(["apt-cache", "depends", "linux-image-cloud-amd64"], check=True,
                             capture_output=True, text=True, timeout=60).stdout
    kernel = re.search(r"Depends: (linux-image-\S+)", depends).group(1)
    with tempfile.TemporaryDirectory(dir=CACHE) as work:
        subprocess.run(["apt-get", "download", kernel, "busybox-static"], cwd=work, check=True,
                       timeout=300)
        made = pathlib.Path(work) / "root"
        for package in pathlib.Path(work).glob("*.deb"):
            subprocess.run(["dpkg-deb", "-x", package, made], check=True, timeout=120)
        made.rename(root)
    return root


def image_layers(root):
    kernel = next(root.glob("boot/vmlinuz-*"))
    files = {"bin": None, "etc": None, "usr": None, "usr/bin": None, "boot": None, "srv": None,
             "bin/busybox": ((root / "bin/busybox").read_bytes(), 0o755),
             "usr/bin/immucore": (IMMUCORE_STAND_IN.encode(), 0o755),
             "etc/os-release": b"ID=made\nPRETTY_NAME=\"Made for a test\"\n",
             "etc/canary": b"canary-4711",
             "srv/owned": (b"owned", 0o640), "srv/link": b"linked",
             f"boot/{kernel.name}": kernel.read_bytes(), "boot/vmlinuz": f"/boot/{kernel.name}"}
    return [test_image.layer(files)]


class Machine:
    """A virtual machine with our keys enrolled, Secure Boot on, and a TPM of its own."""

    def __init__(self, folder, keys, medium):
        self.folder = pathlib.Path(folder)
        self.serial = self.folder / "serial.log"
        tpm = self.folder / "tpm"
        tpm.mkdir()
        uki_keys.enrol(FIRMWARE / "OVMF_VARS_4M.fd", keys, self.folder / "vars.fd")
        self.tpm = subprocess.Popen(
            ["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={tpm}",
             "--ctrl", f"type=unixio,path={tpm}/socket", "--pid", f"file={tpm}/pid"])
        while not (tpm / "pid").exists():  # The socket's name is there before swtpm listens.
            time.sleep(0.05)
        self.machine = subprocess.Popen(
            ["qemu-system-x86_64", "-machine", "q35,smm=on", "-accel", "tcg,thread=multi",
             "-cpu", "max", "-m", "1024", "-nodefaults", "-display", "none",
             "-no-reboot", "-serial", f"file:{self.serial}",
             "-global", "driver=cfi.pflash01,property=secure,value=on",
             "-drive", f"if=pflash,unit=0,format=raw,readonly=on,file={FIRMWARE}/OVMF_CODE_4M.secboot.fd",
             "-drive", f"if=pflash,unit=1,format=raw,file={self.folder}/vars.fd",
             "-chardev", f"socket,id=tpm,path={tpm}/socket",
             "-tpmdev", "emulator,id=tpm0,chardev=tpm", "-device", "tpm-tis,tpmdev=tpm0", *medium])

    def wait_for(self, words, timeout=TIMEOUT):
        """What the serial console said until one of `words` came, the machine went or time was up."""
        end = time.monotonic() + timeout
        while True:
            ended = self.machine.poll() is not None
            text = self.serial.read_text(errors="replace") if self.serial.exists() else ""
            if ended or time.monotonic() > end or any(word in text for word in words):
                return text
            time.sleep(0.5)

    def close(self):
        for process in (self.machine, self.tpm):
            process.kill()
            process.wait()


class UkiBoot(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="uki_boot.", dir="/var/tmp")
        cls.base = pathlib.Path(cls.folder.name)
        cls.keys = cls.base / "keys"
        uki_keys.make_keys(cls.keys)
        subprocess.run([ROOT / "packaging/quickstart/registry.sh", cls.base / "registry", "demo",
                        "secret"], check=True, timeout=60)
        host = "localhost:" + (cls.base / "registry/port").read_text().strip()
        test_image.write_layout(str(cls.base / "layout"), image_layers(debian_packages()))
        config = cls.base / "config.json"
        config.write_text(json.dumps({"auths": {host: {
            "auth": base64.b64encode(b"demo:secret").decode()}}}))
        cls.common = ["--credentials", config, "--ca-dir", cls.base / "registry/ca", "--store",
                      cls.base / "store"]
        cls.program(["push", f"oci:{cls.base}/layout", f"{host}/demo/uki:1"])
        (cls.base / "demo.yaml").write_text(
            "apiVersion: build.kairos.io/v1alpha2\nkind: OSArtifact\nmetadata: {name: demo}\nspec:\n"
            f"  image: {{ref: {host}/demo/uki:1}}\n"
            f"  volumes: [{{name: keys, hostPath: {{path: {cls.keys}}}}}]\n"
            "  artifacts:\n    arch: amd64\n    uki: {iso: true, efi: true, keysVolume: keys}\n")
        cls.out = cls.base / "out"
        cls.program(["build", cls.base / "demo.yaml", "-o", cls.out])
        cls.iso = cls.out / "demo-uki.iso"

    @classmethod
    def tearDownClass(cls):
        os.kill(int((cls.base / "registry/pid").read_text()), signal.SIGTERM)
        cls.folder.cleanup()

    @classmethod
    def program(cls, arguments):
        result = subprocess.run([PROGRAM, *arguments, *cls.common], capture_output=True, text=True,
                                timeout=300)
        if result.returncode != 0:
            raise AssertionError(result.stderr)
        return result.stdout

    def machine(self, medium):
        folder = tempfile.TemporaryDirectory(dir=self.base)
        self.addCleanup(folder.cleanup)
        machine = Machine(folder.name, self.keys, medium)
        self.addCleanup(machine.close)
        return machine

    def check_console(self, text):
        self.assertIn(" 42 canary-4711", text)
        self.assertRegex(text, "(?i)secure boot (could|enabled)|secureboot: secure boot enabled")
        self.assertIn("owner: 0:0:640", text)
        self.assertIn("rd.immucore.uki", text)

    def test_the_iso_boots_from_a_cd_and_is_measured_as_foretold(self):
        machine = self.machine(["-drive", f"if=none,id=cd,media=cdrom,readonly=on,format=raw,file={self.iso}",
                                "-device", "ahci,id=ahci", "-device", "ide-cd,drive=cd,bus=ahci.0"])

        text = machine.wait_for(["cmdline:"])

        self.check_console(text)
        foretold = json.loads(self.program(
            ["inspect", "--format", "json", self.out / "demo-uki/EFI/kairos/norole.efi"]))["pcr11"]
        measured = dict(re.findall(r"pcr11: (\w+) ([0-9A-Fa-f]+)", text))
        self.assertIn("sha256", measured, text)
        for bank, value in measured.items():
            self.assertEqual(value.lower(), foretold[bank], bank)

    def test_the_iso_boots_from_a_usb_stick(self):
        machine = self.machine(["-device", "qemu-xhci", "-drive",
                                f"if=none,id=stick,readonly=on,format=raw,file={self.iso}",
                                "-device", "usb-storage,drive=stick"])

        self.check_console(machine.wait_for(["cmdline:"]))

    def test_a_flipped_byte_is_refused(self):
        with tempfile.TemporaryDirectory(dir=self.base) as folder:
            copy = pathlib.Path(folder) / "flipped.iso"
            shutil.copy(self.iso, copy)
            with copy.open("r+b") as file:
                whole = file.read()
                at = whole.index(b"canary-4711") if b"canary-4711" in whole else whole.index(
                    b"PRETTY_NAME=\"Made for a test\"")
                file.seek(at)
                file.write(bytes([whole[at] ^ 1]))
            machine = self.machine(["-drive",
                                    f"if=none,id=cd,media=cdrom,readonly=on,format=raw,file={copy}",
                                    "-device", "ahci,id=ahci", "-device",
                                    "ide-cd,drive=cd,bus=ahci.0"])

            text = machine.wait_for(["cmdline:", "Access denied", "Access Denied",
                                     "Security violation", "Security Violation"])

        self.assertNotIn("token:", text)
        self.assertRegex(text, "(?i)access denied|security violation")


if __name__ == "__main__":
    for tool in ("qemu-system-x86_64", "swtpm", "sign-efi-sig-list", "docker-registry", "xorriso",
                 "mformat", "dpkg-deb"):
        if shutil.which(tool) is None:
            skip(f"{tool} is missing")
    for file in (FIRMWARE / "OVMF_CODE_4M.secboot.fd",
                 pathlib.Path("/usr/lib/systemd/boot/efi/linuxx64.efi.stub")):
        if not file.exists():
            skip(f"{file} is missing")
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
