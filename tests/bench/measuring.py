# SPDX-License-Identifier: Apache-2.0
"""What the benchmarks share: fresh disks, a registry, measuring a command, medians."""
import contextlib
import json
import os
import pathlib
import signal
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
USER, PASSWORD = "bench", "bench-password"


def run(*command, **options):
    return subprocess.run([str(word) for word in command], check=True, **options)


class Disk:
    """A fresh ext4 on a loop device: leftovers of the run before would slow the next one."""

    def __init__(self, work: pathlib.Path, gigabytes: int = 24):
        self.image, self.path, self.bytes = work / "disk.img", work / "disk", gigabytes << 30

    def __enter__(self) -> pathlib.Path:
        self.image.unlink(missing_ok=True)
        self.path.mkdir(exist_ok=True)
        with open(self.image, "wb") as file:
            file.truncate(self.bytes)
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


def summary(samples: list) -> dict:
    """Medians of each measure, and the least and most of the wall seconds."""
    middle = {key: statistics.median(sample[key] for sample in samples) for key in samples[0]}
    walls = [sample["wall_s"] for sample in samples]
    return {**middle, "min_s": min(walls), "max_s": max(walls)}


def interleaved(ways: dict, runs: int, work: pathlib.Path, environment: dict) -> dict:
    """Name -> summary of `runs` runs of its script, each on a fresh disk, all ways in turn."""
    samples = {name: [] for name in ways}
    for turn in range(runs):
        for name, script in ways.items():
            with Disk(work) as disk:
                samples[name].append(measure(script, environment, disk))
            print(f"{turn + 1}/{runs} {name}: {samples[name][-1]['wall_s']:.2f} s",
                  file=sys.stderr, flush=True)
    return {name: summary(taken) for name, taken in samples.items()}


class Registry:
    """A docker-registry with TLS and a password on loopback, and how to reach it."""

    def __init__(self, work: pathlib.Path):
        self.folder = work / "registry"
        self.host = f"localhost:{(self.folder / 'port').read_text().strip()}"
        docker = work / "docker"
        docker.mkdir(exist_ok=True)
        run("skopeo", "login", "--cert-dir", self.folder / "ca", "-u", USER, "--password-stdin",
            "--authfile", docker / "config.json", self.host, input=PASSWORD.encode(),
            stdout=subprocess.DEVNULL)
        self.environment = {**os.environ, "D": str(work / "disk"), "CA": str(self.folder / "ca"),
                            "DOCKER_CONFIG": str(docker),
                            "REGISTRY_AUTH_FILE": str(docker / "config.json"),
                            "SSL_CERT_FILE": str(self.folder / "ca/ca.crt")}

    def blobs_served(self) -> int:
        """How many blobs were asked for so far."""
        lines = (self.folder / "registry.log").read_text().splitlines()
        return sum('"GET /v2/' in line and "/blobs/" in line for line in lines)


@contextlib.contextmanager
def registry(work: pathlib.Path):
    run("bash", ROOT / "packaging/quickstart/registry.sh", work / "registry", USER, PASSWORD)
    try:
        yield Registry(work)
    finally:
        os.kill(int((work / "registry/pid").read_text()), signal.SIGTERM)


def table(ways: dict, ours: str) -> list:
    """Rows of Markdown; the last column says how many times ours another way takes."""
    rows = ["| way | wall s, min / median / max | CPU s | memory MiB | written MB | wall / ours |",
            "|---|---|---|---|---|---|"]
    for name, way in ways.items():
        rows.append(f"| {name.replace('|', '&#124;')} | {way['min_s']:.1f} / {way['wall_s']:.1f} / "
                    f"{way['max_s']:.1f} | {way['user_s'] + way['sys_s']:.1f} | "
                    f"{way['peak_mib']:.0f} | {way['written_mb']:.0f} | "
                    f"{way['wall_s'] / ways[ours]['wall_s']:.2f} |")
    return rows


def publish(folder: pathlib.Path, name: str, result: dict, text: str) -> None:
    """Writes NAME.json and NAME.md into the folder, and shows the page."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(result, indent=2) + "\n")
    (folder / f"{name}.md").write_text(text)
    print(text)
