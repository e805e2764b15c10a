#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Boots what `osartifact build` makes for spec.artifacts.netboot from a web server, by the iPXE that
QEMU's network card has in its ROM, to the login prompt: netboot_boot_test.py PROGRAM CACHE

The image is the quickstart's, with dracut's livenet in its initrd; CACHE keeps it.
Exits 77 (ctest: skipped) with the reason when this machine lacks a tool."""
import contextlib
import functools
import http.server
import os
import pathlib
import shutil
import subprocess
import sys
import threading
import time
import uuid

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import registry_case  # noqa: E402
import test_image  # noqa: E402

CACHE = pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else "/var/tmp/netboot-boot-cache").absolute()
MAKE_IMAGE = registry_case.TESTS.parent / "packaging/quickstart/make-image.sh"
TIMEOUT = 600  # Seconds a boot may take under emulation on a busy machine.
# Where the guest of QEMU's user network finds the host's loopback. Source: QEMU, "Network emulation".
HOST_OF_GUEST = "10.0.2.2"


class Files(http.server.SimpleHTTPRequestHandler):
    """A folder over HTTP; remembers what was asked for."""
    asked = []

    def log_message(self, _format, *arguments):
        self.asked.append(arguments[0])


@contextlib.contextmanager
def web_server(folder):
    folder.mkdir()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0),
                                             functools.partial(Files, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


class NetbootBoot(registry_case.RegistryCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        image = CACHE / "netboot-image"
        subprocess.run([MAKE_IMAGE, "-n", image], check=True, timeout=900,
                       stdout=subprocess.DEVNULL)
        # A name that no other boot has shows that this root came over the network.
        cls.name = "netboot-" + uuid.uuid4().hex[:8]
        layers = [(image / f"{layer}.tar").read_bytes() for layer in ("base", "kernel", "config")]
        cls.push("demo/netboot:1", [*layers, test_image.layer(
            {"etc": None, "etc/hostname": cls.name.encode()})])

    def boot(self, port, words):
        """The serial console until `words` are on it."""
        serial = self.work / "serial.log"
        boot_file = f"http://{HOST_OF_GUEST}:{port}/demo.ipxe"
        machine = subprocess.Popen(
            ["qemu-system-x86_64", "-machine", "pc", "-accel", "tcg,thread=multi", "-cpu", "max",
             "-smp", "2", "-m", "1536", "-nodefaults", "-no-reboot", "-display", "none", "-vga",
             "std", "-serial", f"file:{serial}",
             "-netdev", f"user,id=net,bootfile={boot_file}",
             "-device", "virtio-net-pci,netdev=net,bootindex=0"])
        try:
            end = time.monotonic() + TIMEOUT
            while machine.poll() is None and time.monotonic() < end:
                text = serial.read_text(errors="replace") if serial.exists() else ""
                if words in text or "Kernel panic" in text or "dracut:/#" in text:
                    return text
                time.sleep(0.5)
            return serial.read_text(errors="replace")
        finally:
            machine.kill()
            machine.wait()

    def test_ipxe_boots_kernel_initrd_and_root_from_a_web_server(self):
        with web_server(self.out) as port:
            manifest = self.work / "demo.yaml"
            manifest.write_text(
                "apiVersion: build.kairos.io/v1alpha2\nkind: OSArtifact\nmetadata: {name: demo}\n"
                f"spec:\n  image: {{ref: '{self.host}/demo/netboot:1'}}\n"
                "  artifacts:\n    netboot: true\n"
                f"    netbootURL: http://{HOST_OF_GUEST}:{port}\n")
            self.build(manifest, check=True)

            text = self.boot(port, f"{self.name} login:")

        self.assertIn(f"{self.name} login:", text, text)
        for name in ("demo.ipxe", "demo-kernel", "demo-initrd", "demo.squashfs"):
            self.assertTrue(any(f"/{name} " in request for request in Files.asked), name)


if __name__ == "__main__":
    for tool in ("qemu-system-x86_64", "mmdebstrap", "docker-registry", "mksquashfs"):
        if shutil.which(tool) is None:
            print(f"skipped: {tool} is missing")
            sys.exit(77)
    if os.geteuid() != 0:
        print("skipped: making the image needs root")
        sys.exit(77)
    sys.argv = [sys.argv[0], registry_case.PROGRAM, *sys.argv[3:]]
    registry_case.main()
