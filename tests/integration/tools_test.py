#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Importers, exporters and bundles, with a real registry and real containers of a busybox image.
Usage: tools_test.py PROGRAM [unittest arguments]"""
import json
import os
import pathlib
import subprocess
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import registry_case  # noqa: E402
import test_image  # noqa: E402
from registry_case import POD  # noqa: E402


@unittest.skipUnless(os.geteuid() == 0, "needs root")
@unittest.skipUnless(os.path.exists(test_image.BUSYBOX), "busybox-static is not installed")
class Tools(registry_case.RegistryCase):
    signed_in = False

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.push("demo/image:1", test_image.bootable_layers())
        cls.push("demo/tool:1", [test_image.busybox_layer()],
                 config={"Env": ["FROM_IMAGE=yes"], "Entrypoint": ["/bin/sh", "-c"],
                         "Cmd": ["echo its own command"], "WorkingDir": "/work"})
        cls.push("demo/bundle:1", [
            test_image.layer({"bin": None, "bin/bundled": (b"#!", 0o755), "old": b"x",
                              "etc": None, "etc/os-release": b"ID=bundle\n"}),
            test_image.layer({".wh.old": b"", "opt": None, "opt/.wh.nothing": b"",
                              "opt/file": b"from the bundle"})])

    def manifest(self, spec, artifacts=None, more=()):
        documents = [
            self.login_secret(),
            {"apiVersion": "build.kairos.io/v1alpha2", "kind": "OSArtifact",
             "metadata": {"name": "demo"},
             "spec": {"image": {"ref": f"{self.host}/demo/image:1"},
                      "imagePullSecrets": [{"name": "login"}],
                      "artifacts": artifacts or {"iso": True}, **spec}}, *more]
        file = self.work / "demo.yaml"
        file.write_text("\n---\n".join(json.dumps(document) for document in documents))
        return file

    def build(self, file, check=True, **keywords):
        result = super().build(file, check=check, CANARY="leaked-variable", **keywords)
        self.assertNotIn(self.password, result.stderr)
        return result

    def container(self, script, **fields):
        return {"name": "tool", "image": f"{self.host}/demo/tool:1",
                "command": ["sh", "-ec", script], **fields}

    def inside(self, path):
        target = self.work / "extracted"
        subprocess.run(["xorriso", "-osirrox", "on", "-indev", self.out / "demo.iso", "-extract",
                        path, target], check=True, capture_output=True, timeout=60)
        return target

    def rootfs(self):
        target = self.work / "rootfs"
        subprocess.run(["unsquashfs", "-d", target, self.inside("/rootfs.squashfs")], check=True,
                       capture_output=True, timeout=60)
        return target

    def importing(self):
        mounts = [{"name": "iso", "mountPath": "/overlay"}]
        return self.manifest(
            {"volumes": [{"name": "iso", "emptyDir": {}}, {"name": "root", "emptyDir": {}}],
             "importers": [
                 self.container("echo one > /overlay/README; echo to the log", volumeMounts=mounts),
                 {**self.container("test -s /overlay/README; mkdir -p /root/etc;"
                                   "echo two > /root/etc/imported",
                                   volumeMounts=[*mounts, {"name": "root", "mountPath": "/root"}]),
                  "name": "second"}]},
            artifacts={"iso": True, "overlayISOVolume": "iso", "overlayRootfsVolume": "root"})

    def check_imported(self, result):
        self.assertEqual(self.inside("/README").read_text(), "one\n")
        self.assertEqual((self.rootfs() / "etc/imported").read_text(), "two\n")
        self.assertIn("tool: to the log", result.stderr)
        report = self.report()
        self.assertEqual(report["stages"][0]["name"], "import")
        self.assertEqual([c["name"] for c in report["stages"][0]["result"]["containers"]],
                         ["tool", "second"])

    def test_importers_fill_volumes_that_overlays_are_made_of(self):
        result = self.build(self.importing())

        self.check_imported(result)
        self.assertIn("containers run by runc", result.stderr)

    def test_importers_run_in_a_pod_that_may_not_mount(self):
        result = self.build(self.importing(), prefix=POD)

        self.check_imported(result)
        self.assertIn("containers run by chroot", result.stderr)
        self.assertIn("not runc: nothing may be mounted here", result.stderr)

    def test_what_importers_made_decides_what_is_made_again(self):
        self.build(self.importing())
        self.build(self.importing())

        self.assertEqual(self.states(), {"import": "done", "pull": "cached", "unpack": "cached",
                                    "squashfs": "cached", "iso": "cached"})

    def test_exporters_see_the_artifacts_and_cannot_change_them(self):
        taken = self.work / "taken"
        taken.mkdir()
        script = ("ls /artifacts > /taken/list; cat /artifacts/demo.sha256 > /taken/sums;"
                  "! touch /artifacts/new 2>/dev/null; env > /taken/env; id > /taken/id;"
                  "cat /config/one /config/deep/two > /taken/config; echo $(A) \"$@\" > /taken/args")
        file = self.manifest(
            {"exporters": [{"backoffLimit": 0, "template": {"spec": {
                "restartPolicy": "Never",
                "securityContext": {"runAsGroup": 77},
                "volumes": [{"name": "taken", "hostPath": {"path": str(taken)}},
                            {"name": "config", "projected": {"sources": [
                                {"configMap": {"name": "map"}},
                                {"secret": {"name": "keys",
                                            "items": [{"key": "k", "path": "deep/two"}]}}]}}],
                "containers": [self.container(
                    script, args=["zero", "$(B)", "$$(B)"],
                    env=[{"name": "A", "value": "a"}, {"name": "B", "value": "$(A)b"},
                         {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "k"}}},
                         {"name": "WHO", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
                    envFrom=[{"prefix": "MAP_", "configMapRef": {"name": "map"}}],
                    volumeMounts=[{"name": "artifacts", "mountPath": "/artifacts"},
                                  {"name": "config", "mountPath": "/config"},
                                  {"name": "taken", "mountPath": "/taken"}])]}}}]},
            more=[{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys"},
                   "stringData": {"k": "secret-value-1"}},
                  {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "map"},
                   "data": {"one": "1"}}])
        result = self.build(file)

        self.assertEqual((taken / "list").read_text().split(),
                         ["demo.iso", "demo.report.json", "demo.sha256"])
        self.assertIn("demo.iso", (taken / "sums").read_text())
        environment = (taken / "env").read_text().splitlines()
        for entry in ("A=a", "B=ab", "KEY=secret-value-1", "WHO=demo", "MAP_one=1",
                      "FROM_IMAGE=yes", "HOME=/root"):
            self.assertIn(entry, environment)
        self.assertNotIn("leaked-variable", "".join(environment))
        self.assertIn("uid=0(root) gid=77", (taken / "id").read_text())
        self.assertEqual((taken / "config").read_text(), "1secret-value-1")
        self.assertEqual((taken / "args").read_text(), "a ab $(B)\n")
        self.assertFalse((self.out / "new").exists())
        self.assertIn("the volume 'artifacts' is read-only there", result.stderr)
        self.assertNotIn("secret-value-1", result.stderr + (self.out / "demo.report.json").read_text())

    def test_a_failed_exporter_is_named_with_its_status_and_last_lines(self):
        file = self.manifest({"exporters": [{"backoffLimit": 1, "template": {"spec": {
            "restartPolicy": "Never",
            "containers": [self.container("echo the last line; exit 7")]}}}]})

        result = self.build(file, check=False)

        self.assertEqual(result.returncode, 5)
        for words in ("error: exporter 'tool' failed", "exit status 7", "the last line",
                      "attempt 2 of 2", "running stage 'export' of OSArtifact 'demo'"):
            self.assertIn(words, result.stderr)
        self.assertTrue((self.out / "demo.iso").exists())
        report = self.report()
        self.assertEqual(report["stages"][-1]["state"], "failed")
        self.assertEqual(report["error"]["code"], "build-step")

    def test_the_images_own_command_user_and_folder_count(self):
        file = self.manifest({"exporters": [{"backoffLimit": 0, "template": {"spec": {
            "restartPolicy": "Never", "securityContext": {"runAsUser": 1234},
            "containers": [{"name": "plain", "image": f"{self.host}/demo/tool:1"},
                           {"name": "args", "image": f"{self.host}/demo/tool:1",
                            "args": ["id; echo $PWD $HOME"]}]}}}]})

        result = self.build(file)

        self.assertIn("plain: its own command", result.stderr)
        self.assertIn("uid=1234(tool) gid=1235(tool)", result.stderr)
        self.assertIn("args: /work /home/tool", result.stderr)

    def test_what_cannot_be_had_is_told_of_before_anything_starts(self):
        for spec, words in (
                ({"importers": [self.container("true", volumeMounts=[
                    {"name": "no", "mountPath": "/x"}])]}, "volume 'no'"),
                ({"importers": [self.container("true", env=[{"name": "A", "valueFrom": {
                    "secretKeyRef": {"name": "no", "key": "k"}}}])]}, "secret 'no'"),
                ({"exporters": [{"template": {"spec": {"containers": [
                    {"name": "e", "image": f"{self.host}/demo/no:1"}]}}}]}, "demo/no:1")):
            result = self.build(self.manifest(spec), check=False)
            self.assertNotEqual(result.returncode, 0)
            self.assertIn(words, result.stderr)
            self.assertFalse((self.out / "demo.iso").exists())

    def test_case196_a_kill_leaves_no_process_and_no_mount(self):
        mounts = pathlib.Path("/proc/self/mountinfo").read_text()
        file = self.manifest({"importers": [self.container("sleep 31961 & sleep 31961")]})
        process = subprocess.Popen(self.command(["build", file, "-o", self.out], self.store), stderr=subprocess.DEVNULL,
                                   env={"PATH": os.environ["PATH"]})

        def running():
            found = subprocess.run(["pgrep", "-f", "^sleep 31961"], capture_output=True, text=True)
            return len(found.stdout.split())

        deadline = time.monotonic() + 30
        while running() < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
        self.assertEqual(running(), 2)
        process.kill()
        process.wait()
        deadline = time.monotonic() + 5
        while running() and time.monotonic() < deadline:
            time.sleep(0.05)

        self.assertEqual(running(), 0)
        self.assertEqual(pathlib.Path("/proc/self/mountinfo").read_text(), mounts)

    def test_case030_bundles_of_a_private_registry_lie_over_the_image(self):
        self.build(self.manifest({}, artifacts={
            "iso": True, "bundles": [f"{self.host}/demo/bundle:1"],
            "kairosRelease": "KAIROS=1\n"}))

        root = self.rootfs()
        self.assertEqual((root / "usr/bin/bundled").read_bytes(), b"#!")
        self.assertEqual((root / "opt/file").read_text(), "from the bundle")
        self.assertEqual((root / "etc/os-release").read_text(), "ID=bundle\n")
        self.assertEqual((root / "etc/kairos-release").read_text(), "KAIROS=1\n")
        self.assertFalse((root / "old").exists())
        self.assertEqual((root / "etc/new").read_bytes(), b"new")


if __name__ == "__main__":
    registry_case.main()
