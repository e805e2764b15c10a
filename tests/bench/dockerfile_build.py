#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Build from a Dockerfile and push: us and buildah, the same Dockerfile, one interleaved run.

  tests/bench/dockerfile_build.py [--program build/release/osartifact] [--runs 5] [--megabytes 880]

The base image is made of files of this machine's /usr and a static busybox, and lies in a docker-registry
with TLS and a password on loopback. On it: COPY of 5,000 files, RUN that touches three of them, RUN that
writes 200 MB, COPY --from of another stage, RUN chown -R; then a push. Each way in turn onto a fresh ext4;
then ours again with nothing changed. Writes dockerfile-build.json, .md and .svg into docs/benchmarks.
Needs root, docker-registry, skopeo, busybox-static and time (Debian's names). Peer: buildah, with chroot
isolation and no cache of layers, as the Kairos operator runs it. Kaniko is in no package registry.
"""
import argparse
import os
import pathlib
import random
import shutil
import subprocess
import tempfile

import measuring
from bar_chart import bar_chart
from measuring import ROOT
from sample_image import make_images

OURS = "osartifact"
FILES, FILE_BYTES = 5000, 4096
BUSYBOX = "/bin/busybox"

BASE = """FROM {plain}
COPY busybox /bin/busybox
RUN ["/bin/busybox", "--install", "-s", "/bin"]
"""
DOCKERFILE = """FROM {base} AS other
FROM {base}
COPY files /opt/files
RUN touch /opt/files/1/1 /opt/files/2/2 /opt/files/3/3
RUN find /usr/lib -type f -exec cat {{}} + | head -c 209715200 >/opt/large
COPY --from=other /usr/bin /opt/bin
RUN chown -R 1000:1000 /opt/files
"""
BUILDAH = ("buildah --root $D/s --runroot $D/r --storage-driver {driver} build --isolation chroot --layers=false "
           "--cert-dir $CA -t $OUT-{driver} $CONTEXT; "
           "buildah --root $D/s --runroot $D/r --storage-driver {driver} push --cert-dir $CA $OUT-{driver}")


def ways(program: str) -> dict:
    """Name -> (program it needs, shell script). $D is an empty folder, $OUT what is pushed."""
    return {OURS: (program, f"{program} image build --store $D/store --ca-dir $CA -t $OUT-ours --push $CONTEXT"),
            "buildah, overlay": ("buildah", BUILDAH.format(driver="overlay")),
            "buildah, vfs": ("buildah", BUILDAH.format(driver="vfs"))}


def make_context(folder: pathlib.Path):
    source = random.Random(1)
    for number in range(FILES):
        path = folder / "files" / str(number % 50) / str(number)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(source.randbytes(FILE_BYTES // 2).hex().encode())


def make_base(options, registry, work: pathlib.Path) -> tuple:
    """Pushes the base image; says what is in it, and its name."""
    layout = work / "layout"
    image = make_images({"gzip": layout}, options.megabytes)
    plain, base = f"{registry.host}/bench/plain:1", f"{registry.host}/bench/base:1"
    ours = [options.program, "--store", work / "store", "--ca-dir", registry.folder / "ca"]
    quiet = {"env": registry.environment, "stdout": subprocess.DEVNULL}
    measuring.run(ours[0], "push", *ours[1:], f"oci:{layout}:latest", plain, **quiet)
    context = work / "base"
    context.mkdir()
    shutil.copy(BUSYBOX, context / "busybox")
    (context / "Dockerfile").write_text(BASE.format(plain=plain))
    measuring.run(ours[0], "image", "build", *ours[1:], "-t", base, "--push", context, **quiet)
    shutil.rmtree(work / "store")
    shutil.rmtree(layout)
    return image, base


def bench(options, work: pathlib.Path) -> dict:
    result = {"cores": os.cpu_count(), "runs": options.runs}
    present = {name: way[1] for name, way in ways(options.program).items() if shutil.which(way[0])}
    with measuring.registry(work) as registry:
        result["image"], base = make_base(options, registry, work)
        context = work / "context"
        make_context(context)
        (context / "Dockerfile").write_text(DOCKERFILE.format(base=base))
        environment = {**registry.environment, "CONTEXT": str(context), "OUT": f"{registry.host}/bench/out:1"}
        result["ways"] = measuring.interleaved(present, options.runs, work, environment)
        with measuring.Disk(work) as disk:
            measuring.measure(present[OURS], environment, disk)
            samples = [measuring.measure(present[OURS], environment, disk) for _ in range(options.runs)]
            result["again"] = measuring.summary(samples)
    return result


def page(result: dict) -> str:
    image = result["image"]
    again = result["again"]
    rows = [f"FROM an image of {image['layers'] + 2} layers, {image['gzip_bytes'] / 1e6:.0f} MB gzip, "
            f"{image['tar_bytes'] / 1e6:.0f} MB tar; COPY of {FILES} files, RUN that touches three of them, RUN that "
            "writes 200 MB, COPY --from, RUN chown -R; then a push. "
            f"{result['cores']} cores; {result['runs']} interleaved runs, a fresh ext4 each.", "",
            *measuring.table(result["ways"], OURS), "",
            f"Again with nothing changed: {again['wall_s']:.2f} s, {again['user_s'] + again['sys_s']:.2f} s of CPU, "
            f"{again['peak_mib']:.0f} MiB."]
    return "\n".join(rows) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", default=str(ROOT / "build/release/osartifact"))
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--megabytes", type=int, default=880)
    parser.add_argument("--output", type=pathlib.Path, default=ROOT / "docs/benchmarks")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="osartifact-bench-") as folder:
        result = bench(options, pathlib.Path(folder))
    measuring.publish(options.output, "dockerfile-build", result, page(result))
    bars = [(name, way["wall_s"]) for name, way in result["ways"].items()]
    (options.output / "dockerfile-build.svg").write_text(bar_chart("Build from a Dockerfile and push, wall seconds",
                                                                   bars, OURS))


if __name__ == "__main__":
    main()
