#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""osartifact run: NodeOps and NodeOpUpgrades on a node without a cluster, with a private registry and
real containers of a busybox image. The node is a folder made for the test (--host-root), and what
reboots it a script that notes that it was called (--reboot-command): nothing here may touch the
machine. Usage: node_run_test.py PROGRAM [unittest arguments]"""
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import registry_case  # noqa: E402
import test_image  # noqa: E402

# Stands in for kairos-agent: notes its arguments, one a line, on the node.
AGENT = b'#!/bin/sh\nfor word; do echo "<$word>"; done >> "$HOST_DIR/agent"; echo "--" >> "$HOST_DIR/agent"\n'


def release(version):
    return (f'KAIROS_VERSION="{version}"\nKAIROS_SOFTWARE_VERSION_PREFIX="k3s"\n'
            "KAIROS_SOFTWARE_VERSION='1.30'\n").encode()


@unittest.skipUnless(os.geteuid() == 0, "needs root")
@unittest.skipUnless(os.path.exists(test_image.BUSYBOX), "busybox-static is not installed")
class NodeRun(registry_case.RegistryCase):
    signed_in = False

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        tools = test_image.layer({"run": None, "dev": None, **{
            f"bin/{name}": "busybox" for name in ("sed", "tail", "mount")}})
        cls.push("tool:1", [test_image.busybox_layer(), tools])
        for version in ("v9", "v10"):
            cls.push(f"node:{version}", [test_image.busybox_layer(), tools, test_image.layer({
                "etc/kairos-release": release(version), "bin/kairos-agent": (AGENT, 0o755)})])

    def setUp(self):
        super().setUp()
        self.node = self.work / "node"
        self.registry = self.host
        for folder in ("etc", "dev", "run", "sub"):
            (self.node / folder).mkdir(parents=True)
        (self.node / "etc/kairos-release").write_bytes(release("v9"))
        self.fake_reboot = self.work / "fake-reboot"
        self.fake_reboot.write_text(f'#!/bin/sh\necho "after $(cat {self.node}/result)" >> '
                                    f"{self.work}/reboots\n")
        self.fake_reboot.chmod(0o755)

    def reboots(self):
        file = self.work / "reboots"
        return len(file.read_text().splitlines()) if file.exists() else 0

    def node_op(self, command, kind="NodeOp", metadata=None, image="tool:1", **spec):
        spec = {"image": f"{self.registry}/{image}", "imagePullSecrets": [{"name": "login"}], **spec}
        if kind == "NodeOp":
            spec.setdefault("backoffLimit", 0)  # A test that fails shall do so at once.
        if command is not None:
            spec["command"] = ["sh", "-ec", command] if isinstance(command, str) else command
        return {"apiVersion": "operator.kairos.io/v1alpha1", "kind": kind,
                "metadata": metadata or {"name": "demo"}, "spec": spec}

    def upgrade(self, image="node:v10", **spec):
        return self.node_op(None, kind="NodeOpUpgrade", image=image, **spec)

    def run_file(self, *documents, arguments=(), secret=True, **keywords):
        """Runs what the documents ask for, with the Secret beside them."""
        documents = list(documents) + ([self.login_secret()] if secret else [])
        file = self.work / "ops.yaml"
        file.write_text("\n---\n".join(json.dumps(document) for document in documents))
        result = self.program("run", file, "--host-root", self.node, "--reboot-command",
                              self.fake_reboot, *arguments, **keywords)
        self.assertNotIn(self.password, result.stderr + result.stdout)
        return result

    def record(self, kind="NodeOp", name="demo", namespace="default"):
        return json.loads((self.store / f"node/{kind}.{namespace}.{name}.json").read_text())

    def test_does_it_with_the_secret_beside_it(self):
        result = self.run_file(self.node_op(
            'echo "I see $HOST_DIR"; cat $HOST_DIR/etc/kairos-release; echo done > $HOST_DIR/result'))

        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(result.stdout, "NodeOp demo: Completed: Job completed successfully\n")
        self.assertIn("nodeop: I see /host", result.stderr)
        self.assertIn('nodeop: KAIROS_VERSION="v9"', result.stderr)
        self.assertEqual((self.node / "result").read_text(), "done\n")
        record = self.record()
        self.assertEqual((record["phase"], record["rebootStatus"]), ("Completed", "not-requested"))
        self.assertEqual(record["containers"][0]["image"], f"{self.registry}/tool:1")
        self.assertRegex(record["containers"][0]["digest"], "^sha256:[0-9a-f]{64}$")
        self.assertLess(record["started"], record["finished"] + "~")
        file = self.store / "node/NodeOp.default.demo.json"
        self.assertEqual(file.stat().st_mode & 0o777, 0o600)
        self.assertEqual(self.reboots(), 0)

    def test_sees_the_node_where_the_manifest_says(self):
        result = self.run_file(self.node_op("cat /node/a/etc/kairos-release; echo $HOST_DIR",
                                            hostMountPath="/node/a"))

        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("nodeop: /node/a", result.stderr)

    def test_needs_the_right_secret(self):
        op = self.node_op("echo never")
        rows = [
            ("none", [], "the pull secret 'login' of NodeOp 'demo' is not to be found"),
            ("wrong", [self.login_secret("wrong-password")], "401"),
            ("of another namespace", [{**self.login_secret(), "metadata": {
                "name": "login", "namespace": "far"}}], 'is in namespace "far", not in "default"')]
        for name, secrets, text in rows:
            with self.subTest(name):
                result = self.run_file(op, *secrets, secret=False)

                self.assertEqual(result.returncode, 3, result.stderr)
                self.assertIn(text, result.stderr)
                self.assertIn(f"{self.registry}/tool:1", result.stderr)
                self.assertNotIn("never", result.stderr.replace("echo never", ""))

    def test_takes_credentials_of_the_command_line_and_of_a_folder(self):
        op = self.node_op("echo in")
        folder = self.work / "secrets/login"
        folder.mkdir(parents=True)
        (folder / ".dockerconfigjson").write_text(self.login())
        for flags in (["--secrets", folder.parent], ["--credentials", self.config]):
            with self.subTest(flags[0]):
                result = self.run_file(op, secret=False, arguments=[*flags, "--again"])

                self.assertEqual(result.returncode, 0, result.stderr)

    def test_leaves_alone_what_the_preflight_says(self):
        subprocess.run(["mount", "-t", "tmpfs", "none", self.node / "sub"], check=True)
        self.addCleanup(subprocess.run, ["umount", self.node / "sub"], check=True)
        (self.node / "sub/state").write_text("below")
        check = ("cat $HOST_DIR/sub/state; echo x > $HOST_DIR/a && exit 9; echo x > $HOST_DIR/sub/a &&"
                 " exit 9; echo already there > /dev/termination-log")
        result = self.run_file(self.node_op("echo never > $HOST_DIR/never", rebootOnSuccess=True,
                                            preflight={"command": ["sh", "-c", check]}))

        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(result.stdout, "NodeOp demo: Completed: Skipped by preflight: already there\n")
        self.assertIn("preflight: below", result.stderr)
        self.assertFalse((self.node / "never").exists() or (self.node / "a").exists())
        self.assertEqual(self.record()["rebootStatus"], "not-requested")
        self.assertEqual(self.reboots(), 0)

    def test_goes_on_after_a_silent_preflight(self):
        result = self.run_file(self.node_op("echo yes > $HOST_DIR/result", preflight={
            "command": ["sh", "-c", ":"], "image": f"{self.registry}/node:v9"}))

        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual((self.node / "result").read_text(), "yes\n")
        self.assertEqual([c["name"] for c in self.record()["containers"]], ["preflight", "nodeop"])

    def test_fails_when_the_preflight_does(self):
        result = self.run_file(self.node_op("echo never > $HOST_DIR/never", preflight={
            "command": ["sh", "-c", "exit 1"], "activeDeadlineSeconds": 2}))

        self.assertEqual(result.returncode, 5, result.stderr)
        self.assertIn("activeDeadlineSeconds is 2", result.stderr)
        self.assertFalse((self.node / "never").exists())
        self.assertEqual(self.record()["phase"], "Failed")

    def test_tries_again_as_often_as_it_may(self):
        counted = "if test -e $HOST_DIR/once; then exit 0; fi; echo > $HOST_DIR/once; exit 3"
        result = self.run_file(self.node_op(counted, backoffLimit=1))

        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("attempt 2 of 2", result.stderr)

    def test_says_how_it_failed_and_does_not_reboot(self):
        result = self.run_file(self.node_op("echo the reason; exit 4", backoffLimit=0,
                                            rebootOnSuccess=True))

        self.assertEqual(result.returncode, 5)
        self.assertIn("exit status 4", result.stderr)
        self.assertIn("the reason", result.stderr)
        record = self.record()
        self.assertEqual((record["phase"], record["rebootStatus"]), ("Failed", "cancelled"))
        self.assertIn("exit status 4", record["message"])
        self.assertEqual(self.reboots(), 0)

    def test_reboots_last_and_notes_the_next_boot(self):
        op = self.node_op("sleep 1; echo done > $HOST_DIR/result", rebootOnSuccess=True)
        result = self.run_file(op)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual((self.work / "reboots").read_text(), "after done\n")
        record = self.record()
        self.assertEqual((record["phase"], record["rebootStatus"]), ("Completed", "pending"))

        # The machine never went down: only the reboot is left.
        (self.node / "result").unlink()
        result = self.run_file(op)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("only the reboot is left", result.stderr)
        self.assertEqual(self.reboots(), 2)
        self.assertFalse((self.node / "result").exists())

        record = self.record()
        record["bootID"] = "another-boot"
        (self.store / "node/NodeOp.default.demo.json").write_text(json.dumps(record))
        result = self.run_file(op)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("done before", result.stdout)
        self.assertEqual(self.record()["rebootStatus"], "completed")
        self.assertEqual(self.reboots(), 2)

    def test_leaves_the_reboot_to_others(self):
        op = self.node_op("echo", rebootOnSuccess=True)
        result = self.run_file(op, arguments=["--no-reboot"])
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("its reboot is due, and left to you", result.stdout)
        self.assertEqual(self.reboots(), 0)

        # Of a folder that is not this machine's root, this machine is never rebooted.
        self.fake_reboot = ""
        result = self.run_file(op, arguments=["--again"], PATH="/nonexistent:" + os.environ["PATH"])
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("this machine is another one", result.stdout)

    def test_says_when_the_reboot_fails(self):
        self.fake_reboot.write_text("#!/bin/sh\necho no power >&2\nexit 1\n")
        result = self.run_file(self.node_op("echo", rebootOnSuccess=True))

        self.assertEqual(result.returncode, 5)
        self.assertIn("the node does not reboot", result.stderr)
        self.assertIn("no power", result.stderr)

    def test_does_nothing_twice(self):
        op = self.node_op("echo x >> $HOST_DIR/count")
        count = self.node / "count"
        self.run_file(op)
        result = self.run_file(op)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertRegex(result.stdout, r"^NodeOp demo: Completed: done before, at 20..-.*\(--again")
        self.assertEqual(count.read_text(), "x\n")

        self.run_file(op, arguments=["--again"])
        self.assertEqual(count.read_text(), "x\nx\n")
        self.run_file({**op, "spec": {**op["spec"], "backoffLimit": 1}})
        self.assertEqual(count.read_text(), "x\nx\nx\n")
        generated = {**op, "metadata": {"generateName": "demo-"}}
        self.run_file(generated)
        self.run_file(generated)
        self.assertEqual(count.read_text(), "x\n" * 5)

    def test_upgrades(self):
        result = self.run_file(self.upgrade(excludePaths=["/var/it's $(here)"]))

        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual((self.node / "agent").read_text().splitlines(),
                         ["<upgrade>", "<--source>", "<dir:/>", "<--exclude-path>",
                          "<" + "/etc/hostname>", "<--exclude-path>", "</etc/hosts>",
                          "<--exclude-path>", "</var/it's $(here)>", "--"])
        self.assertIn("the node is at v9-k3s1.30, the image has v10-k3s1.30", result.stderr)
        self.assertEqual(self.record("NodeOpUpgrade")["rebootStatus"], "pending")
        self.assertEqual(self.reboots(), 1)

    def test_does_not_upgrade_to_what_is_there(self):
        result = self.run_file(self.upgrade(image="node:v9"))
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(result.stdout, "NodeOpUpgrade demo: Completed: Skipped by preflight: node is "
                                        "already at v9-k3s1.30\n")
        self.assertFalse((self.node / "agent").exists())
        self.assertEqual(self.reboots(), 0)

        result = self.run_file(self.upgrade(image="node:v9", force=True))
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertTrue((self.node / "agent").exists())

    def test_upgrades_where_no_version_is_known(self):
        (self.node / "etc/kairos-release").unlink()
        result = self.run_file(self.upgrade(image="node:v9"))

        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("the node is at an unknown version", result.stderr)
        self.assertTrue((self.node / "agent").exists())

    def test_upgrades_the_recovery_system_alone(self):
        result = self.run_file(self.upgrade(upgradeRecovery=True, upgradeActive=False, debug=True))

        self.assertEqual(result.returncode, 0, result.stderr)
        lines = (self.node / "agent").read_text().splitlines()
        self.assertEqual(lines[:4], ["<--debug>", "<upgrade>", "<--recovery>", "<--source>"])
        self.assertEqual(lines.count("--"), 1)
        self.assertEqual(self.reboots(), 0)

    def test_minds_target_nodes(self):
        op = self.node_op("echo x > $HOST_DIR/result", targetNodes=["one", "two"])
        result = self.run_file(op, arguments=["--node-name", "three"])
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("this node, three, is not one of spec.targetNodes: one, two", result.stdout)
        self.assertFalse((self.node / "result").exists())

        self.run_file(op, arguments=["--node-name", "two"], check=True)
        self.assertTrue((self.node / "result").exists())

    def test_does_one_operation_of_many(self):
        first = self.node_op("echo 1 > $HOST_DIR/result", metadata={"name": "first"})
        second = self.node_op("echo 2 > $HOST_DIR/result", metadata={"name": "second"})
        result = self.run_file(first, second)
        self.assertEqual(result.returncode, 2)
        self.assertIn("it has first, second", result.stderr)
        self.assertEqual(self.run_file(first, second, arguments=["third"]).returncode, 2)

        self.run_file(first, second, arguments=["second"], check=True)
        self.assertEqual((self.node / "result").read_text(), "2\n")
        result = self.run_file({"apiVersion": "build.kairos.io/v1alpha2", "kind": "OSArtifact",
                                "metadata": {"name": "a"}, "spec": {
                                    "image": {"ref": "a:1"}, "artifacts": {"iso": True}}})
        self.assertEqual(result.returncode, 2)
        self.assertIn("there is no NodeOp or NodeOpUpgrade", result.stderr)

    def test_works_from_the_store_alone(self):
        op = self.node_op("echo x >> $HOST_DIR/count")
        self.run_file(op, check=True)

        result = self.run_file(op, arguments=["--offline", "--again"], secret=False)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual((self.node / "count").read_text(), "x\nx\n")

    def test_refuses_what_chroot_cannot_show(self):
        result = self.run_file(self.node_op("echo x > $HOST_DIR/x"), arguments=["--runtime", "chroot"])

        self.assertEqual(result.returncode, 2, result.stderr)
        self.assertIn("cannot be shown this node's root by chroot", result.stderr)
        self.assertFalse((self.node / "x").exists())

    def test_does_what_the_documentation_shows(self):
        """Every block of docs/node-operations.md: manifests are files, named by their first line, commands are run."""
        text = (registry_case.TESTS.parent / "docs/node-operations.md").read_text()
        blocks = re.findall(r"^```(\w+)\n(.*?)^```$", text, re.M | re.S)
        self.assertGreaterEqual(len(blocks), 4)
        self.push("tools:1", [test_image.busybox_layer()])
        (self.node / "etc/hostname").write_text("node-1\n")
        secret = self.work / "secrets/login"
        secret.mkdir(parents=True)
        (secret / ".dockerconfigjson").write_text(self.login())
        for kind, block in blocks:
            if kind == "yaml":
                block = block.replace("registry.example.com", self.registry).replace(
                    '"password": "secret"', f'"password": "{self.password}"')
                file = self.work / block.splitlines()[0].removeprefix("# ")
                file.write_text(block)
                self.program("validate", file, check=True)
                continue
            for line in block.splitlines():
                name, *arguments = line.removeprefix("$ ").split()
                self.assertEqual(name, "osartifact")
                arguments = [self.work / word if (self.work / word).exists() else word
                             for word in arguments]
                if arguments[0] == "run":
                    arguments += ["--host-root", self.node]
                result = self.program(*arguments)
                self.assertEqual(result.returncode, 0, f"{line}: {result.stderr}")
                if "hello" in line and arguments[0] == "run":
                    self.assertIn("nodeop: hello from node-1", result.stderr)
        self.assertIn("</etc/machine-id>", (self.node / "agent").read_text())

    def test_can_be_stopped(self):
        file = self.work / "ops.yaml"
        file.write_text(json.dumps(self.node_op("echo > $HOST_DIR/began; sleep 100")) + "\n---\n" +
                        json.dumps(self.login_secret()))
        process = subprocess.Popen(
            self.command(["run", file, "--host-root", self.node, "--reboot-command",
                          self.fake_reboot], self.store), stderr=subprocess.PIPE)
        deadline = time.monotonic() + 60
        while not (self.node / "began").exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        other = self.program("run", file, "--host-root", self.node)
        self.assertEqual(other.returncode, 5)
        self.assertIn("is being done on this node already", other.stderr)
        self.assertEqual(self.record()["phase"], "Running")
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)

        self.assertEqual(process.returncode, 143)
        self.assertEqual(self.record()["phase"], "Failed")


if __name__ == "__main__":
    registry_case.main()
