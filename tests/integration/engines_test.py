#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Images built by other programs: Debian's buildah, run for real, beside the native engine; Kaniko, which is
in no package registry, by a stand-in that says what it was given.
Usage: engines_test.py PROGRAM KANIKO_STAND_IN [unittest arguments]; needs root."""
import hashlib
import json
import os
import pathlib
import shutil
import stat
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
STAND_IN = os.path.abspath(sys.argv.pop(2)) if len(sys.argv) > 2 else ""
import doc_examples  # noqa: E402
import registry_case  # noqa: E402
import test_image  # noqa: E402

SECRET = "canary-secret-4Jx"
ARGUMENT = "canary-argument-9Pw"
# What buildah leaves in an image for RUN to mount onto; docs/dockerfile.md.
MOUNT_POINTS = {"dev", "proc", "sys", "run", "run/secrets", "etc/hostname", "etc/hosts", "etc/resolv.conf"}
CONFIG_KEYS = ("Env", "Cmd", "Entrypoint", "WorkingDir", "User", "Labels", "ExposedPorts", "Volumes", "StopSignal")

DOCKERFILE = """FROM {host}/os/base:1 AS made
ARG WORD=none
ARG HIDDEN
RUN echo "$WORD" >/word && mkdir -p /made/sub && echo made >/made/sub/file && chmod 700 /made/sub
RUN --mount=type=secret,id=s wc -c </run/secrets/s >/length

FROM {host}/os/base:1
LABEL one=1
ENV PLACE=here
WORKDIR /srv/work
COPY . /context/
COPY --from=made --chown=12:34 /made /copied
COPY --from=made /word /length /
RUN rm /etc/group && touch "$PLACE" && chmod 4711 "$PLACE"
USER 12:34
EXPOSE 80
ENTRYPOINT ["/bin/echo"]
CMD ["a", "b"]
"""


class EngineCase(registry_case.RegistryCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.push("os/base:1", [test_image.busybox_layer()])

    def setUp(self):
        super().setUp()
        self.context = self.work / "context"
        (self.context / "sub").mkdir(parents=True)
        for name in ("taken", "sub/taken", "left.out"):
            (self.context / name).write_text(name)
        (self.context / ".dockerignore").write_text("*.out\n")
        (self.work / "secret").write_text(SECRET)

    def dockerfile(self, text):
        (self.context / "Dockerfile").write_text(text.format(host=self.host))

    def image_build(self, engine, *arguments, **keywords):
        return self.program("image", "build", "--image-engine", engine, self.context, *arguments, **keywords)

    def tree_of(self, layout):
        root = pathlib.Path(tempfile.mkdtemp(dir=self.work))
        self.program("unpack", f"oci:{layout}", root, check=True)
        lines = {}
        for path in root.rglob("*"):
            status = path.lstat()
            line = f"{stat.filemode(status.st_mode)} {status.st_uid}:{status.st_gid}"
            if path.is_symlink():
                line += " -> " + os.readlink(path)
            elif path.is_file():
                line += " " + hashlib.sha256(path.read_bytes()).hexdigest()
            lines[str(path.relative_to(root))] = line
        return lines

    def config_of(self, layout):
        return json.loads(self.program("inspect", "--config", f"oci:{layout}", check=True).stdout)

    def left_in_tmp(self):
        """What the program left of its temporary folders."""
        return [path for path in (self.store / "tmp").rglob("*") if path.is_file() and path.stat().st_size]

    def texts(self, *results):
        """All that was said, and all files of the store."""
        yield from (text.encode() for result in results for text in (result.stdout, result.stderr))
        for path in self.store.rglob("*"):
            if path.is_file() and not path.is_symlink():
                yield path.read_bytes()

    def tool(self, name, script):
        """A program found before all others; gives the PATH."""
        folder = self.work / "bin"
        folder.mkdir(exist_ok=True)
        (folder / name).write_text("#!/bin/sh\n" + script)
        (folder / name).chmod(0o755)
        return f"{folder}:{os.environ['PATH']}"


@unittest.skipUnless(shutil.which("buildah"), "SKIPPED: buildah is not on PATH, its engine is not tested")
class Buildah(EngineCase):
    def test_it_makes_what_the_native_engine_makes(self):
        self.dockerfile(DOCKERFILE)
        trees, configs = {}, {}
        for engine in ("native", "buildah"):
            layout = self.work / engine
            self.image_build(engine, "--build-arg", "WORD=$(id) \"said\"", "--secret", f"id=s,src={self.work / 'secret'}",
                             "--label", "two=2", "--output", f"oci:{layout}", check=True)
            trees[engine] = {name: line for name, line in self.tree_of(layout).items() if name not in MOUNT_POINTS}
            config = self.config_of(layout)
            configs[engine] = {key: config["config"].get(key) for key in CONFIG_KEYS}
            configs[engine]["platform"] = (config["os"], config["architecture"])

        self.assertEqual(trees["native"], trees["buildah"])
        self.assertEqual(configs["native"], configs["buildah"])
        self.assertIn("context/sub/taken", trees["native"])
        self.assertNotIn("context/left.out", trees["native"])

    def test_the_same_manifest_with_a_push(self):
        spec = f"FROM {self.host}/os/base:1\nARG GREETING\nRUN echo $GREETING >/greeting\n"
        digests = {}
        for engine in ("native", "buildah"):
            documents = [self.login_secret(),
                         {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "spec"}, "stringData": {"ociSpec": spec}},
                         {"apiVersion": "build.kairos.io/v1alpha2", "kind": "OSArtifact", "metadata": {"name": "demo"},
                          "spec": {"image": {"ociSpec": {"ref": {"name": "spec"}}, "push": True,
                                             "imageCredentialsSecretRef": {"name": "login"},
                                             "buildEnv": [{"name": "GREETING", "value": "hello"}],
                                             "buildImage": {"registry": self.host, "repository": "built/demo", "tag": engine}}}}]
            file = self.work / "demo.yaml"
            file.write_text("\n---\n".join(map(json.dumps, documents)))
            self.program("build", file, "-o", self.out, "--image-engine", engine, "--credentials", self.empty_login(), check=True)
            stages = {stage["name"]: stage for stage in self.report()["stages"]}
            self.assertEqual(stages["build-image"]["result"]["engine"], engine)
            self.program("unpack", f"{self.host}/built/demo:{engine}", self.work / f"root-{engine}", check=True)
            self.assertEqual((self.work / f"root-{engine}/greeting").read_text(), "hello\n")
            digests[engine] = self.report()["image"]["digest"]
        self.assertNotEqual(digests["native"], digests["buildah"])

    def empty_login(self):
        file = self.work / "empty.json"
        file.write_text('{"auths": {}}')
        return file

    def test_nothing_secret_is_on_its_command_line_or_stays(self):
        self.dockerfile(DOCKERFILE)
        record = self.work / "record"
        path = self.tool("buildah", f"""
echo "$@" >>{record}
for word; do case $word in --registries-conf=*) folder=$(dirname "${{word#*=}}");; esac; done
[ -n "$folder" ] && stat -c '%a %n' "$folder" "$folder"/*.json "$folder"/secret-* >>{record}.modes 2>/dev/null
[ -n "$folder" ] && cat "$folder/auth.json" >{record}.auth
exec {shutil.which("buildah")} "$@"
""")
        result = self.image_build("buildah", "--build-arg", "HIDDEN", "--secret", f"id=s,src={self.work / 'secret'}",
                                  check=True, PATH=path, HIDDEN=ARGUMENT, http_proxy="http://u:canary-proxy-3Rt@[::1]:9",
                                  no_proxy="localhost")

        said = record.read_text()
        self.assertIn("--build-arg=HIDDEN", said)
        for needle in (SECRET, ARGUMENT, self.password, self.encode(self.password), "canary-proxy-3Rt"):
            self.assertNotIn(needle, said)
        for line in (record.parent / "record.modes").read_text().splitlines():
            self.assertIn(line.split()[0], ("700", "600"), line)
        auths = json.loads((record.parent / "record.auth").read_text())["auths"]
        self.assertEqual(auths, {self.host: {"auth": self.encode(self.password)}})
        self.assertEqual(self.left_in_tmp(), [])
        for needle in (SECRET, self.password, self.encode(self.password), "canary-proxy-3Rt"):
            self.assertFalse(any(needle.encode() in text for text in self.texts(result)), needle)

    def test_a_registry_that_is_not_to_be_verified(self):
        folder = self.work / "unverified"
        host = registry_case.start_registry(folder, "demo", self.password)
        self.addCleanup(registry_case.stop_registry, folder)
        login = self.work / "both.json"
        login.write_text(json.dumps({"auths": {name: {"auth": self.encode(self.password)} for name in (self.host, host)}}))
        flags = ("--credentials", login, "--insecure-registry", host)
        test_image.write_layout(str(self.work / "layout"), [test_image.busybox_layer()])
        self.program("push", f"oci:{self.work / 'layout'}", f"{host}/os/other:1", *flags, check=True)
        self.dockerfile(f"FROM {host}/os/other:1\nCOPY --from={{host}}/os/base:1 /etc/passwd /from-the-first\n")

        self.image_build("buildah", *flags, "--output", f"oci:{self.work / 'out'}", check=True)

        self.assertIn("from-the-first", self.tree_of(self.work / "out"))

    def test_the_examples_of_the_page(self):
        """Those that need no AuroraBoot, in the context's folder."""
        self.dockerfile("FROM {host}/os/base:1\nRUN echo a >/a\nCOPY taken /taken\n")
        examples = [words for words in doc_examples.commands("engines.md") if words[1] in ("image", "inspect") and
                    not words[-1].endswith(".iso")]
        self.assertEqual(len(examples), 6)
        for words in examples:
            words = [word.replace("registry.example.com", self.host) for word in words[1:]]
            store = self.context / words[words.index("--store") + 1] if "--store" in words else self.store
            if "--store" in words:
                del words[words.index("--store"):words.index("--store") + 2]
            self.run_program(words, store, check=True, cwd=self.context)
        trees = [self.tree_of(self.context / name) for name in ("native", "with-buildah")]
        self.assertEqual(*[{name: line for name, line in tree.items() if name not in MOUNT_POINTS} for tree in trees])

    def test_a_failed_step_shows_what_it_said(self):
        self.dockerfile("FROM {host}/os/base:1\nRUN echo said before; exit 7\n")
        result = self.image_build("buildah")

        self.assertEqual(result.returncode, 5, result.stderr)
        self.assertIn("said before", result.stderr)
        self.assertEqual(self.left_in_tmp(), [])

    def test_what_cannot_work_is_said_before_anything_starts(self):
        self.dockerfile("FROM {host}/os/base:1\n")
        missing = self.image_build("buildah", PATH="/nonexistent")
        self.assertEqual(missing.returncode, 6, missing.stderr)
        self.assertIn("apt-get install buildah", missing.stderr)

        old = self.image_build("buildah", PATH=self.tool("buildah", "echo buildah version 1.19.6 '(image-spec 1.0)'\n"))
        self.assertEqual(old.returncode, 6, old.stderr)
        self.assertIn("1.24 is the oldest", old.stderr)

        pod = self.image_build("buildah", prefix=registry_case.POD)
        self.assertEqual(pod.returncode, 2, pod.stderr)
        self.assertIn("--image-engine native", pod.stderr)

        offline = self.image_build("buildah", "--offline")
        self.assertEqual(offline.returncode, 2, offline.stderr)
        self.assertFalse((self.store / "index.json").exists() and json.loads((self.store / "index.json").read_text())["manifests"])


class Kaniko(EngineCase):
    """With the stand-in: what Kaniko would be given, and where it would run."""

    def setUp(self):
        super().setUp()
        folder = self.work / "kaniko"
        folder.mkdir()
        shutil.copy(STAND_IN, folder / "executor")
        self.executable = folder / "executor"
        self.path = f"{folder}:{os.environ['PATH']}"

    def build(self, *arguments, **keywords):
        test_image.write_layout(str(self.context / "prepared-layout"), [test_image.layer({"of-the-stand-in": b"it"})])
        return self.image_build("kaniko", "--runtime", "runc", *arguments, PATH=self.path, **keywords)

    @staticmethod
    def told(result, what):
        return [bytes.fromhex(line.split(f"stand-in {what} ")[1]).decode()
                for line in result.stderr.splitlines() if f"stand-in {what} " in line]

    def test_it_is_given_the_same_inputs_in_a_root_of_its_own(self):
        self.dockerfile("FROM {host}/os/base:1 AS a\nARG WORD\nRUN true\nFROM a\n")
        result = self.build("--build-arg", "WORD=w o", "--build-arg", "HIDDEN", "--target", "a", "--label", "l=1",
                            "--insecure-registry", self.host, "--output", f"oci:{self.work / 'out'}", check=True,
                            HIDDEN=ARGUMENT, SOURCE_DATE_EPOCH="1700000000")

        self.assertEqual(self.told(result, "argument"), [
            "--force", "--context=dir:///workspace", "--dockerfile=/kaniko/build/Dockerfile", "--no-push",
            "--oci-layout-path=/kaniko/layout", "--custom-platform=linux/amd64", "--log-format=text",
            "--log-timestamp=false", "--target=a", "--reproducible", "--label=l=1", "--build-arg=HIDDEN",
            "--build-arg=WORD", f"--insecure-registry={self.host}", f"--skip-tls-verify-registry={self.host}"])
        variables = self.told(result, "variable")
        self.assertIn(f"HIDDEN={ARGUMENT}", variables)
        self.assertIn("WORD=w o", variables)
        self.assertIn("DOCKER_CONFIG=/kaniko/.docker", variables)
        self.assertEqual(sorted(self.told(result, "root")), ["dev", "etc", "kaniko", "proc", "sys", "tmp", "workspace"])
        self.assertEqual(json.loads(self.told(result, "credentials")[0]),
                         {"auths": {self.host: {"auth": self.encode(self.password)}}})
        self.assertEqual(self.told(result, "dockerfile")[0], (self.context / "Dockerfile").read_text())
        self.assertIn("*.out\n", self.told(result, "ignored")[0])
        self.assertIn((self.base / "registry/ca/ca.crt").read_text().strip(), self.told(result, "trust")[0])
        self.assertEqual(self.told(result, "context"), ["read-only"])
        self.assertIn("of-the-stand-in", self.tree_of(self.work / "out"))
        self.assertEqual(self.left_in_tmp(), [])

    def test_its_failure_is_that_of_a_build_step(self):
        self.dockerfile("FROM {host}/os/base:1\n")
        (self.context / "fails").touch()
        result = self.build()

        self.assertEqual(result.returncode, 5, result.stderr)
        self.assertIn("error building image", result.stderr)

    def test_it_is_never_run_but_in_a_container(self):
        self.dockerfile("FROM {host}/os/base:1\n")
        for arguments in (("--runtime", "chroot"), ()):
            prefix = () if arguments else registry_case.POD
            result = self.image_build("kaniko", *arguments, PATH=self.path, prefix=prefix)
            self.assertEqual(result.returncode, 2, result.stderr)
            self.assertIn("overwrites the root file system", result.stderr)
            self.assertNotIn("stand-in", result.stderr)

    def test_what_cannot_work_is_said_before_anything_starts(self):
        self.dockerfile("FROM {host}/os/base:1\n")
        secret = self.build("--secret", f"id=s,src={self.work / 'secret'}")
        self.assertEqual(secret.returncode, 2, secret.stderr)
        self.assertIn("type=secret", secret.stderr)

        with open(self.executable, "a") as file:
            file.write("\nversion-of-the-stand-in=v1.6.0")
        old = self.build()
        self.assertEqual(old.returncode, 6, old.stderr)
        self.assertIn("1.9 is the oldest", old.stderr)

        missing = self.image_build("kaniko")
        self.assertEqual(missing.returncode, 6, missing.stderr)
        self.assertIn("neither 'kaniko' nor 'executor'", missing.stderr)


if __name__ == "__main__":
    registry_case.main()
