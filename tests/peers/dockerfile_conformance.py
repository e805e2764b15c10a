#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Builds small Dockerfiles with osartifact and, where it is installed, with buildah, and compares what comes
out with what each case says and with one another: files, modes, owners, links, config, and for what is wrong
the words of the error. The cases are dockerfile_conformance/*.yaml: `dockerfile`, `context` (added to a
default one), and what is expected: `has`, `mode`, `owner`, `dated`, `types`, `links`, `folders`, `config`, `author`,
`no_env`, `warns`, `silent`, `error`; what ADD fetches is at @HTTP@. `only: native` marks what Debian's buildah lacks (docs/dockerfile.md),
`buildah: WHY` where it does otherwise, and must still. Usage: dockerfile_conformance.py OSARTIFACT [NAME...]"""
import hashlib
import http.server
import io
import json
import os
import pathlib
import shutil
import stat
import subprocess
import sys
import tarfile
import tempfile
import threading

import yaml

HERE = pathlib.Path(__file__).resolve().parent
CASES = HERE / "dockerfile_conformance"
BUSYBOX = pathlib.Path("/bin/busybox")
APPLETS = ["sh", "cat", "echo", "id", "ls", "mkdir", "pwd", "rm", "touch", "true", "false", "wc"]
CONTEXT = {"a": "A\n", "b": "B\n", "d/x": "X\n", "d/y.md": "Y\n", "d/sub/z": "Z\n",
           "run.sh": {"text": "#!/bin/sh\n", "mode": "0755"}}
# What buildah leaves in an image for RUN to mount onto.
MOUNT_POINTS = {"/dev", "/proc", "/sys", "/run", "/run/secrets", "/etc/hostname", "/etc/hosts", "/etc/resolv.conf"}
SKIPPED = 77


def tar_bytes(files, pack="") -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:" + pack) as tar:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text.encode()))
    return data.getvalue()


def root_tar() -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        tar.add(BUSYBOX, "bin/busybox", filter=lambda info: info.replace(mode=0o755, uid=0, gid=0))
        for name in APPLETS:
            link = tarfile.TarInfo("bin/" + name)
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
        for name, mode in (("root", 0o700), ("tmp", 0o1777), ("etc", 0o755)):
            folder = tarfile.TarInfo(name)
            folder.type, folder.mode = tarfile.DIRTYPE, mode
            tar.addfile(folder)
    return data.getvalue()


def make_context(folder: pathlib.Path, files):
    for name, what in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(what, str):
            what = {"text": what}
        if "link" in what:
            path.symlink_to(what["link"])
        elif "hardlink" in what:
            path.hardlink_to(folder / what["hardlink"])
        else:
            path.write_bytes(tar_bytes(what["tar"], what.get("pack", "")) if "tar" in what
                             else what["text"].encode())
            path.chmod(int(what.get("mode", "0644"), 8))


def whole_dockerfile(case, values) -> str:
    text = case["dockerfile"]
    if case.get("root"):
        text = case.get("stages", "") + "FROM scratch\nADD root.tar /\n" + text
    for name, value in values.items():
        text = text.replace(f"@{name}@", value)
    return text


def git(repository: pathlib.Path, *arguments) -> str:
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "HOME": str(repository),
                   "GIT_COMMITTER_DATE": "1600000000 +0000"}
    return subprocess.run(["git", "-C", repository, "-c", "user.name=a", "-c", "user.email=a@b", *arguments],
                          check=True, capture_output=True, text=True, env=environment).stdout.strip()


def make_repository(folder: pathlib.Path) -> str:
    """A repository that a server of plain files serves; gives the commit of main."""
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    for name, text in {"r": "R\n", "sub/s": "S\n"}.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    (folder / "run").write_text("#!/bin/sh\n")
    (folder / "run").chmod(0o755)
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "one")
    commit = git(folder, "rev-parse", "HEAD")
    git(folder, "checkout", "-q", "-b", "other")
    (folder / "r").write_text("of other\n")
    git(folder, "commit", "-q", "-a", "-m", "two")
    git(folder, "tag", "v1")
    git(folder, "checkout", "-q", "main")
    git(folder, "update-server-info")
    return commit


class Served:
    """What ADD fetches: the words that cases write between @s, and a server of plain files on loopback."""

    def __init__(self, folder: pathlib.Path):
        folder.mkdir()
        (folder / "file.txt").write_text("served\n")
        (folder / "archive.tar.gz").write_bytes(tar_bytes({"in": "IN\n"}, "gz"))
        os.utime(folder / "file.txt", (1700000000, 1700000000))
        commit = make_repository(folder / "source")
        (folder / "source/.git").rename(folder / "repo.git")
        handler = lambda *arguments: QuietHandler(*arguments, directory=str(folder))  # noqa: E731
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.values = {"HTTP": f"http://127.0.0.1:{self.server.server_address[1]}", "COMMIT": commit,
                       "SHA": "sha256:" + hashlib.sha256(b"served\n").hexdigest(),
                       "SHA512": "sha512:" + hashlib.sha512(b"served\n").hexdigest()}


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


class Built:
    """What a build left: its tree, its config, all it said."""

    def __init__(self, said: str, ok: bool, tree: pathlib.Path, config):
        self.said, self.ok, self.tree, self.config = said, ok, tree, config

    def listing(self):
        lines = {}
        for path in sorted(self.tree.rglob("*")):
            name = "/" + str(path.relative_to(self.tree))
            status = path.lstat()
            line = f"{stat.filemode(status.st_mode)} {status.st_uid}:{status.st_gid}"
            if path.is_symlink():
                line = f"l -> {os.readlink(path)}"
            elif path.is_file():
                line += " " + hashlib.sha256(path.read_bytes()).hexdigest()[:12]
            lines[name] = line
        return lines


class Engine:
    def __init__(self, osartifact: str, work: pathlib.Path):
        self.osartifact, self.work = osartifact, work

    def run(self, *arguments):
        return subprocess.run(arguments, capture_output=True, text=True, timeout=300)

    def collect(self, result, output: pathlib.Path) -> Built:
        said = result.stdout + result.stderr
        tree = output.parent / (output.name + ".tree")
        if result.returncode != 0:
            return Built(said, False, tree, {})
        unpacked = self.run(self.osartifact, "unpack", f"oci:{output}", str(tree))
        assert unpacked.returncode == 0, unpacked.stderr
        config = self.run(self.osartifact, "inspect", "--config", f"oci:{output}")
        assert config.returncode == 0, config.stderr
        return Built(said, True, tree, json.loads(config.stdout))

    def flags(self, case, folder):
        flags = []
        for name, value in case.get("args", {}).items():
            flags += ["--build-arg", f"{name}={value}"]
        for name, value in case.get("secrets", {}).items():
            secret = folder.with_suffix(f".{name}")
            secret.write_text(value)
            flags += ["--secret", f"id={name},src={secret}"]
        if "target" in case:
            flags += ["--target", case["target"]]
        return flags


class Native(Engine):
    name = "native"

    def build(self, case, folder: pathlib.Path, output: pathlib.Path) -> Built:
        return self.collect(self.run(
            self.osartifact, "image", "build", "--store", str(self.work / "store"), "--progress", "plain",
            *self.flags(case, folder), "-f", str(folder / "Dockerfile"), "--output", f"oci:{output}",
            str(folder)), output)


class Buildah(Engine):
    name = "buildah"

    def build(self, case, folder: pathlib.Path, output: pathlib.Path) -> Built:
        buildah = ["buildah", "--root", str(self.work / "containers"), "--runroot",
                   str(self.work / "run"), "--storage-driver", "vfs"]
        result = self.run(*buildah, "bud", "--isolation", "chroot", "--network", "host",
                          *self.flags(case, folder), "-f", str(folder / "Dockerfile"), "-t", "case",
                          str(folder))
        if result.returncode == 0:
            pushed = self.run(*buildah, "push", "case", f"oci:{output}")
            assert pushed.returncode == 0, pushed.stderr
        return self.collect(result, output)


def value_problems(case, built: Built):
    tree = built.tree
    for name, text in case.get("has", {}).items():
        path = tree / name.lstrip("/")
        if text is None and (path.exists() or path.is_symlink()):
            yield f"{name} is there"
        if text is not None and (not path.is_file() or path.read_text() != text):
            yield f"{name} is {path.read_text()!r}" if path.is_file() else f"{name} is missing"
    for key, read in (("mode", lambda s: f"{stat.S_IMODE(s.st_mode):04o}"),
                      ("owner", lambda s: f"{s.st_uid}:{s.st_gid}"),
                      ("dated", lambda s: int(s.st_mtime)),
                      ("types", lambda s: {"-": "file", "d": "folder", "l": "link"}[stat.filemode(s.st_mode)[0]])):
        for name, wanted in case.get(key, {}).items():
            path = tree / name.lstrip("/")
            found = read(path.lstat()) if path.exists() or path.is_symlink() else "missing"
            if found != wanted:
                yield f"{key} of {name} is {found}, not {wanted}"
    for name, wanted in case.get("links", {}).items():
        path = tree / name.lstrip("/")
        if not path.is_symlink() or os.readlink(path) != wanted:
            yield f"{name} is no link to {wanted}"
    for name in case.get("folders", []):
        if not (tree / name.lstrip("/")).is_dir():
            yield f"{name} is no folder"
    config = built.config.get("config", {})
    for key, wanted in case.get("config", {}).items():
        found = config.get(key)
        if key == "Labels" and found:
            found = {name: value for name, value in found.items() if not name.startswith("io.buildah")}
        if found != wanted and (found or wanted):  # An empty list may be left out.
            yield f"{key} is {found!r}, not {wanted!r}"
    if "author" in case and built.config.get("author") != case["author"]:
        yield f"author is {built.config.get('author')!r}"
    if "no_env" in case and any(one.startswith(case["no_env"] + "=") for one in config.get("Env", [])):
        yield f"{case['no_env']} is in the environment"


def problems(case, built: Built, native: bool):
    if "error" in case:
        if built.ok:
            yield "it builds"
        elif native and case["error"] not in built.said:
            yield f"it says {built.said[-400:]!r}"
        return
    if not built.ok:
        yield f"it fails: {built.said[-400:]!r}"
        return
    yield from value_problems(case, built)
    if native and "warns" in case and case["warns"] not in built.said:
        yield f"no warning {case['warns']}"
    if native and "silent" in case and case["silent"] in built.said:
        yield f"a warning {case['silent']}"


def differences(left: Built, right: Built):
    ours, theirs = left.listing(), right.listing()
    for name in sorted((ours.keys() | theirs.keys()) - MOUNT_POINTS):
        if ours.get(name) != theirs.get(name):
            yield f"{name}: {ours.get(name, 'missing')} and {theirs.get(name, 'missing')}"


def run_case(case, native, peer, work: pathlib.Path, values):
    folder = work / case["name"]
    folder.mkdir()
    (folder / "Dockerfile").write_text(whole_dockerfile(case, values))
    make_context(folder, CONTEXT | case.get("context", {}))
    if case.get("root"):
        (folder / "root.tar").write_bytes(root_tar())
    ours = native.build(case, folder, work / (case["name"] + ".native"))
    found = [f"native: {text}" for text in problems(case, ours, True)]
    if peer and case.get("only") != "native":
        theirs = peer.build(case, folder, work / (case["name"] + ".buildah"))
        apart = [f"buildah: {text}" for text in problems(case, theirs, False)]
        if ours.ok and theirs.ok:
            apart += [f"native and buildah: {text}" for text in differences(ours, theirs)]
        if "buildah" in case:
            found += [] if apart else ["buildah does as expected: take its note out"]
        else:
            found += apart
    for path in work.glob(case["name"] + ".*"):
        shutil.rmtree(path, ignore_errors=True)
    return found


def main() -> int:
    osartifact, wanted = sys.argv[1], sys.argv[2:]
    if os.geteuid() != 0 or not BUSYBOX.exists():
        print("skipped: needs root and /bin/busybox (busybox-static)")
        return SKIPPED
    known = subprocess.run([osartifact, "image", "build", "--help"], capture_output=True, check=False)
    if known.returncode != 0:
        print("skipped: this osartifact builds no images")
        return SKIPPED
    cases = [case for path in sorted(CASES.glob("*.yaml")) for case in yaml.safe_load(path.read_text())]
    cases = [case for case in cases if not wanted or case["name"] in wanted]
    failed = 0
    with tempfile.TemporaryDirectory(prefix="conformance-") as name:
        work = pathlib.Path(name)
        native = Native(osartifact, work)
        peer = Buildah(osartifact, work) if shutil.which("buildah") else None
        values = Served(work / "served").values
        for case in cases:
            found = run_case(case, native, peer, work, values)
            failed += bool(found)
            for text in found:
                print(f"{case['name']}: {text}", flush=True)
    with_peer = sum(case.get("only") != "native" for case in cases) if peer else 0
    print(f"{len(cases) - failed} of {len(cases)} cases as expected, {with_peer} of them with buildah too")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
