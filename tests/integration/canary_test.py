#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every input holds a secret of its own; after pulls, builds and pushes none of them may be found in
what the program said, wrote, or gave its children. Usage: canary_test.py PROGRAM [unittest arguments]"""
import base64
import json
import os
import pathlib
import re
import secrets
import shutil
import subprocess
import sys
import threading
import time
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import registry_case  # noqa: E402
import test_image  # noqa: E402
from registry_case import PROGRAM  # noqa: E402


def canary(name):
    """Not to be guessed, and changed by every encoding."""
    return f'{name}-"+/={secrets.token_hex(12)}%&'


def forms_of(secret):
    """The secret as it is, URL-encoded and JSON-escaped, and each of these in hex and base64."""
    texts = {secret, urllib.parse.quote(secret, safe=""), urllib.parse.quote(secret),
             urllib.parse.quote_plus(secret), json.dumps(secret)[1:-1]}
    forms = set()
    for raw in (text.encode() for text in texts):
        forms |= {raw, raw.hex().encode(), raw.hex().upper().encode()}
        for shift in range(3):  # Wherever it begins in what is encoded...
            # ... only what no neighbour has a part in.
            encoded = base64.b64encode(b"\0" * shift + raw)[(shift * 8 + 5) // 6:-4]
            forms |= {encoded, encoded.translate(bytes.maketrans(b"+/", b"-_"))}
    return forms


def found_in(data, secret):
    return any(form in data for form in forms_of(secret))


def read_proc(pid, name):
    try:
        return pathlib.Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""


class Sampler(threading.Thread):
    """Looks at a process and all below it: arguments of each, environments of its children."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid = pid
        self.done = threading.Event()
        self.arguments = set()
        self.environments = set()

    def run(self):
        while not self.done.wait(0.003):
            for pid in self.family():
                line = read_proc(pid, "cmdline")
                self.arguments.add(line)
                # Between fork and exec a child still is the program itself.
                if os.path.basename(line.split(b"\0")[0].decode()) != "osartifact":
                    self.environments.add((line, read_proc(pid, "environ")))

    def family(self):
        family, todo = set(), [self.pid]
        while todo:
            pid = todo.pop()
            family.add(pid)
            for task in pathlib.Path(f"/proc/{pid}/task").glob("*") if pid else ():
                todo += [int(child) for child in read_proc(pid, f"task/{task.name}/children").split()]
        return family


class Canary(registry_case.RegistryCase):
    @classmethod
    def setUpClass(cls):
        cls.secrets = {name: canary(name) for name in (
            "password", "wrong", "helper", "token", "cloud", "proxy", "variable", "mounted",
            "value")}
        cls.password = cls.secrets["password"]
        super().setUpClass()
        cls.layout = cls.base / "layout"
        test_image.write_layout(str(cls.layout), test_image.bootable_layers())
        cls.start_token_registry()
        cls.prepare_helper()

    @classmethod
    def start_token_registry(cls):
        users = cls.base / "users.json"
        users.write_text(json.dumps({"helper": cls.secrets["helper"]}))
        port_file = cls.base / "port.json"
        (cls.base / "fault").mkdir()
        cls.token_registry = subprocess.Popen(
            [sys.executable, registry_case.TESTS / "support/fault_registry.py", "--dir", cls.base / "fault",
             "--port-file", port_file, "--users", users, "--token-auth", "--identity-token",
             cls.secrets["token"]])
        cls.addClassCleanup(cls.token_registry.wait)
        cls.addClassCleanup(cls.token_registry.terminate)
        end = time.monotonic() + 20
        while not port_file.exists() and time.monotonic() < end:
            time.sleep(0.02)
        cls.token_host = f"127.0.0.1:{json.loads(port_file.read_text())['port']}"

    @classmethod
    def prepare_helper(cls):
        cls.bin = cls.base / "bin"
        cls.bin.mkdir()
        answer = cls.base / "answer.json"
        answer.write_text(json.dumps({"Username": "helper", "Secret": cls.secrets["helper"]}))
        program = cls.bin / "docker-credential-canary"
        program.write_text(f"#!/bin/sh\nsleep 0.1\ncat {answer}\n")
        program.chmod(0o755)

    def setUp(self):
        super().setUp()
        self.temporary = self.work / "tmp"
        self.temporary.mkdir()
        self.said = []
        self.samples = []
        self.proxies = {}

    def config_file(self, name, content):
        file = self.work / name
        file.write_text(json.dumps(content))
        file.chmod(0o600)
        return file

    def auths(self, host, **entry):
        return self.config_file(f"{len(list(self.work.iterdir()))}.json", {"auths": {host: entry}})

    def watch_program(self, *arguments, status=0, **environment):
        process = subprocess.Popen(
            [PROGRAM, *map(str, arguments), "--store", str(self.store), "--ca-dir",
             str(self.base / "registry/ca"), "--log-level", "debug"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={"PATH": f"{self.bin}:{os.environ['PATH']}", "HOME": "/nonexistent",
                 "TMPDIR": str(self.temporary),
                 "DOCKER_AUTH_CONFIG": json.dumps({"auths": {"other.example": {
                     "auth": base64.b64encode(f"u:{self.secrets['variable']}".encode()).decode()}}}),
                 "http_proxy": self.proxy(), "https_proxy": self.proxy(), **self.proxies,
                 **environment})
        sampler = Sampler(process.pid)
        sampler.start()
        out, err = process.communicate(timeout=120)
        sampler.done.set()
        sampler.join()
        self.said += [out, err]
        self.samples.append(sampler)
        self.assertEqual(process.returncode, status, err.decode())
        return out.decode(), err.decode()

    def proxy(self):
        password = urllib.parse.quote(self.secrets["proxy"], safe="")
        return f"http://user:{password}@127.0.0.1:1"

    def manifest(self, password, reference="imageCredentialsSecretRef: {name: login}", pulls=""):
        login = json.dumps({"auths": {self.host: {"username": "demo", "password": password}}})
        cloud = f"#cloud-config\nusers: [{{name: kairos, passwd: {json.dumps(self.secrets['cloud'])}}}]\n"
        documents = [
            {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "login"},
             "type": "kubernetes.io/dockerconfigjson", "stringData": {".dockerconfigjson": login}},
            {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "cc"},
             "stringData": {"user": cloud}}]
        file = self.work / "demo.yaml"
        file.write_text(
            "".join(json.dumps(document) + "\n---\n" for document in documents) +
            "apiVersion: build.kairos.io/v1alpha2\nkind: OSArtifact\nmetadata: {name: demo}\nspec:\n"
            f"  image:\n    ref: {self.host}/demo/image:1\n    {reference}\n"
            "  artifacts:\n    iso: true\n    cloudConfigRef: {name: cc, key: user}\n" + pulls)
        file.chmod(0o600)
        return file

    def push_image(self):
        self.watch_program("push", f"oci:{self.layout}", f"{self.host}/demo/image:1", "--credentials",
                           self.auths(self.host, username="demo", password=self.secrets["password"]))

    def written(self):
        """Everything the program left, and what is in the ISO. The cloud-config is in it by wish."""
        for root in (self.out, self.store, self.temporary):
            for file in root.rglob("*"):
                if file.is_file() and not file.is_symlink():
                    yield file
        for iso in self.out.glob("*.iso"):
            inside = self.work / "inside"
            subprocess.run(["xorriso", "-osirrox", "on", "-indev", iso, "-extract", "/", inside],
                           check=True, capture_output=True, timeout=60)
            subprocess.run(["unsquashfs", "-no-progress", "-d", inside / "rootfs",
                            inside / "rootfs.squashfs"], check=True, capture_output=True, timeout=60)
            yield from (f for f in inside.rglob("*") if f.is_file() and not f.is_symlink())

    def check_nothing_leaked(self):
        files = [(str(file), file.read_bytes()) for file in self.written()]
        for name, secret in self.secrets.items():
            for text in self.said:
                self.assertFalse(found_in(text, secret), f"{name} was said: {text!r}")
            for path, data in files:
                is_the_iso = path.endswith("config.yaml") or b"CD001" in data[0x8000:0x8010]
                if name == "cloud" and is_the_iso:
                    continue
                self.assertFalse(found_in(data, secret), f"{name} is in {path}")
            for sampler in self.samples:
                for line in sampler.arguments:
                    self.assertFalse(found_in(line, secret), f"{name} is an argument: {line!r}")
                for line, environment in sampler.environments:
                    self.assertFalse(found_in(environment, secret),
                                     f"{name} is in the environment of {line!r}")

    def test_the_search_itself_finds_every_form(self):
        secret = self.secrets["password"]
        for data in (secret.encode(), base64.b64encode(f"demo:{secret}".encode()),
                     base64.urlsafe_b64encode(f"user1:{secret}!".encode()), secret.encode().hex().encode(),
                     urllib.parse.quote_plus(secret).encode(), json.dumps({"p": secret}).encode(),
                     base64.b64encode(json.dumps({"auths": {"p": secret}}).encode())):
            self.assertTrue(found_in(b"before " + data + b" after", secret), data)
        self.assertFalse(found_in(b"innocent", secret))

    def test_case265_case266_case268_case269_case270_case274_case277_a_push_and_a_build(self):
        self.push_image()
        self.watch_program("build", self.manifest(self.secrets["password"]), "-o", self.out)

        self.assertTrue((self.out / "demo.report.json").exists())
        self.assertEqual(list(self.temporary.iterdir()), [])
        programs = {os.path.basename(line.split(b"\0")[0]) for s in self.samples
                    for line, _ in s.environments}
        self.assertTrue(programs & {b"mksquashfs", b"xorriso"}, "no child was looked at")
        self.check_nothing_leaked()

    def test_case029_case031_pull_secrets_serve_and_a_missing_one_is_told_of(self):
        self.push_image()
        pulls = "  imagePullSecrets: [{name: missing}, {name: login}]\n"
        _, err = self.watch_program(
            "build", self.manifest(self.secrets["password"], "", pulls), "-o", self.out)

        self.assertIn("'missing'", err)
        self.check_nothing_leaked()

    def test_case029_a_failed_pull_names_the_missing_secret(self):
        pulls = "  imagePullSecrets: [{name: missing}]\n"
        _, err = self.watch_program("build", self.manifest(self.secrets["wrong"], "", pulls), "-o",
                                    self.out, status=3)

        self.assertIn("'missing'", err)
        self.check_nothing_leaked()

    def test_a_rejected_password(self):
        _, err = self.watch_program("build", self.manifest(self.secrets["wrong"]), "-o", self.out,
                                    "--log-format", "json", status=3)
        self.watch_program("auth", "check", f"{self.host}/demo/image:1", "--credentials",
                           self.auths(self.host, username="demo", password=self.secrets["wrong"]),
                           status=3)

        self.assertIn("demo", err)
        self.check_nothing_leaked()

    def test_case025_a_helper_and_case021_an_identity_token(self):
        helper = self.config_file("helper.json", {"credHelpers": {self.token_host: "canary"}})
        token = self.auths(self.token_host, identitytoken=self.secrets["token"])
        image = f"{self.token_host}/team/app:1"

        self.watch_program("push", f"oci:{self.layout}", image, "--credentials", helper)
        self.watch_program("auth", "check", "--push", image, "--credentials", helper)
        self.watch_program("pull", image, "--credentials", token)

        self.assertTrue(any(b"docker-credential-canary" in line for s in self.samples
                            for line, _ in s.environments), "the helper was not looked at")
        self.check_nothing_leaked()

    def test_case271_an_image_that_is_built(self):
        """Secrets of mounts, of buildEnv and of template values; in what is said and written, and in
        what skopeo shows of the image."""
        layout = self.base / "shell"
        busybox = pathlib.Path(shutil.which("busybox")).read_bytes()
        test_image.write_layout(str(layout), [*test_image.bootable_layers(), test_image.layer(
            {"usr": None, "usr/bin": None, "usr/bin/busybox": (busybox, 0o755),
             "usr/bin/sh": "busybox", "usr/bin/cat": "busybox", "usr/bin/wc": "busybox"})])
        login = self.auths(self.host, username="demo", password=self.secrets["password"])
        self.watch_program("push", f"oci:{layout}", f"{self.host}/demo/shell:1", "--credentials", login)
        # The step says the secret, as careless steps do.
        spec = (f"FROM {self.host}/demo/shell:1\nARG TOKEN\n# {{{{ .Value }}}}\n"
                "RUN --mount=type=secret,id=TOKEN cat /run/secrets/TOKEN; "
                "wc -c </run/secrets/TOKEN >/size\n")
        manifest = self.manifest(self.secrets["password"])
        documents = manifest.read_text().replace(
            f"    ref: {self.host}/demo/image:1\n",
            "    ociSpec: {ref: {name: spec}, templateValuesFrom: {name: values}}\n"
            "    buildEnv: [{name: TOKEN, valueFrom: {secretKeyRef: {name: values, key: Token}}}]\n")
        for name, data in {"spec": {"ociSpec": spec},
                           "values": {"Token": self.secrets["mounted"],
                                      "Value": self.secrets["value"]}}.items():
            documents = json.dumps({"apiVersion": "v1", "kind": "Secret", "metadata": {
                "name": name}, "stringData": data}) + "\n---\n" + documents
        manifest.write_text(documents)
        # A RUN has the proxy in its environment, as it must: none here.
        for name in ("http_proxy", "https_proxy"):
            self.proxies[name] = ""
        self.watch_program("build", manifest, "-o", self.out, "--image-archive")
        context = self.work / "context"
        context.mkdir()
        (context / "Dockerfile").write_text(spec.replace("# {{ .Value }}\n", ""))
        file = self.work / "mounted"
        file.write_text(self.secrets["mounted"])
        self.watch_program("image", "build", "-t", f"{self.host}/demo/built:1", "--push", "--secret",
                           f"id=TOKEN,src={file}", context, "--credentials", login)
        file.unlink()

        self.said.append(subprocess.run(
            ["skopeo", "inspect", "--config", f"docker-archive:{self.out / 'demo.tar'}"], check=True,
            capture_output=True, timeout=60).stdout)
        self.assertIn(b"***", b"".join(self.said))
        self.check_nothing_leaked()

    def test_case278_a_proxy_with_a_password(self):
        _, err = self.watch_program("pull", "registry.example/a/b:1", status=4)

        self.assertIn("registry.example", err)
        self.check_nothing_leaked()

    def test_case273_no_core_is_left(self):
        process = subprocess.Popen([PROGRAM, "validate", "-"], stdin=subprocess.PIPE,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            end, limits = time.monotonic() + 5, b""
            while not re.search(rb"Max core file size +0 +0 ", limits):
                self.assertLess(time.monotonic(), end, limits.decode())
                limits = read_proc(process.pid, "limits")
        finally:
            process.communicate(b"")


if __name__ == "__main__":
    registry_case.main()
