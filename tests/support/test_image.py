# SPDX-License-Identifier: Apache-2.0
"""Makes small OCI image layouts for tests: just enough of a system that an ISO can be made of it."""
import gzip
import hashlib
import io
import json
import os
import pathlib
import sys
import tarfile

EPOCH = 1767225600
BUSYBOX = "/bin/busybox"


def fake_kernel() -> bytes:
    """A file that says it is an x86 kernel (Documentation/x86/boot.rst: boot flag, HdrS)."""
    kernel = bytearray(64 * 1024)
    kernel[0x1FE:0x200] = b"\x55\xaa"
    kernel[0x202:0x206] = b"HdrS"
    kernel[0x206:0x208] = b"\x0f\x02"
    return bytes(kernel)


def layer(files: dict) -> bytes:
    """A tar of {path: bytes | None for a folder | str for a symlink | (bytes, mode)}."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path, content in files.items():
            info = tarfile.TarInfo(path)
            info.mtime = EPOCH
            mode = 0o755 if content is None else 0o644
            if isinstance(content, tuple):
                content, mode = content
            info.mode = mode
            if content is None:
                info.type = tarfile.DIRTYPE
                tar.addfile(info)
            elif isinstance(content, str):
                info.type = tarfile.SYMTYPE
                info.linkname = content
                tar.addfile(info)
            else:
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def bootable_layers(extra: bytes = b"") -> list:
    """Three layers: a base, a kernel, and one that replaces and removes things of the first."""
    return [
        layer({"bin": "usr/bin", "etc": None, "etc/os-release": b"ID=debian\n", "etc/old": b"old",
               "usr": None, "usr/bin": None, "usr/bin/tool": (b"#!/bin/sh\n" + extra, 0o4755),
               "proc": None, "dev": None, "tmp": None}),
        layer({"boot": None, "boot/vmlinuz-6.1.0-1": fake_kernel(),
               "boot/vmlinuz": "/boot/vmlinuz-6.1.0-1",
               "boot/initrd.img-6.1.0-1": os.urandom(0) + b"070701" + bytes(4096)}),
        layer({"etc": None, "etc/.wh.old": b"", "etc/new": b"new"}),
    ]


def busybox_layer() -> bytes:
    """A root with the machine's static busybox, for containers that need no library."""
    files = {"bin": None, "etc": None, "tmp": None, "bin/busybox": (pathlib.Path(BUSYBOX).read_bytes(), 0o755),
             "etc/passwd": b"root:x:0:0::/root:/bin/sh\ntool:x:1234:1235::/home/tool:/bin/sh\n",
             "etc/group": b"root:x:0:\ntool:x:1235:\nextra:x:1300:tool\n"}
    for name in ("sh", "cat", "echo", "env", "id", "ls", "mkdir", "rm", "sleep", "touch", "test"):
        files[f"bin/{name}"] = "busybox"
    return layer(files)


def write_layout(folder: str, tars: list, tag: str = "latest", compress: bool = True,
                 config: dict = None, architecture: str = "amd64") -> list:
    """Writes an OCI image layout and returns the layers' digests."""
    blobs = os.path.join(folder, "blobs", "sha256")
    os.makedirs(blobs, exist_ok=True)

    def put(data: bytes) -> str:
        digest = hashlib.sha256(data).hexdigest()
        with open(os.path.join(blobs, digest), "wb") as file:
            file.write(data)
        return "sha256:" + digest

    suffix = "+gzip" if compress else ""
    layers = []
    for tar in tars:
        data = gzip.compress(tar, 1, mtime=0) if compress else tar
        layers.append({"mediaType": "application/vnd.oci.image.layer.v1.tar" + suffix,
                       "digest": put(data), "size": len(data)})
    config = json.dumps({"architecture": architecture, "os": "linux", "created": "2026-01-01T00:00:00Z",
                         **({"config": config} if config else {}),
                         "rootfs": {"type": "layers", "diff_ids": [
                             "sha256:" + hashlib.sha256(tar).hexdigest() for tar in tars]}}).encode()
    manifest = json.dumps({"schemaVersion": 2,
                           "mediaType": "application/vnd.oci.image.manifest.v1+json",
                           "config": {"mediaType": "application/vnd.oci.image.config.v1+json",
                                      "digest": put(config), "size": len(config)},
                           "layers": layers}).encode()
    index = {"schemaVersion": 2, "manifests": [
        {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": put(manifest),
         "size": len(manifest), "annotations": {"org.opencontainers.image.ref.name": tag}}]}
    with open(os.path.join(folder, "index.json"), "w") as file:
        json.dump(index, file)
    with open(os.path.join(folder, "oci-layout"), "w") as file:
        file.write('{"imageLayoutVersion":"1.0.0"}')
    return [entry["digest"] for entry in layers]


if __name__ == "__main__":
    # A process of its own for what needs memory: a parent's memory counts as a child's peak.
    write_layout(sys.argv[1], [layer({"big": os.urandom(1 << 20) * int(sys.argv[2])})], compress=False)
