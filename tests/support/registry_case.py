# SPDX-License-Identifier: Apache-2.0
"""What tests of the program have in common: a real docker-registry (TLS, password) on loopback for all
tests of a case, folders of its own for each. The program is the first argument of the test."""
import base64
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import unittest

import pod
import test_image

TESTS = pathlib.Path(__file__).resolve().parent.parent
PROGRAM = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else ""
# Runs a command with what such a container has.
POD = ["setpriv", "--no-new-privs", "--inh-caps=-all",
       f"--bounding-set=-all,+{',+'.join(pod.CAPABILITIES)}"]
# Runs a command that may not mount.
UNPRIVILEGED = ["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin"]


def start_registry(folder, user, password, address="127.0.0.1"):
    """Starts a docker-registry that keeps all in the folder; returns its host. stop_registry ends it."""
    subprocess.run([TESTS.parent / "packaging/quickstart/registry.sh", folder, user, password, address],
                   check=True, timeout=60)
    name = "localhost" if address == "127.0.0.1" else address
    return name + ":" + (folder / "port").read_text().strip()


def stop_registry(folder):
    os.kill(int((folder / "pid").read_text()), signal.SIGTERM)


class RegistryCase(unittest.TestCase):
    password = "canary-password-7Qz"
    address = "127.0.0.1"
    signed_in = True  # Whether the program is given the password where a test does not say.

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix=f"{cls.__name__}.", dir="/var/tmp")
        cls.addClassCleanup(folder.cleanup)
        cls.base = pathlib.Path(folder.name)
        cls.host = start_registry(cls.base / "registry", "demo", cls.password, cls.address)
        cls.addClassCleanup(stop_registry, cls.base / "registry")
        cls.config = cls.base / "config.json"
        cls.config.write_text(cls.login())
        cls.config.chmod(0o600)

    def setUp(self):
        work = tempfile.TemporaryDirectory(dir=self.base)
        self.addCleanup(work.cleanup)
        self.work = pathlib.Path(work.name)
        self.out = self.work / "out"
        self.store = self.work / "store"

    @staticmethod
    def encode(password):
        return base64.b64encode(b"demo:" + password.encode()).decode()

    @classmethod
    def login(cls, password=None):
        """A config.json for the registry."""
        return json.dumps({"auths": {cls.host: {"auth": cls.encode(password or cls.password)}}})

    @classmethod
    def login_secret(cls, password=None):
        """The Secret 'login' of a manifest, with that config.json."""
        return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "login"},
                "type": "kubernetes.io/dockerconfigjson",
                "stringData": {".dockerconfigjson": cls.login(password)}}

    @classmethod
    def command(cls, arguments, store, ca=None):
        arguments = [PROGRAM, *map(str, arguments), "--store", str(store), "--ca-dir",
                     str(ca or cls.base / "registry/ca")]
        if cls.signed_in and "--credentials" not in arguments:
            arguments += ["--credentials", str(cls.config)]
        return arguments

    @classmethod
    def run_program(cls, arguments, store, check=False, prefix=(), stdin=None, ca=None, cwd=None,
                    **environment):
        result = subprocess.run(
            [*prefix, *cls.command(arguments, store, ca)], capture_output=True, timeout=200, cwd=cwd,
            input=stdin, env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", **environment})
        result.stdout, result.stderr = result.stdout.decode(), result.stderr.decode()
        if check and result.returncode != 0:
            raise AssertionError(result.stderr)
        return result

    def program(self, *arguments, store=None, **keywords):
        return self.run_program(arguments, store or self.store, **keywords)

    def build(self, manifest, *arguments, out=None, **keywords):
        return self.program("build", manifest, "-o", out or self.out, *arguments, **keywords)

    @classmethod
    def push(cls, name, tars, **layout):
        """Pushes an image of the layers to HOST/NAME; gives the digests of its layers."""
        with tempfile.TemporaryDirectory(dir=cls.base) as folder:
            layers = test_image.write_layout(f"{folder}/layout", tars, **layout)
            cls.run_program(["push", f"oci:{folder}/layout", f"{cls.host}/{name}", "--credentials",
                             cls.config], f"{folder}/store", check=True)
        return layers

    def report(self):
        return json.loads((self.out / "demo.report.json").read_text())

    def states(self):
        return {stage["name"]: stage["state"] for stage in self.report()["stages"]}


def main():
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]], verbosity=2)
