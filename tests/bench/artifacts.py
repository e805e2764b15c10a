#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""From an image in a registry to an ISO and a raw disk: one interleaved run, medians.

  tests/bench/artifacts.py [--program build/release/osartifact] [--image LAYOUT [--kairos]] [--runs 7]

LAYOUT is an OCI layout with a bootable image (tag latest); without it packaging/quickstart/make-image.sh
makes a Debian 12. A raw disk can only be made of a Kairos image: --kairos says that it is one. Each way starts on a fresh ext4 with an empty store. Beside them: a changed cloud-config
over a `cp` of the ISO, and what the machine can do with that root. AuroraBoot runs where it is on PATH.
Writes artifacts.json and .md into docs/benchmarks. Needs root, docker-registry, skopeo, squashfs-tools,
xorriso, openssl and time (Debian's names); make-image.sh needs mmdebstrap and a Debian mirror.
"""
import argparse
import os
import pathlib
import shutil
import subprocess
import tempfile

import measuring
from measuring import ROOT

OURS = "osartifact, ISO"


def manifest(work: pathlib.Path, name: str, artifacts: str, reference: str, user: str) -> pathlib.Path:
    file = work / f"{name}.yaml"
    file.write_text(
        "apiVersion: build.kairos.io/v1alpha2\nkind: OSArtifact\nmetadata: {name: bench}\nspec:\n"
        f"  image: {{ref: '{reference}'}}\n  artifacts: {{{artifacts}, cloudConfigRef: {{name: user, key: "
        "data}}\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: user}\nstringData:\n"
        f"  data: \"#cloud-config\\nhostname: {user}\\n\"\n")
    return file


def ways(options, work: pathlib.Path, reference: str) -> dict:
    """Name -> (program it needs, shell script). $D is an empty folder."""
    def build(name, artifacts):
        file = manifest(work, name, artifacts, reference, "one")
        return (options.program, f"{options.program} build {file} --store $D/store --ca-dir $CA "
                                 f"-o $D/{name}")
    raw = {"osartifact, raw disk": build("raw", "cloudImage: true")} if options.kairos else {}
    return {
        OURS: build("iso", "iso: true"),
        **raw,
        "osartifact, ISO and netboot": build("both", "iso: true, netboot: true"),
        "AuroraBoot, ISO": ("auroraboot", f"auroraboot build-iso --output $D/aurora oci:{reference}"),
    }


def limits(options, disk: pathlib.Path, environment: dict, layout: pathlib.Path) -> dict:
    """What the machine needs for the parts of the work, each alone."""
    root, flags = disk / "root", "-noappend -no-recovery -no-progress -quiet -b 1M"
    measuring.run(options.program, "unpack", "--store", disk / "store", f"oci:{layout}:latest", root,
                  stdout=subprocess.DEVNULL)
    scripts = {"mksquashfs, gzip": f"mksquashfs {root} {disk}/gzip {flags} -comp gzip",
               "mksquashfs, zstd level 6": f"mksquashfs {root} {disk}/zstd {flags} -comp zstd "
                                           "-Xcompression-level 6",
               "cp -a of the root": f"cp -a {root} {disk}/copy"}
    measured = {name: measuring.measure(script, environment, disk) for name, script in scripts.items()}
    for name, file in (("mksquashfs, gzip", "gzip"), ("mksquashfs, zstd level 6", "zstd")):
        measured[name]["megabytes"] = (disk / file).stat().st_size / 1e6
    return measured


def changed_config(options, work: pathlib.Path, reference: str, environment: dict) -> dict:
    """A new ISO when the cloud-config alone changed, and a copy of the ISO, in turn."""
    samples = {"osartifact, changed cloud-config": [], "cp of the ISO": []}
    with measuring.Disk(work) as disk:
        build = f"{options.program} build {{}} --store $D/store --ca-dir $CA -o $D/iso"
        first = manifest(work, "iso", "iso: true", reference, "first")
        measuring.measure(build.format(first), environment, disk)
        for turn in range(options.runs):
            changed = manifest(work, "iso", "iso: true", reference, f"turn{turn}")
            scripts = (build.format(changed), "cp $D/iso/bench.iso $D/copy.iso; sync $D/copy.iso")
            (disk / "copy.iso").unlink(missing_ok=True)  # Both make a new file, beside the last ISO.
            for name, script in zip(samples, scripts):
                samples[name].append(measuring.measure(script, environment, disk))
    return {name: measuring.summary(taken) for name, taken in samples.items()}


def sizes(options, work: pathlib.Path, reference: str, environment: dict) -> dict:
    """File -> bytes of it and bytes on disk, of one build of each kind."""
    found = {}
    kinds = {"iso": "iso: true, netboot: true", **({"raw": "cloudImage: true"} if options.kairos else {})}
    for name, artifacts in kinds.items():
        file = manifest(work, name, artifacts, reference, "one")
        with measuring.Disk(work) as disk:
            measuring.measure(f"{options.program} build {file} --store $D/store --ca-dir $CA -o $D/out",
                              environment, disk)
            for path in sorted((disk / "out").glob("bench*")):
                if path.suffix not in (".json", ".sha256"):
                    status = path.stat()
                    found[path.name] = {"bytes": status.st_size, "on_disk": status.st_blocks * 512}
    return found


def bench(options, work: pathlib.Path) -> dict:
    if not options.image:
        measuring.run("bash", ROOT / "packaging/quickstart/make-image.sh", work / "image",
                      stdout=subprocess.DEVNULL)
        options.image = work / "image/oci"
    result = {"cores": os.cpu_count(), "runs": options.runs}
    with measuring.registry(work) as registry:
        reference = f"{registry.host}/bench/os:1"
        environment = {**registry.environment, "SOURCE_DATE_EPOCH": "1767225600"}
        measuring.run(options.program, "push", "--store", work / "push-store", "--ca-dir",
                      registry.folder / "ca", f"oci:{options.image}:latest", reference,
                      env=environment, stdout=subprocess.DEVNULL)
        shutil.rmtree(work / "push-store")
        present = {name: script for name, (needs, script) in ways(options, work, reference).items()
                   if shutil.which(needs)}
        result["ways"] = measuring.interleaved(present, options.runs, work, environment)
        result["changed"] = changed_config(options, work, reference, environment)
        result["files"] = sizes(options, work, reference, environment)
        with measuring.Disk(work) as disk:
            result["limits"] = limits(options, disk, environment, options.image)
    return result


def page(result: dict) -> str:
    rows = [f"From a registry on loopback, with an empty store; {result['cores']} cores; "
            f"{result['runs']} interleaved runs, a fresh ext4 each.", "",
            *measuring.table(result["ways"], OURS), "",
            "| on the same disk, in turn | wall s, median | CPU s | written MB |", "|---|---|---|---|"]
    for name, way in result["changed"].items():
        rows.append(f"| {name} | {way['wall_s']:.2f} | {way['user_s'] + way['sys_s']:.2f} | "
                    f"{way['written_mb']:.0f} |")
    rows += ["", "| file | MB | MB on disk |", "|---|---|---|"]
    for name, file in result["files"].items():
        rows.append(f"| {name} | {file['bytes'] / 1e6:.0f} | {file['on_disk'] / 1e6:.0f} |")
    rows += ["", "| the machine's limits | wall s | CPU s | memory MiB | MB |", "|---|---|---|---|---|"]
    for name, limit in result["limits"].items():
        size = f"{limit['megabytes']:.0f}" if "megabytes" in limit else ""
        rows.append(f"| {name} | {limit['wall_s']:.1f} | {limit['user_s'] + limit['sys_s']:.1f} | "
                    f"{limit['peak_mib']:.0f} | {size} |")
    return "\n".join(rows) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", default=str(ROOT / "build/release/osartifact"))
    parser.add_argument("--image", type=pathlib.Path, help="an OCI layout with a bootable image")
    parser.add_argument("--kairos", action="store_true", help="measure raw disks too")
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--output", type=pathlib.Path, default=ROOT / "docs/benchmarks")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="osartifact-bench-") as folder:
        result = bench(options, pathlib.Path(folder))
    measuring.publish(options.output, "artifacts", result, page(result))


if __name__ == "__main__":
    main()
