#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Pull and unpack: us and every peer on PATH, the same image, one interleaved run.

  tests/bench/pull_unpack.py [--program build/release/osartifact] [--runs 7] [--megabytes 880]

Makes an image of 8 layers, once with gzip and once with zstd, from files of this machine's /usr, puts
it into a docker-registry with TLS and a password on loopback, and takes each way in turn onto a fresh
ext4; then pulls again onto the same disk. Writes pull-unpack.json, .md and .svg into docs/benchmarks.
Needs root, docker-registry, skopeo, zstd, openssl and time (Debian's names). Peers: crane, regctl, umoci,
buildah. AuroraBoot and Kaniko have no command that only pulls and unpacks.
"""
import argparse
import os
import pathlib
import shutil
import subprocess
import tempfile

import measuring
from bar_chart import bar_chart
from measuring import ROOT
from sample_image import make_images

OURS = "osartifact"
BUILDAH = "buildah --root $D/s --runroot $D/r --storage-driver {} from --cert-dir $CA $REF"


def ways(program: str) -> dict:
    """Name -> (program it needs, shell script, whether it takes zstd). $D is an empty folder, $REF
    the image."""
    return {
        OURS: (program, f"{program} unpack --store $D/store --ca-dir $CA $REF $D/root", True),
        "crane export | tar": ("crane", "mkdir $D/root; crane export $REF - | "
                               "tar -x --xattrs --xattrs-include='*' -p -C $D/root", True),
        "regctl image export (no unpack)": ("regctl", "regctl image export $REF $D/image.tar", True),
        "skopeo + umoci": ("umoci", "skopeo copy --src-cert-dir $CA docker://$REF oci:$D/l:x; "
                           "umoci unpack --image $D/l:x $D/b", False),
        "buildah, overlay": ("buildah", BUILDAH.format("overlay"), True),
        "buildah, vfs": ("buildah", BUILDAH.format("vfs"), False),
    }


def again(program: str) -> dict:
    """Name -> (program it needs, script of the second time): the same image, on the same disk."""
    return {
        "osartifact pull": (program, f"{program} pull --store $D/store --ca-dir $CA $REF"),
        "buildah, overlay": ("buildah", BUILDAH.format("overlay")),
    }


def limits(layout: pathlib.Path, disk: pathlib.Path, environment: dict) -> dict:
    """What the machine needs for the parts of the work, each alone."""
    blobs = f"$(find {layout}/blobs -size +1M)"
    plain = disk / "plain"
    measuring.run("bash", "-ceu", f"mkdir {plain}; n=0; for b in {blobs}; do n=$((n+1)); "
                  f"gzip -dc $b > {plain}/$n.tar; done; sync")
    scripts = {"sha256 of the blobs": f"openssl dgst -sha256 {blobs}",
               "sha256 of the tars": f"openssl dgst -sha256 {plain}/*.tar",
               "inflate (gzip)": f"gzip -dc {blobs}",
               "inflate (igzip)": f"igzip -dc {blobs}",
               "write the tree (tar -x)": f"mkdir {disk}/t; for t in {plain}/*.tar; do "
                                          f"tar -xf $t -C {disk}/t; done",
               "cp -a of the tree": f"cp -a {disk}/t {disk}/copy"}
    return {name: measuring.measure(script, environment, disk) for name, script in scripts.items()
            if not name.endswith("(igzip)") or shutil.which("igzip")}


def second_time(options, registry, environment: dict, work: pathlib.Path) -> dict:
    """What a pull costs when all is there, and how many blobs it asks for."""
    result = {}
    for name, (needs, script) in again(options.program).items():
        if not shutil.which(needs):
            continue
        with measuring.Disk(work) as disk:
            measuring.measure(script, environment, disk)
            served = registry.blobs_served()
            samples = [measuring.measure(script, environment, disk) for _ in range(options.runs)]
            result[name] = {**measuring.summary(samples), "blobs": registry.blobs_served() - served}
    return result


def bench(options, work: pathlib.Path) -> dict:
    layouts = {kind: work / f"layout-{kind}" for kind in ("gzip", "zstd")}
    image = make_images(layouts, options.megabytes)
    result = {"image": image, "cores": os.cpu_count(), "runs": options.runs}
    present = {name: way for name, way in ways(options.program).items() if shutil.which(way[0])}
    with measuring.registry(work) as registry:
        environments = {kind: {**registry.environment, "REF": f"{registry.host}/bench/{kind}:1"}
                        for kind in layouts}
        for kind, layout in layouts.items():  # Our own push: it sends the blobs as they are.
            measuring.run(options.program, "push", "--store", work / "push-store", "--ca-dir",
                          registry.folder / "ca", f"oci:{layout}:latest", environments[kind]["REF"],
                          env=environments[kind], stdout=subprocess.DEVNULL)
        shutil.rmtree(work / "push-store")
        scripts = {name: way[1] for name, way in present.items()}
        result["ways"] = measuring.interleaved(scripts, options.runs, work, environments["gzip"])
        scripts = {name: way[1] for name, way in present.items() if way[2]}
        result["zstd"] = measuring.interleaved(scripts, options.runs, work, environments["zstd"])
        result["again"] = second_time(options, registry, environments["gzip"], work)
        with measuring.Disk(work) as disk:
            result["limits"] = limits(layouts["gzip"], disk, environments["gzip"])
    return result


def page(result: dict) -> str:
    image = result["image"]
    rows = [f"Image: {image['layers']} layers, {image['gzip_bytes'] / 1e6:.0f} MB gzip or "
            f"{image['zstd_bytes'] / 1e6:.0f} MB zstd, {image['tar_bytes'] / 1e6:.0f} MB tar, "
            f"{image['files']} files; {result['cores']} cores; {result['runs']} interleaved runs, a "
            "fresh ext4 each.", "", "Layers with gzip:", "", *measuring.table(result["ways"], OURS), "",
            "Layers with zstd:", "", *measuring.table(result["zstd"], OURS), "",
            "| the second time, on the same disk | wall s | CPU s | blobs asked for |",
            "|---|---|---|---|"]
    for name, way in result["again"].items():
        rows.append(f"| {name} | {way['wall_s']:.2f} | {way['user_s'] + way['sys_s']:.2f} | "
                    f"{way['blobs']} |")
    rows += ["", "| the machine's limits | wall s | CPU s |", "|---|---|---|"]
    for name, limit in result["limits"].items():
        rows.append(f"| {name} | {limit['wall_s']:.1f} | {limit['user_s'] + limit['sys_s']:.1f} |")
    return "\n".join(rows) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", default=str(ROOT / "build/release/osartifact"))
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--megabytes", type=int, default=880)
    parser.add_argument("--output", type=pathlib.Path, default=ROOT / "docs/benchmarks")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="osartifact-bench-") as folder:
        result = bench(options, pathlib.Path(folder))
    measuring.publish(options.output, "pull-unpack", result, page(result))
    bars = [(name, way["wall_s"]) for name, way in result["ways"].items()]
    title = f"Pull and unpack {result['image']['gzip_bytes'] / 1e6:.0f} MB, wall seconds"
    (options.output / "pull-unpack.svg").write_text(bar_chart(title, bars, OURS))


if __name__ == "__main__":
    main()
