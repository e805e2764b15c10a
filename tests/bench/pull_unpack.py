#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Pull and unpack: us and every peer on PATH, the same image, one interleaved run.

  tests/bench/pull_unpack.py [--program build/release/osartifact] [--runs 7] [--megabytes 880]

Makes an image of 8 gzip layers from files of this machine's /usr, puts it into a docker-registry with
TLS and a password on loopback, and takes each way in turn onto a fresh ext4. Writes pull-unpack.json,
.md and .svg into docs/benchmarks. Needs root, docker-registry, skopeo, openssl and time (Debian's names).
"""
import argparse
import gzip
import hashlib
import json
import os
import pathlib
import shutil
import signal
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time

from bar_chart import bar_chart

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
LAYERS = 8
USER, PASSWORD = "bench", "bench-password"


def run(*command, **options):
    return subprocess.run([str(word) for word in command], check=True, **options)


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


def make_image(folder: pathlib.Path, megabytes: int) -> dict:
    """Writes an OCI layout of LAYERS gzip layers; says how large it is."""
    blobs = folder / "blobs/sha256"
    blobs.mkdir(parents=True)
    files = sample_files(megabytes << 20)

    def add(data: bytes) -> dict:
        digest = hashlib.sha256(data).hexdigest()
        (blobs / digest).write_bytes(data)
        return {"digest": "sha256:" + digest, "size": len(data)}

    layers, diff_ids, tar_bytes = [], [], 0
    per_layer = len(files) // LAYERS + 1
    for start in range(0, len(files), per_layer):
        plain = folder / "layer.tar"
        with tarfile.open(plain, "w", format=tarfile.PAX_FORMAT) as tar:
            for path in files[start:start + per_layer]:
                tar.add(path, arcname=path.lstrip("/"), recursive=False)
        data = plain.read_bytes()
        plain.unlink()
        tar_bytes += len(data)
        diff_ids.append("sha256:" + hashlib.sha256(data).hexdigest())
        layers.append({"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip",
                       **add(gzip.compress(data, 6, mtime=0))})
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
    return {"files": len(files), "layers": len(layers), "tar_bytes": tar_bytes,
            "blob_bytes": sum(layer["size"] for layer in layers)}


class Disk:
    """A fresh ext4 on a loop device: leftovers of the run before would slow the next one."""

    def __init__(self, work: pathlib.Path):
        self.image, self.path = work / "disk.img", work / "disk"

    def __enter__(self) -> pathlib.Path:
        self.image.unlink(missing_ok=True)
        self.path.mkdir(exist_ok=True)
        with open(self.image, "wb") as file:
            file.truncate(12 << 30)
        run("mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", self.image)
        run("mount", "-o", "loop", self.image, self.path)
        return self.path

    def __exit__(self, *_):
        run("umount", "-R", self.path)
        self.image.unlink()


def sectors_written(disk: pathlib.Path) -> int:
    """Of the block device mounted at `disk`, once all is on it. Source: the kernel's
    Documentation/block/stat.rst."""
    run("sync", "-f", disk)
    device = os.stat(disk).st_dev
    stat = pathlib.Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}/stat")
    return int(stat.read_text().split()[6])


def measure(script: str, environment: dict, disk: pathlib.Path) -> dict:
    """Wall and CPU seconds of a shell script, its largest process's peak memory, and what it wrote to
    the disk mounted at `disk`. time(1) forks it: a child of ours would begin with our own memory."""
    before = sectors_written(disk)
    with tempfile.NamedTemporaryFile("r") as report:
        start = time.monotonic()
        result = subprocess.run(["/usr/bin/time", "-o", report.name, "-f", "%U %S %M", "bash", "-ceu",
                                 script], env=environment, stdout=subprocess.DEVNULL,
                                stderr=subprocess.PIPE)
        wall = time.monotonic() - start
        if result.returncode != 0:
            sys.exit(f"failed: {script}\n{result.stderr.decode(errors='replace')}")
        user, system, peak = map(float, report.read().split())
    return {"wall_s": wall, "user_s": user, "sys_s": system, "peak_mib": peak / 1024,
            "written_mb": (sectors_written(disk) - before) * 512 / 1e6}


def ways(program: str) -> dict:
    """Name -> (program it needs, shell script). $D is an empty folder, $REF the image."""
    buildah = "buildah --root $D/s --runroot $D/r --storage-driver {} from --cert-dir $CA $REF"
    return {
        "osartifact": (program, f"{program} unpack --store $D/store --ca-dir $CA $REF $D/root"),
        "crane export | tar": ("crane", "mkdir $D/root; crane export $REF - | "
                               "tar -x --xattrs --xattrs-include='*' -p -C $D/root"),
        "skopeo + umoci": ("umoci", "skopeo copy --src-cert-dir $CA docker://$REF oci:$D/l:x; "
                           "umoci unpack --image $D/l:x $D/b"),
        "buildah, overlay": ("buildah", buildah.format("overlay")),
        "buildah, vfs": ("buildah", buildah.format("vfs")),
    }


def limits(layout: pathlib.Path, disk: pathlib.Path, environment: dict) -> dict:
    """What the machine needs for the parts of the work, each alone."""
    blobs = f"$(find {layout}/blobs -size +1M)"
    plain = disk / "plain"
    run("bash", "-ceu", f"mkdir {plain}; n=0; for b in {blobs}; do n=$((n+1)); "
        f"gzip -dc $b > {plain}/$n.tar; done; sync")
    scripts = {"sha256 of the blobs": f"openssl dgst -sha256 {blobs}",
               "sha256 of the tars": f"openssl dgst -sha256 {plain}/*.tar",
               "inflate (gzip)": f"gzip -dc {blobs}",
               "inflate (igzip)": f"igzip -dc {blobs}",
               "write the tree (tar -x)": f"mkdir {disk}/t; for t in {plain}/*.tar; do "
                                          f"tar -xf $t -C {disk}/t; done",
               "cp -a of the tree": f"cp -a {disk}/t {disk}/copy"}
    return {name: measure(script, environment, disk) for name, script in scripts.items()
            if not name.endswith("(igzip)") or shutil.which("igzip")}


def table(result: dict) -> str:
    image = result["image"]
    rows = [f"Image: {image['layers']} layers, {image['blob_bytes'] / 1e6:.0f} MB gzip, "
            f"{image['tar_bytes'] / 1e6:.0f} MB tar, {image['files']} files; "
            f"{result['cores']} cores; {result['runs']} interleaved runs, a fresh ext4 each.", "",
            "| way | wall s, min / median / max | CPU s | memory MiB | written MB | wall / ours |",
            "|---|---|---|---|---|---|"]
    ours = result["ways"]["osartifact"]["wall_s"]
    for name, way in result["ways"].items():
        rows.append(f"| {name.replace('|', '&#124;')} | {way['min_s']:.1f} / {way['wall_s']:.1f} / {way['max_s']:.1f} | "
                    f"{way['user_s'] + way['sys_s']:.1f} | {way['peak_mib']:.0f} | "
                    f"{way['written_mb']:.0f} | {way['wall_s'] / ours:.2f} |")
    rows += ["", "| the machine's limits | wall s | CPU s |", "|---|---|---|"]
    for name, limit in result["limits"].items():
        rows.append(f"| {name} | {limit['wall_s']:.1f} | {limit['user_s'] + limit['sys_s']:.1f} |")
    return "\n".join(rows) + "\n"


def summary(samples: list) -> dict:
    middle = {key: statistics.median(sample[key] for sample in samples) for key in samples[0]}
    walls = [sample["wall_s"] for sample in samples]
    return {**middle, "min_s": min(walls), "max_s": max(walls)}


def bench(options, work: pathlib.Path) -> dict:
    layout = work / "layout"
    layout.mkdir()
    image = make_image(layout, options.megabytes)
    run("bash", ROOT / "packaging/quickstart/registry.sh", work / "registry", USER, PASSWORD)
    try:
        host = f"localhost:{(work / 'registry/port').read_text().strip()}"
        (work / "docker").mkdir()
        run("skopeo", "login", "--cert-dir", work / "registry/ca", "-u", USER, "--password-stdin",
            "--authfile", work / "docker/config.json", host, input=PASSWORD.encode())
        environment = {**os.environ, "D": str(work / "disk"), "CA": str(work / "registry/ca"),
                       "REF": f"{host}/bench/image:1", "DOCKER_CONFIG": str(work / "docker"),
                       "REGISTRY_AUTH_FILE": str(work / "docker/config.json"),
                       "SSL_CERT_FILE": str(work / "registry/ca/ca.crt")}
        run("skopeo", "copy", "--dest-cert-dir", work / "registry/ca", f"oci:{layout}:latest",
            f"docker://{host}/bench/image:1", env=environment, stdout=subprocess.DEVNULL)
        present = {name: script for name, (needs, script) in ways(options.program).items()
                   if shutil.which(needs)}
        samples = {name: [] for name in present}
        for turn in range(options.runs):
            for name, script in present.items():
                with Disk(work) as disk:
                    samples[name].append(measure(script, environment, disk))
                print(f"{turn + 1}/{options.runs} {name}: {samples[name][-1]['wall_s']:.2f} s",
                      file=sys.stderr, flush=True)
        with Disk(work) as disk:
            machine = limits(layout, disk, environment)
    finally:
        os.kill(int((work / "registry/pid").read_text()), signal.SIGTERM)
    return {"image": image, "cores": os.cpu_count(), "runs": options.runs, "limits": machine,
            "ways": {name: summary(taken) for name, taken in samples.items()}}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", default=str(ROOT / "build/release/osartifact"))
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--megabytes", type=int, default=880)
    parser.add_argument("--output", type=pathlib.Path, default=ROOT / "docs/benchmarks")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="osartifact-bench-") as folder:
        result = bench(options, pathlib.Path(folder))
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / "pull-unpack.json").write_text(json.dumps(result, indent=2) + "\n")
    (options.output / "pull-unpack.md").write_text(table(result))
    bars = [(name, way["wall_s"]) for name, way in result["ways"].items()]
    title = f"Pull and unpack {result['image']['blob_bytes'] / 1e6:.0f} MB, wall seconds"
    (options.output / "pull-unpack.svg").write_text(bar_chart(title, bars, "osartifact"))
    print(table(result))


if __name__ == "__main__":
    main()
