#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Turns layer tarballs into an OCI image layout (image-spec 1.0): OUTPUT EPOCH LAYER.tar..."""
import datetime
import gzip
import hashlib
import json
import os
import sys

BLOCK = 1 << 20


class HashingFile:
    """Passes writes on to a file and hashes them."""

    def __init__(self, file):
        self.file, self.sha256, self.size = file, hashlib.sha256(), 0

    def write(self, data):
        self.sha256.update(data)
        self.size += len(data)
        return self.file.write(data)

    def flush(self):
        self.file.flush()


def put(blobs, data):
    digest = hashlib.sha256(data).hexdigest()
    with open(os.path.join(blobs, digest), "wb") as file:
        file.write(data)
    return "sha256:" + digest, len(data)


def put_layer(blobs, path):
    """Compresses one tarball into blobs; gives (descriptor, diff id)."""
    plain = hashlib.sha256()
    partial = os.path.join(blobs, "partial")
    with open(path, "rb") as source, open(partial, "wb") as target:
        sink = HashingFile(target)
        with gzip.GzipFile(filename="", mode="wb", fileobj=sink, compresslevel=6, mtime=0) as packed:
            while data := source.read(BLOCK):
                plain.update(data)
                packed.write(data)
    digest = sink.sha256.hexdigest()
    os.rename(partial, os.path.join(blobs, digest))
    descriptor = {"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip",
                  "digest": "sha256:" + digest, "size": sink.size}
    return descriptor, "sha256:" + plain.hexdigest()


def encode(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def main():
    output, epoch, tarballs = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
    blobs = os.path.join(output, "blobs", "sha256")
    os.makedirs(blobs)
    layers = [put_layer(blobs, path) for path in tarballs]
    created = datetime.datetime.fromtimestamp(epoch, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    config = encode({
        "created": created, "architecture": "amd64", "os": "linux",
        "config": {"Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
                   "Cmd": ["/bin/bash"]},
        "rootfs": {"type": "layers", "diff_ids": [diff_id for _, diff_id in layers]},
        "history": [{"created": created, "created_by": "quickstart " + os.path.basename(path)}
                    for path in tarballs],
    })
    config_digest, config_size = put(blobs, config)
    manifest = encode({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json",
                   "digest": config_digest, "size": config_size},
        "layers": [descriptor for descriptor, _ in layers],
    })
    digest, size = put(blobs, manifest)
    index = {"schemaVersion": 2, "manifests": [{
        "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest, "size": size,
        "platform": {"architecture": "amd64", "os": "linux"},
        "annotations": {"org.opencontainers.image.ref.name": "latest"}}]}
    with open(os.path.join(output, "index.json"), "wb") as file:
        file.write(encode(index))
    with open(os.path.join(output, "oci-layout"), "w", encoding="ascii") as file:
        file.write('{"imageLayoutVersion":"1.0.0"}')


if __name__ == "__main__":
    main()
