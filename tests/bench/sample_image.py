# SPDX-License-Identifier: Apache-2.0
"""Makes an OCI layout from files of this machine's /usr."""
import gzip
import hashlib
import json
import os
import pathlib
import subprocess
import tarfile

LAYERS = 8


def sample_files(limit: int) -> list:
    """Files and links below /usr in a stable order, `limit` bytes of them."""
    chosen, total = [], 0
    for folder in ("/usr/bin", "/usr/share", "/usr/lib", "/usr/include"):
        for parent, folders, names in os.walk(folder):
            folders.sort()
            for name in sorted(names):
                path = os.path.join(parent, name)
                status = os.lstat(path)
                if status.st_size > 64 << 20 or total + status.st_size > limit:
                    continue
                total += status.st_size
                chosen.append(path)
    return chosen


def compressed(data: bytes, kind: str) -> bytes:
    if kind == "gzip":
        return gzip.compress(data, 6, mtime=0)
    return subprocess.run(["zstd", "-q", "-c"], input=data, stdout=subprocess.PIPE, check=True).stdout


def make_images(folders: dict, megabytes: int) -> dict:
    """`folders`: "gzip" or "zstd" -> an OCI layout to write, of the same LAYERS tars. Says how large
    the image is."""
    files = sample_files(megabytes << 20)
    layers = {kind: [] for kind in folders}
    for folder in folders.values():
        (folder / "blobs/sha256").mkdir(parents=True)

    def add(kind: str, data: bytes) -> dict:
        digest = hashlib.sha256(data).hexdigest()
        (folders[kind] / "blobs/sha256" / digest).write_bytes(data)
        return {"digest": "sha256:" + digest, "size": len(data)}

    diff_ids, tar_bytes = [], 0
    per_layer = len(files) // LAYERS + 1
    for start in range(0, len(files), per_layer):
        plain = next(iter(folders.values())) / "layer.tar"
        with tarfile.open(plain, "w", format=tarfile.PAX_FORMAT) as tar:
            for path in files[start:start + per_layer]:
                tar.add(path, arcname=path.lstrip("/"), recursive=False)
        data = plain.read_bytes()
        plain.unlink()
        tar_bytes += len(data)
        diff_ids.append("sha256:" + hashlib.sha256(data).hexdigest())
        for kind in folders:
            layers[kind].append({"mediaType": f"application/vnd.oci.image.layer.v1.tar+{kind}",
                                 **add(kind, compressed(data, kind))})
    for kind, folder in folders.items():
        write_layout(folder, layers[kind], diff_ids, lambda data: add(kind, data))
    return {"files": len(files), "layers": len(diff_ids), "tar_bytes": tar_bytes,
            **{f"{kind}_bytes": sum(layer["size"] for layer in layers[kind]) for kind in folders}}


def write_layout(folder: pathlib.Path, layers: list, diff_ids: list, add):
    config = add(json.dumps({"architecture": "amd64", "os": "linux", "config": {},
                             "rootfs": {"type": "layers", "diff_ids": diff_ids}}).encode())
    manifest_type = "application/vnd.oci.image.manifest.v1+json"
    manifest = add(json.dumps({
        "schemaVersion": 2, "mediaType": manifest_type, "layers": layers,
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", **config}}).encode())
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (folder / "index.json").write_text(json.dumps({
        "schemaVersion": 2, "manifests": [{
            "mediaType": manifest_type, **manifest,
            "annotations": {"org.opencontainers.image.ref.name": "latest"}}]}))
