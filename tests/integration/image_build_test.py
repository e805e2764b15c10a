#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Images built as users build them: the three modes of an OSArtifact with a stand-in for kairos-init,
and `image build`; base images from a docker-registry with TLS and a password, pushes to it, an ISO in
the same build. Usage: image_build_test.py PROGRAM [unittest arguments]; needs root."""
import base64
import hashlib
import http.server
import io
import json
import os
import pathlib
import re
import shutil
import socket
import ssl
import subprocess
import sys
import tarfile
import tempfile
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import registry_case  # noqa: E402
import test_image  # noqa: E402
from registry_case import UNPRIVILEGED  # noqa: E402

HOSTILE = "$(touch /owned)\"; touch /owned; '`touch /owned`"

# Takes kairos-init's place: keeps the arguments of each run, one per line.
KAIROS_INIT = b"""#!/bin/sh
for argument in "$@"; do printf '<%s>\\n' "$argument" >>/kairos-init.log; done
echo "kairos-init ran"
"""


def base_layers():
    """A small system with a shell that an ISO can be made of."""
    busybox = pathlib.Path(shutil.which("busybox")).read_bytes()
    applets = "sh cat echo touch rm mkdir printf test ls id chmod env true cp".split()
    tools = {"usr": None, "usr/bin": None, "usr/bin/busybox": (busybox, 0o755), "etc": None,
             "etc/passwd": b"root:x:0:0:root:/root:/bin/sh\n", "etc/group": b"root:x:0:\n"}
    tools.update({f"usr/bin/{applet}": "busybox" for applet in applets})
    return test_image.bootable_layers() + [test_image.layer(tools)]


def serve(test, folder, password=None, certificate=None):
    """A web server for the folder, until the test ends; returns its port. `password`: user:password
    that it wants, `certificate`: the folder of server.crt and server.key, for TLS."""
    wanted = password and "Basic " + base64.b64encode(password.encode()).decode()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments):
            super().__init__(*arguments, directory=str(folder))

        def do_GET(self):
            if not wanted or self.headers.get("Authorization") == wanted:
                return super().do_GET()
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="git"')
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if certificate:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate / "server.crt", certificate / "server.key")
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    test.addCleanup(server.server_close)
    test.addCleanup(server.shutdown)
    return server.server_address[1]


def make_repository(folder, files, home):
    """A git repository that a server of plain files can serve; its one commit is of 1600000000."""
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "HOME": str(home),
                   "GIT_COMMITTER_DATE": "1600000000 +0000"}

    def git(*arguments):
        subprocess.run(["git", "-C", folder, "-c", "user.name=a", "-c", "user.email=a@b", *arguments],
                       check=True, capture_output=True, env=environment)

    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    git("init", "-q", "-b", "main")
    git("add", ".")
    git("commit", "-q", "-m", "a")
    git("update-server-info")


class ImageBuild(registry_case.RegistryCase):
    signed_in = False

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.push("os/base:1", base_layers())
        cls.push("tools/kairos-init:1", [test_image.layer({"kairos-init": (KAIROS_INIT, 0o755)})])

    def setUp(self):
        super().setUp()
        self.context = self.work / "context"
        self.context.mkdir()

    # An OSArtifact.

    def manifest(self, image, artifacts=None, secrets=None, volumes=None):
        documents = [self.login_secret()]
        for name, data in (secrets or {}).items():
            documents.append({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name},
                              "stringData": data})
        spec = {"image": {"imageCredentialsSecretRef": {"name": "login"}, **image}}
        if artifacts:
            spec["artifacts"] = artifacts
        if volumes:
            spec["volumes"] = volumes
        documents.append({"apiVersion": "build.kairos.io/v1alpha2", "kind": "OSArtifact",
                          "metadata": {"name": "demo"}, "spec": spec})
        file = self.work / "demo.yaml"
        file.write_text("\n---\n".join(json.dumps(document) for document in documents))
        return file

    def options(self, **more):
        return {"version": "v1.2.3", "baseImage": f"{self.host}/os/base:1",
                "kairosInitImage": f"{self.host}/tools/kairos-init:1", **more}

    def destination(self, tag):
        registry, repository = self.host, "built/demo"
        return {"buildImage": {"registry": registry, "repository": repository, "tag": tag},
                "push": True}

    def unpacked(self, source, store=None):
        root = pathlib.Path(tempfile.mkdtemp(dir=self.work))
        self.run_program(["unpack", source, root, "--credentials", self.config],
                         store or self.work / "other-store", check=True)
        return root

    def config_of(self, source):
        return json.loads(self.program("inspect", "--config", source, "--credentials", self.config,
                                       check=True).stdout)

    def test_build_options_alone_make_push_and_boot_in_one_build(self):
        manifest = self.manifest({"buildOptions": self.options(), **self.destination("one")},
                                 {"iso": True})
        result = self.build(manifest, check=True)

        pushed = self.report()["image"]["pushed"]
        self.assertIn(pushed, result.stdout)
        self.assertEqual(pushed, f"{self.host}/built/demo:one@{self.report()['image']['digest']}")
        root = self.unpacked(f"{self.host}/built/demo:one")
        common = ["-m", "generic", "-t", "false", "--version", "v1.2.3"]
        wanted = [*"-l debug -s install".split(), *common, *"-l debug -s init".split(), *common]
        self.assertEqual((root / "kairos-init.log").read_text(),
                         "".join(f"<{word}>\n" for word in wanted))
        self.assertFalse((root / "kairos-init").exists())
        subprocess.run(["sha256sum", "-c", "--quiet", "demo.sha256"], cwd=self.out, check=True)
        inside = self.work / "inside"
        subprocess.run(["xorriso", "-osirrox", "on", "-indev", self.out / "demo.iso", "-extract",
                        "/rootfs.squashfs", self.work / "rootfs.squashfs"], check=True,
                       capture_output=True, timeout=60)
        subprocess.run(["unsquashfs", "-no-progress", "-d", inside, self.work / "rootfs.squashfs",
                        "kairos-init.log"], check=True, capture_output=True, timeout=60)
        self.assertTrue((inside / "kairos-init.log").exists())

        self.build(manifest, check=True)
        self.assertEqual(self.states(), {"build-image": "cached", "push": "done",
                                         "unpack": "cached", "squashfs": "cached",
                                         "iso": "cached"})
        self.assertEqual(self.report()["image"]["pushed"], pushed)

    def test_case202_values_are_data(self):
        options = self.options(version=HOSTILE, model=HOSTILE, kubernetesDistro="k3s",
                               kubernetesVersion=HOSTILE, trustedBoot=True, fips=True)
        self.build(self.manifest({"buildOptions": options}), check=True)

        root = self.unpacked(f"docker-archive:{self.out / 'demo.tar'}")
        log = (root / "kairos-init.log").read_text()
        self.assertEqual(log.count(f"<--provider-k3s-version>\n<{HOSTILE}>\n<--version>\n<{HOSTILE}>"
                                   "\n<--fips>\n"), 2)
        self.assertFalse((root / "owned").exists())
        self.assertFalse(pathlib.Path("/owned").exists())

    def test_an_oci_spec_alone_is_rendered_and_built(self):
        spec = ("FROM {{ .Base }}\n{{ range $name, $value := . }}LABEL l.{{ $name }}={{ printf "
                "\"%q\" $value }}\n{{ end }}RUN echo \"{{ .Word }}{{ .Missing }}\" >/word\n")
        manifest = self.manifest(
            {"ociSpec": {"ref": {"name": "spec"}, "templateValuesFrom": {"name": "values"},
                         "templateValues": {"Word": "inline"}}},
            secrets={"spec": {"ociSpec": spec},
                     "values": {"Base": f"{self.host}/os/base:1", "Word": "from-secret"}})
        result = self.build(manifest, check=True)

        self.assertIn('spec/ociSpec:3: no value is given for "Missing"', result.stderr)
        archive = f"docker-archive:{self.out / 'demo.tar'}"
        self.assertEqual((self.unpacked(archive) / "word").read_text(), "inline\n")
        self.assertEqual(self.config_of(archive)["config"]["Labels"],
                         {"l.Base": f"{self.host}/os/base:1", "l.Word": "inline"})
        with tarfile.open(self.out / "demo.tar") as tar:
            tags = json.load(tar.extractfile("manifest.json"))[0]["RepoTags"]
        self.assertEqual(tags, ["localhost/demo:latest"])

        strict = self.build(manifest, "--strict-templates")
        self.assertEqual(strict.returncode, 2)
        self.assertIn("spec/ociSpec:3", strict.stderr)

    def test_both_put_the_users_part_between(self):
        image = {"buildOptions": self.options(),
                 "ociSpec": {"ref": {"name": "spec"}, "buildContextVolume": "context"}}
        volumes = [{"name": "context", "hostPath": {"path": str(self.context)}}]
        (self.context / "file").write_text("of the context")
        spec = "COPY file /file\nRUN test ! -e /kairos-init.log && test ! -e /kairos-init\n"
        self.build(self.manifest(image, secrets={"spec": {"ociSpec": spec}}, volumes=volumes),
                   check=True)

        root = self.unpacked(f"docker-archive:{self.out / 'demo.tar'}")
        self.assertEqual((root / "file").read_text(), "of the context")
        self.assertTrue((root / "kairos-init.log").exists())

        refused = self.build(self.manifest(
            image, secrets={"spec": {"ociSpec": "RUN true\nFROM scratch\n"}}, volumes=volumes))
        self.assertEqual(refused.returncode, 2)
        self.assertIn("spec/ociSpec:2: FROM is not allowed here", refused.stderr)

    def test_build_env_reaches_what_it_should(self):
        spec = (f"FROM {self.host}/os/base:1\nARG PLAIN\nARG TOKEN\n"
                "RUN --mount=type=secret,id=TOKEN t=$(cat /run/secrets/TOKEN); "
                "echo \"$PLAIN ${#t} [$TOKEN]\" >/seen\n")
        manifest = self.manifest(
            {"ociSpec": {"ref": {"name": "spec"}},
             "buildEnv": [{"name": "PLAIN", "value": "plain"},
                          {"name": "TOKEN",
                           "valueFrom": {"secretKeyRef": {"name": "s", "key": "token"}}}]},
            secrets={"spec": {"ociSpec": spec}, "s": {"token": "canary-token-8Zq"}})
        result = self.build(manifest, check=True)

        root = self.unpacked(f"docker-archive:{self.out / 'demo.tar'}")
        self.assertEqual((root / "seen").read_text(), "plain 16 []\n")
        self.assertIn("ARG TOKEN is not given", result.stderr)

    def test_a_changed_file_that_nothing_takes_packs_nothing_again(self):
        volumes = [{"name": "context", "hostPath": {"path": str(self.context)}}]
        (self.context / "taken").write_text("1")
        (self.context / "other").write_text("1")
        spec = f"FROM {self.host}/os/base:1\nCOPY taken /taken\nRUN echo ran >>/ran\n"
        manifest = self.manifest(
            {"ociSpec": {"ref": {"name": "spec"}, "buildContextVolume": "context"}},
            {"iso": True}, {"spec": {"ociSpec": spec}}, volumes)
        self.build(manifest, check=True)
        first = self.report()["image"]["digest"]

        (self.context / "other").write_text("2")
        self.build(manifest, check=True)
        self.assertEqual(self.report()["image"]["digest"], first)
        self.assertEqual(self.states(), {"build-image": "done", "unpack": "cached",
                                         "squashfs": "cached", "iso": "cached"})

        (self.context / "taken").write_text("2")
        self.build(manifest, check=True)
        self.assertNotEqual(self.report()["image"]["digest"], first)
        self.assertEqual(self.states()["iso"], "done")

    def test_the_plan_says_what_is_built_from_what_and_with_which_credential(self):
        manifest = self.manifest({"buildOptions": self.options(), **self.destination("two")},
                                 {"iso": True})
        text = self.program("plan", manifest, check=True).stdout
        facts = json.loads(self.program("plan", manifest, "--format", "json", check=True).stdout)

        self.assertIn(f"demo: {self.host}/built/demo:two (to be built)", text)
        self.assertIn(f"from        {self.host}/os/base:1 (sha256:", text)
        for name in ("pull " + self.host + "/os/base", "pull " + self.host + "/tools/kairos-init",
                     "push " + self.host + "/built/demo"):
            self.assertIn(f"credential  {name}: user 'demo' (secret 'login'", text)
        self.assertNotIn(self.password, text + json.dumps(facts))
        artifact = facts["artifacts"][0]
        self.assertEqual([c["right"] for c in artifact["credentials"]], ["pull", "pull", "push"])
        self.assertEqual({s["name"]: s["state"] for s in artifact["stages"]}["build-image"], "run")
        self.assertFalse((self.out).exists())

    def test_a_failed_step_is_reported_with_its_line_and_output(self):
        spec = f"FROM {self.host}/os/base:1\nRUN echo before\nRUN echo said; exit 3\n"
        result = self.build(self.manifest({"ociSpec": {"ref": {"name": "spec"}}},
                                          secrets={"spec": {"ociSpec": spec}}))

        self.assertEqual(result.returncode, 5, result.stderr)
        for words in ("spec/ociSpec:3", "said", "3", "OSArtifact 'demo'"):
            self.assertIn(words, result.stderr)
        self.assertEqual(self.report()["error"]["exitStatus"], 5)

    def test_a_wrong_password_for_the_base_image(self):
        manifest = self.manifest({"buildOptions": self.options()})
        manifest.write_text(manifest.read_text().replace(self.encode(self.password),
                                                         self.encode("wrong-canary")))
        result = self.build(manifest)

        self.assertEqual(result.returncode, 3)
        self.assertIn("/os/base" if "/os/base" in result.stderr else "/tools/kairos-init",
                      result.stderr)
        self.assertNotIn("wrong-canary", result.stderr)

    # image build.

    def image_build(self, *arguments, **keywords):
        return self.program("image", "build", *arguments, "--credentials", self.config, **keywords)

    def dockerfile(self, text, name="Dockerfile"):
        (self.context / name).write_text(text)

    def test_image_build_with_the_flags_people_know(self):
        self.dockerfile(f"ARG TAG\nFROM {self.host}/os/base:$TAG AS first\nARG WORD=none\n"
                        "COPY file /file\nRUN echo $WORD >/word\nFROM first AS second\n"
                        "RUN --mount=type=secret,id=s cp /run/secrets/s /copied\n"
                        "FROM second\nRUN exit 1\n", "Other")
        (self.context / "file").write_text("content")
        (self.work / "secret").write_text("of the file")
        name = f"{self.host}/built/image:1"
        result = self.image_build(
            "-f", self.context / "Other", "-t", name, "--build-arg", "TAG=1", "--build-arg",
            "WORD", "--target", "second", "--secret", f"id=s,src={self.work / 'secret'}", "--label",
            "a=b", "--push", "--output", f"oci:{self.work / 'layout'}:x", "--output",
            f"type=docker,dest={self.work / 'image.tar'}", "--iidfile", self.work / "iid",
            "--metadata-file", self.work / "metadata.json", self.context, check=True, WORD="given")

        digest = result.stdout.strip().split("@")[1]
        self.assertEqual(result.stdout.strip(), f"{name}@{digest}")
        root = self.unpacked(name)
        self.assertEqual((root / "word").read_text(), "given\n")
        self.assertEqual((root / "file").read_text(), "content")
        self.assertEqual((root / "copied").read_text(), "of the file")
        self.assertEqual(self.config_of(name)["config"]["Labels"], {"a": "b"})
        metadata = json.loads((self.work / "metadata.json").read_text())
        self.assertEqual(metadata["containerimage.digest"], digest)
        self.assertEqual(metadata["containerimage.config.digest"], (self.work / "iid").read_text())
        raw = subprocess.run(["skopeo", "inspect", "--raw", f"oci:{self.work / 'layout'}:x"],
                             check=True, capture_output=True, timeout=60).stdout
        self.assertEqual("sha256:" + hashlib.sha256(raw).hexdigest(), digest)
        subprocess.run(["skopeo", "inspect", f"docker-archive:{self.work / 'image.tar'}"],
                       check=True, capture_output=True, timeout=60)

    def test_layers_with_zstd_where_asked_for(self):
        self.dockerfile(f"FROM {self.host}/os/base:1\nCOPY file /file\nRUN echo made >/made\n")
        (self.context / "file").write_text("content")
        name = f"{self.host}/built/zstd:1"
        self.image_build("-t", name, self.context, check=True)
        self.image_build("-t", name, "--compression", "zstd", "--push", "--output",
                         f"type=docker,dest={self.work / 'image.tar'}", self.context, check=True)

        manifest = json.loads(self.program("inspect", "--raw", name, "--credentials", self.config,
                                           check=True).stdout)
        types = [layer["mediaType"].rsplit("+")[-1] for layer in manifest["layers"]]
        self.assertEqual(types[-2:], ["zstd", "zstd"])
        self.assertEqual(set(types[:-2]), {"gzip"})
        for source in (name, f"docker-archive:{self.work / 'image.tar'}"):
            root = self.work / source.replace("/", "_").replace(":", "_")
            self.program("unpack", source, root, "--credentials", self.config, check=True,
                         store=self.work / "fresh")
            self.assertEqual((root / "made").read_text(), "made\n")
            self.assertEqual((root / "file").read_text(), "content")

    def test_a_run_step_sees_the_agent_and_the_image_does_not(self):
        agent = self.work / "agent.sock"
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(agent))
            server.listen()
            self.dockerfile(f"FROM {self.host}/os/base:1\n"
                            "RUN --mount=type=ssh test -S \"$SSH_AUTH_SOCK\" && echo $SSH_AUTH_SOCK >/seen\n"
                            "RUN test -z \"$SSH_AUTH_SOCK\"\n"
                            "RUN --mount=type=ssh,id=other,target=/a/socket test -S /a/socket\n")
            layout = self.work / "layout"
            agents = ("--ssh", f"default={agent}", "--ssh", f"other={agent}", "--no-cache")
            self.image_build(self.context, *agents, "--output", f"oci:{layout}", check=True)
            root = self.unpacked(f"oci:{layout}")
            self.assertTrue((root / "seen").read_text().startswith("/run/buildkit/ssh_agent"))
            self.assertFalse((root / "run/buildkit").exists() or (root / "a").exists())
            pod = self.image_build(self.context, *agents, prefix=UNPRIVILEGED)
            self.assertEqual(pod.returncode, 5, pod.stderr)
            self.assertIn("is a socket", pod.stderr)
        self.dockerfile(f"FROM {self.host}/os/base:1\nRUN --mount=type=ssh,required=true true\n")
        refused = self.image_build(self.context)
        self.assertEqual(refused.returncode, 5, refused.stderr)
        self.assertIn("--ssh default", refused.stderr)

    def test_image_build_from_standard_input(self):
        text = f"FROM {self.host}/os/base:1\n"
        alone = self.image_build("-", stdin=(text + "RUN echo a >/a\n").encode(), check=True)
        self.assertRegex(alone.stdout, r"^sha256:[0-9a-f]{64}\n$")

        (self.context / "b").write_text("b")
        beside = self.image_build("-f", "-", "-t", "localhost/beside", self.context,
                                  stdin=(text + "COPY b /\n").encode(), check=True)
        self.assertIn("localhost/beside:latest@sha256:", beside.stdout)

        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
            for name, data in {"Dockerfile": text + "COPY c /\n", "c": "c"}.items():
                info = tarfile.TarInfo(name)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data.encode()))
        layout = self.work / "layout"
        self.image_build("-", "--output", f"oci:{layout}", stdin=buffer.getvalue(), check=True)
        self.assertEqual((self.unpacked(f"oci:{layout}") / "c").read_text(), "c")

    def test_case272_credentials_of_the_context_stay_out_unless_let_in(self):
        (self.context / ".docker").mkdir()
        (self.context / ".docker/config.json").write_text('{"auths": {}}')
        (self.context / "file").write_text("f")
        self.dockerfile("FROM scratch\nCOPY . /\n")
        layout = self.work / "layout"
        result = self.image_build(self.context, "--output", f"oci:{layout}", check=True)

        self.assertIn("holds .docker/config.json: it is left out", result.stderr)
        root = self.unpacked(f"oci:{layout}")
        self.assertTrue((root / "file").exists())
        self.assertFalse((root / ".docker/config.json").exists())

        (self.context / ".dockerignore").write_text("!.docker/config.json\n")
        self.image_build(self.context, "--output", f"oci:{layout}", check=True)
        self.assertTrue((self.unpacked(f"oci:{layout}") / ".docker/config.json").exists())

    def test_case200_each_registry_has_a_credential_of_its_own(self):
        hosts, auths = [], {}
        ca = self.work / "ca"
        ca.mkdir()
        shutil.copy(self.base / "registry/ca/ca.crt", ca / "first.crt")
        for name in ("copied", "pushed"):
            folder = self.work / name
            hosts.append(registry_case.start_registry(folder, name, f"password of {name}"))
            self.addCleanup(registry_case.stop_registry, folder)
            shutil.copy(folder / "ca/ca.crt", ca / f"{name}.crt")
            auths[hosts[-1]] = {"username": name, "password": f"password of {name}"}
        login = self.work / "login.json"
        login.write_text(json.dumps(
            {"auths": {**auths, self.host: {"auth": self.encode(self.password)}}}))
        layout = self.work / "layout"
        test_image.write_layout(str(layout), base_layers())
        self.program("push", f"oci:{layout}", f"{hosts[0]}/a/b:1", "--credentials", login,
                     check=True, ca=ca)
        self.dockerfile(f"FROM {self.host}/os/base:1\nCOPY --from={hosts[0]}/a/b:1 /etc/new /new\n")
        result = self.program("image", "build", "-t", f"{hosts[1]}/c/d:1", "--push", self.context,
                              "--credentials", login, ca=ca)

        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn(f"{hosts[1]}/c/d:1@sha256:", result.stdout)

    def test_case204_a_password_in_the_url_of_a_git_context_is_seen_nowhere(self):
        repository = self.work / "git"
        make_repository(repository, {"sub/Dockerfile": "FROM scratch\nCOPY file /\n",
                                     "sub/file": "of git"}, self.work)
        password = "canary-git-6Wp"
        port = serve(self, repository, f"user:{password}")
        url = f"http://user:{password}@127.0.0.1:{port}/.git#main:sub"
        layout = self.work / "layout"
        result = self.image_build(url, "--output", f"oci:{layout}", "--log-level", "debug")

        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual((self.unpacked(f"oci:{layout}") / "file").read_text(), "of git")
        wrong = self.image_build(url.replace(password, "canary-wrong-2Xy"))
        self.assertEqual(wrong.returncode, 4, wrong.stderr)
        texts = [t.encode() for r in (result, wrong) for t in (r.stdout, r.stderr)]
        texts += [p.read_bytes() for root in (self.store, layout) for p in root.rglob("*")
                  if p.is_file() and not p.is_symlink()]
        for needle in (password, "canary-wrong-2Xy"):
            self.assertFalse(any(needle.encode() in text for text in texts), needle)

    def test_git_trusts_the_ca_that_the_program_was_told_of(self):
        make_repository(self.work / "git", {"file": "of git"}, self.work)
        port = serve(self, self.work / "git", certificate=self.base / "registry")
        layout = self.work / "layout"
        (self.context / "Dockerfile").write_text(
            f"FROM scratch\nADD https://localhost:{port}/.git?mtime=commit /git\n")
        result = self.image_build(self.context, "--output", f"oci:{layout}")

        self.assertEqual(result.returncode, 0, result.stderr)
        file = self.unpacked(f"oci:{layout}") / "git/file"
        self.assertEqual((file.read_text(), file.stat().st_mtime), ("of git", 1600000000))
        other = self.work / "other"
        other.mkdir()
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=other",
                        "-keyout", self.work / "other.key", "-out", other / "other.crt"],
                       check=True, capture_output=True)
        refused = self.image_build(self.context, "--no-cache", ca=other)
        self.assertEqual(refused.returncode, 4, refused.stderr)
        self.assertIn("certificate", refused.stderr)

    # Results of steps in a registry.

    def steps(self, result):
        """Which steps of a build ran, and which had a result."""
        ran = [line for line in result.stderr.splitlines() if re.search(r"step \d+/\d+: (layer of|nothing changed)", line)]
        cached = [line for line in result.stderr.splitlines() if re.search(r"step \d+/\d+: cached", line)]
        return len(ran), len(cached)

    def test_a_fresh_store_with_a_cache_in_a_registry_runs_nothing_again(self):
        self.dockerfile(f"FROM {self.host}/os/base:1 AS one\nRUN echo one >/one\nFROM {self.host}/os/base:1\n"
                        "RUN echo ran >/ran && cat /proc/uptime >>/ran\nWORKDIR /w\nCOPY file /file\nRUN echo after >/after\n"
                        "COPY --from=one /one /one\n")
        (self.context / "file").write_text("1")
        cache = f"{self.host}/cache/demo:steps"
        first = self.image_build(self.context, "--cache-to", cache, check=True)
        self.assertEqual(self.steps(first), (6, 0))

        second = self.image_build(self.context, "--cache-from", f"type=registry,ref={cache}",
                                  store=self.work / "fresh", check=True)
        self.assertEqual(self.steps(second), (0, 6))
        self.assertEqual(second.stdout, first.stdout)
        self.assertNotIn("RUN steps run in", second.stderr)

        (self.context / "file").write_text("2")
        third = self.image_build(self.context, "--cache-from", cache, "--cache-to", cache,
                                 store=self.work / "another", check=True)
        self.assertEqual(self.steps(third), (3, 3))
        self.assertNotEqual(third.stdout, first.stdout)
        fourth = self.image_build(self.context, "--cache-from", cache, store=self.work / "last", check=True)
        self.assertEqual((self.steps(fourth), fourth.stdout), ((0, 6), third.stdout))

    def test_a_cache_that_is_not_there_or_is_none_is_a_warning(self):
        self.dockerfile(f"FROM {self.host}/os/base:1\nRUN echo a >/a\n")
        result = self.image_build(self.context, "--cache-from", f"{self.host}/cache/none:1", "--cache-from",
                                  f"{self.host}/os/base:1", check=True)

        self.assertIn(f"no cache from {self.host}/cache/none:1", result.stderr)
        self.assertIn("holds no results of steps", result.stderr)
        self.assertEqual(self.steps(result), (1, 0))
        refused = self.image_build(self.context, "--cache-to", "type=local,dest=/x")
        self.assertEqual(refused.returncode, 2, refused.stderr)

    def test_a_second_image_build_runs_nothing(self):
        self.dockerfile(f"FROM {self.host}/os/base:1\nRUN echo a >/a\n")
        first = self.image_build(self.context, check=True)
        second = self.image_build(self.context, check=True)

        self.assertEqual(first.stdout, second.stdout)
        self.assertIn("cached", second.stderr)


if __name__ == "__main__":
    registry_case.main()
