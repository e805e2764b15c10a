#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The program as the entrypoint of a builder pod: what it says when it ends, how it ends, what it makes of limits.
Usage: pod_test.py PROGRAM [unittest arguments]; needs root and runc."""
import json
import os
import pathlib
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import pod  # noqa: E402
import registry_case  # noqa: E402
import test_image  # noqa: E402
from registry_case import PROGRAM  # noqa: E402

MIB = 1 << 20
EPOCH = {"SOURCE_DATE_EPOCH": "1700000000"}
LARGE = 96 * MIB


class BuilderPod(registry_case.RegistryCase):
    signed_in = False

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.push("demo/image:1", test_image.bootable_layers() + [
            test_image.layer({"usr/bin/large": os.urandom(LARGE // 2) + bytes(LARGE // 2)})])

    def manifest(self, spec=None):
        """In a folder like that of a ConfigMap; the Secret lies in another, as the kubelet mounts it."""
        file = self.work / "demo.yaml"
        spec = spec or {"image": {"ref": f"{self.host}/demo/image:1",
                                  "imageCredentialsSecretRef": {"name": "login"}},
                        "artifacts": {"iso": True}}
        file.write_text(json.dumps({"apiVersion": "build.kairos.io/v1alpha2", "kind": "OSArtifact",
                                    "metadata": {"name": "demo"}, "spec": spec}))
        return file

    def secrets(self):
        folder = self.work / "secrets"
        data = folder / "login/..2026_01_01_00_00_00.1"
        data.mkdir(parents=True, exist_ok=True)
        (data / ".dockerconfigjson").write_text(self.login())
        for link, target in (("..data", data.name), (".dockerconfigjson", "..data/.dockerconfigjson")):
            if not (folder / "login" / link).is_symlink():
                (folder / "login" / link).symlink_to(target)
        return folder

    def pod(self, name="pod", manifest=None, environment=None, **limits):
        arguments = self.command(["build", manifest or self.manifest(), "-o", self.out, "--secrets", self.secrets()],
                                 self.store)
        return pod.Pod(self.work / name, arguments, writable=[self.work],
                       readable=[self.base / "registry/ca", pathlib.Path(PROGRAM).parent],
                       environment={"TMPDIR": str(self.work), **EPOCH, **(environment or {})}, **limits)

    def wait_for(self, condition, seconds=60):
        end = time.monotonic() + seconds
        while not condition():
            self.assertLess(time.monotonic(), end, "waited too long")
            time.sleep(0.05)

    def named(self, running, name):
        try:
            return [pid for pid, entry in running.processes().items() if entry[0] == name]
        except subprocess.CalledProcessError:
            return []  # Not there yet.

    def wrapped_mksquashfs(self, before):
        """A folder for the front of PATH with a mksquashfs that does something first."""
        folder = self.work / "bin"
        folder.mkdir()
        (folder / "mksquashfs").write_text(f'#!/bin/sh\n{before}\nexec /usr/bin/mksquashfs "$@"\n')
        (folder / "mksquashfs").chmod(0o755)
        return {"PATH": f"{folder}:/usr/sbin:/usr/bin:/sbin:/bin"}

    def test_within_512_mib_it_makes_the_same_bytes_as_without_a_limit(self):
        result = self.pod(memory=512, processors=1).run()

        self.assertEqual(result.returncode, 0, result.stderr)
        inside = (self.out / "demo.sha256").read_text()
        self.assertEqual((self.work / "pod/termination-log").read_text(), "")
        self.build(self.manifest(), "--secrets", self.secrets(), out=self.work / "two", store=self.work / "other",
                   check=True, **EPOCH)
        self.assertEqual((self.work / "two/demo.sha256").read_text(), inside)

    def test_with_64_mib_it_is_slower_and_no_different(self):
        result = self.pod(memory=64).run()

        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual((self.work / "pod/termination-log").read_text(), "")

    def test_limits_decide_how_much_is_done_at_once(self):
        environment = self.wrapped_mksquashfs(f'echo "$@" >{self.work}/arguments')
        result = self.pod(memory=256, processors=1, environment=environment).run()

        self.assertEqual(result.returncode, 0, result.stderr)
        arguments = (self.work / "arguments").read_text().split()
        self.assertEqual(arguments[arguments.index("-mem") + 1], "64M")
        self.assertEqual(arguments[arguments.index("-processors") + 1], "1")

    def test_case241_a_tool_that_the_kernel_kills_for_memory_is_told_of_with_the_limit(self):
        environment = self.wrapped_mksquashfs("tail /dev/zero || exit 137")
        result = self.pod(memory=64, environment=environment).run()

        self.assertEqual(result.returncode, 6, result.stderr)
        message = (self.work / "pod/termination-log").read_text()
        self.assertIn("mksquashfs failed", message)
        self.assertIn("out of memory: the kernel killed a process here; the limit is 64.0 MiB", message)
        self.assertIn("resources.limits.memory", message)
        self.assertTrue(result.stderr.endswith(message + "\n"))

    def test_case241_the_builder_itself_killed_for_memory_is_no_silent_end(self):
        running = self.pod(memory=64, environment=self.wrapped_mksquashfs("sleep 60"))
        process = running.start()
        self.wait_for(lambda: self.named(running, "sleep"))
        worker = self.named(running, pathlib.Path(PROGRAM).name[:15])[1]
        # What the kernel does to the largest process, after it has counted one.
        running.execute("/bin/sh", "-c", "tail /dev/zero")
        os.kill(worker, 9)
        _, stderr = process.communicate(timeout=60)

        self.assertEqual(process.returncode, 137, stderr)
        message = (self.work / "pod/termination-log").read_text()
        self.assertIn("out of memory", message)
        self.assertIn("64.0 MiB", message)

    def test_case240_sigterm_ends_it_in_time_with_a_message_and_the_next_one_goes_on(self):
        running = self.pod(environment=self.wrapped_mksquashfs("sleep 60"))
        process = running.start()
        self.wait_for(lambda: self.named(running, "sleep"))
        begin = time.monotonic()
        running.signal("TERM")
        _, stderr = process.communicate(timeout=60)

        self.assertLess(time.monotonic() - begin, 15)
        self.assertEqual(process.returncode, 143, stderr)
        self.assertIn("stopped by SIGTERM", (self.work / "pod/termination-log").read_text())
        self.assertEqual([path.name for path in self.out.iterdir() if "iso" in path.name], [])
        result = self.pod("second").run()
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual((self.states()["pull"], self.states()["unpack"]), ("cached", "cached"))

    def test_orphans_are_reaped(self):
        running = self.pod(environment=self.wrapped_mksquashfs("sleep 60"))
        process = running.start()
        self.addCleanup(process.communicate)
        self.wait_for(lambda: self.named(running, "sleep"))
        running.execute("/bin/sh", "-c", "(sleep 0.2 & exec true) & exec true")
        time.sleep(1)
        states = running.processes()
        running.signal("TERM")

        self.assertEqual([entry for entry in states.values() if entry[1] == "Z"], [])
        self.assertIn("sleep", [entry[0] for entry in states.values()])

    def test_case276_the_message_has_what_failed_and_what_to_do_in_4096_bytes(self):
        errors = {f"unknownField{number}": "x" * 40 for number in range(200)}
        result = self.pod(manifest=self.manifest({"image": {"ref": "a/b:1"}, "artifacts": {"iso": True}, **errors})).run()

        self.assertEqual(result.returncode, 2, result.stderr)
        message = (self.work / "pod/termination-log").read_bytes()
        self.assertLessEqual(len(message), 4096)
        text = message.decode()
        self.assertIn("demo.yaml:1:", text)
        self.assertIn("unknownField0", text)
        self.assertIn("is not valid: 200 errors", text)
        self.assertIn("  try: mend what is shown above", text)


if __name__ == "__main__":
    registry_case.main()
