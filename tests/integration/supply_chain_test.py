#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Bills of materials, provenance and signatures: what is written, what is attached to a pushed image, and that no image
is used that a trusted key has not signed. Keys and blobs are also checked with openssl; cosign and regctl look at the
same where they are on PATH. Usage: supply_chain_test.py PROGRAM [unittest arguments]; needs root."""
import base64
import hashlib
import json
import os
import pathlib
import shutil
import ssl
import subprocess
import sys
import unittest
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import registry_case  # noqa: E402
import test_image  # noqa: E402

EPOCH = {"SOURCE_DATE_EPOCH": "1700000000"}
DPKG = b"""Package: bash
Status: install ok installed
Maintainer: Matthias Klose <doko@debian.org>
Architecture: amd64
Version: 5.2.15-2+b7
Source: bash (5.2.15-2)
Description: shell
 of many lines

Package: gone
Status: deinstall ok config-files
Architecture: amd64
Version: 1

"""
APK = b"C:Q1abc=\nP:musl\nV:1.2.4-r2\nA:x86_64\nL:MIT\no:musl\nm:T <t@example.org>\n\n"
SPEC = """Name: demo
Epoch: 2
Version: 1.0
Release: 3
Summary: demo
License: MIT
Vendor: Example
BuildArch: noarch
%description
%files
%package libs
Summary: libraries
%description libs
%files libs
"""


class SupplyChain(registry_case.RegistryCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.layers = test_image.bootable_layers() + [test_image.layer({
            "etc": None, "etc/os-release": b'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian 12"\n',
            "var": None, "var/lib": None, "var/lib/dpkg": None, "var/lib/dpkg/status": DPKG,
            "lib": None, "lib/apk": None, "lib/apk/db": None, "lib/apk/db/installed": APK})]
        cls.push("os/base:1", cls.layers)
        cls.push("os/other:1", [test_image.layer({"other": b"other"})])
        cls.keys = {}
        for name, algorithm in (("ecdsa", ["EC", "-pkeyopt", "ec_paramgen_curve:P-256"]), ("rsa", ["RSA"]),
                                ("ed25519", ["ED25519"]), ("stranger", ["EC", "-pkeyopt", "ec_paramgen_curve:P-256"])):
            private, public = cls.base / f"{name}.key", cls.base / f"{name}.pub"
            cls.openssl("genpkey", "-algorithm", *algorithm, "-out", private)
            cls.openssl("pkey", "-in", private, "-pubout", "-out", public)
            cls.keys[name] = (private, public)

    @staticmethod
    def openssl(*arguments):
        return subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, timeout=60).stdout

    def manifest(self, image, artifacts=None):
        file = self.work / "demo.yaml"
        spec = {"image": image, **({"artifacts": artifacts} if artifacts else {})}
        file.write_text(json.dumps({"apiVersion": "build.kairos.io/v1alpha2", "kind": "OSArtifact",
                                    "metadata": {"name": "demo"}, "spec": spec}))
        return file

    def dockerfile(self, *lines):
        context = self.work / "context"
        context.mkdir(exist_ok=True)
        (context / "Dockerfile").write_text("\n".join(lines) + "\n")
        return context

    def image_build(self, tag, *arguments, base="os/base:1", **keywords):
        context = self.dockerfile(f"FROM {self.host}/{base}", "LABEL made=here")
        return self.program("image", "build", "-t", f"{self.host}/{tag}", "--push", context, *arguments, **EPOCH,
                            **keywords)

    def authority(self):
        return self.base / "registry/ca/ca.crt"

    def registry(self, path):
        """What the registry has at the path; None where it has nothing."""
        context = ssl.create_default_context(cafile=self.authority())
        request = urllib.request.Request(f"https://{self.host}/v2/{path}", headers={
            "Authorization": "Basic " + self.encode(self.password),
            "Accept": "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json"})
        try:
            with urllib.request.urlopen(request, context=context, timeout=30) as answer:
                return answer.read()
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return None
            raise

    def digest_of(self, tag):
        repository, _, name = tag.partition(":")
        return "sha256:" + hashlib.sha256(self.registry(f"{repository}/manifests/{name}")).hexdigest()

    def beside(self, tag, ending):
        repository = tag.partition(":")[0]
        manifest = self.registry(f"{repository}/manifests/{self.digest_of(tag).replace(':', '-')}{ending}")
        return manifest and json.loads(manifest)

    def referrers(self, tag):
        repository = tag.partition(":")[0]
        found = []
        for entry in (self.beside(tag, "") or {"manifests": []})["manifests"]:
            manifest = json.loads(self.registry(f"{repository}/manifests/{entry['digest']}"))
            blob = self.registry(f"{repository}/blobs/{manifest['layers'][0]['digest']}")
            found.append((manifest, json.loads(blob)))
        return found

    # What is written.

    def test_case292_the_bill_of_materials_has_the_packages_of_the_tree(self):
        self.build(self.manifest({"ref": f"{self.host}/os/base:1"}, {"iso": True}), "--sbom", check=True, **EPOCH)

        document = json.loads((self.out / "demo.spdx.json").read_text())
        self.assertEqual((document["spdxVersion"], document["dataLicense"], document["SPDXID"]),
                         ("SPDX-2.3", "CC0-1.0", "SPDXRef-DOCUMENT"))
        self.assertEqual(document["creationInfo"]["created"], "2023-11-14T22:13:20Z")
        packages = {package["name"]: package for package in document["packages"]}
        self.assertEqual(set(packages), {"Debian 12", "bash", "musl"})
        self.assertEqual(packages["bash"]["versionInfo"], "5.2.15-2+b7")
        self.assertEqual(packages["bash"]["externalRefs"][0]["referenceLocator"],
                         "pkg:deb/debian/bash@5.2.15-2%2Bb7?arch=amd64&distro=debian-12")
        ids = [package["SPDXID"] for package in document["packages"]]
        self.assertEqual(len(ids), len(set(ids)))
        related = {(r["relationshipType"], r["relatedSpdxElement"]) for r in document["relationships"]}
        self.assertEqual(related, {("DESCRIBES", "SPDXRef-System")} |
                         {("CONTAINS", name) for name in ids if name != "SPDXRef-System"})
        self.assertIn("demo.spdx.json", (self.out / "demo.sha256").read_text())
        first = (self.out / "demo.spdx.json").read_bytes()
        self.build(self.manifest({"ref": f"{self.host}/os/base:1"}, {"iso": True}), "--sbom", check=True,
                   store=self.work / "other", out=self.work / "two", **EPOCH)
        self.assertEqual((self.work / "two/demo.spdx.json").read_bytes(), first)

    def test_case292_case293_provenance_names_artifacts_and_images_by_digest(self):
        self.build(self.manifest({"ref": f"{self.host}/os/base:1"}, {"iso": True}), "--provenance", "--sign-key",
                   self.keys["ecdsa"][0], check=True, **EPOCH)

        statement = json.loads((self.out / "demo.provenance.json").read_text())
        self.assertEqual(statement["_type"], "https://in-toto.io/Statement/v1")
        self.assertEqual(statement["predicateType"], "https://slsa.dev/provenance/v1")
        digest = hashlib.sha256((self.out / "demo.iso").read_bytes()).hexdigest()
        self.assertEqual(statement["subject"], [{"name": "demo.iso", "digest": {"sha256": digest}}])
        definition = statement["predicate"]["buildDefinition"]
        self.assertEqual(definition["resolvedDependencies"],
                         [{"uri": f"docker://{self.host}/os/base:1",
                           "digest": {"sha256": self.digest_of("os/base:1").removeprefix("sha256:")}}])
        self.assertTrue({"buildType", "externalParameters"} <= set(definition))
        self.assertIn("id", statement["predicate"]["runDetails"]["builder"])
        envelope = json.loads((self.out / "demo.intoto.jsonl").read_text())
        payload = base64.b64decode(envelope["payload"])
        self.assertEqual(json.loads(payload), statement)
        encoded = b"DSSEv1 28 application/vnd.in-toto+json %d " % len(payload) + payload
        self.verify(self.keys["ecdsa"][1], encoded, envelope["signatures"][0]["sig"])
        self.verify(self.keys["ecdsa"][1], (self.out / "demo.sha256").read_bytes(),
                    (self.out / "demo.sha256.sig").read_text())

    def test_case292_the_packages_of_rpm_are_among_them(self):
        home = self.work / "rpm"
        home.mkdir()
        (home / "demo.spec").write_text(SPEC)
        database = ["--define", "_db_backend sqlite", "--dbpath", str(home)]
        for command in (["rpmbuild", *database, "-bb", "--define", f"_topdir {home}", "demo.spec"],
                        ["rpm", *database, "-i", "--justdb", "--nodeps", "RPMS/noarch/demo-1.0-3.noarch.rpm",
                         "RPMS/noarch/demo-libs-1.0-3.noarch.rpm"]):
            subprocess.run(command, cwd=home, check=True, capture_output=True, timeout=60,
                           env={"PATH": os.environ["PATH"], "HOME": str(home)})
        tree = dict.fromkeys(("etc", "usr", "usr/lib", "usr/lib/sysimage", "usr/lib/sysimage/rpm", "var", "var/lib"))
        tree |= {"etc/os-release": b"ID=fedora\nVERSION_ID=40\n", "var/lib/rpm": "../../usr/lib/sysimage/rpm",
                 "usr/lib/sysimage/rpm/rpmdb.sqlite": (home / "rpmdb.sqlite").read_bytes(),
                 "usr/lib/sysimage/rpm/Packages": b"an old one",
                 # Not all texts are UTF-8, though JSON is.
                 "var/lib/dpkg": None, "var/lib/dpkg/status":
                 b"Package: old\nVersion: 1\nStatus: install ok installed\nMaintainer: J\xf6rg <joerg@example.org>\n"}
        self.push("os/rpm:1", [*test_image.bootable_layers(), test_image.layer(tree)])

        result = self.build(self.manifest({"ref": f"{self.host}/os/rpm:1"}, {"iso": True}), "--sbom", check=True,
                            **EPOCH)

        document = json.loads((self.out / "demo.spdx.json").read_text())
        packages = {package["name"]: package for package in document["packages"][1:]}
        self.assertEqual(set(packages), {"demo", "demo-libs", "old"})
        self.assertEqual(len(document["packages"]), 4)
        demo, libs = packages["demo"], packages["demo-libs"]
        self.assertEqual((demo["versionInfo"], demo["supplier"], demo["licenseComments"]),
                         ("2:1.0-3", "Organization: Example", "the package says MIT"))
        self.assertEqual(demo["externalRefs"][0]["referenceLocator"],
                         "pkg:rpm/fedora/demo@1.0-3?arch=noarch&distro=fedora-40&epoch=2")
        self.assertNotIn("sourceInfo", demo)
        self.assertEqual(libs["sourceInfo"], "built from demo-1.0-3.src.rpm")
        self.assertIn("packages are missing in the SBOM: /var/lib/rpm/Packages cannot be read (it is of Berkeley DB)",
                      result.stderr)

    def verify(self, public, data, signature):
        (self.work / "data").write_bytes(data)
        (self.work / "sig").write_bytes(base64.b64decode(signature))
        self.openssl("dgst", "-sha256", "-verify", public, "-signature", self.work / "sig", self.work / "data")

    def test_nothing_of_this_is_done_unasked(self):
        self.build(self.manifest({"ref": f"{self.host}/os/base:1"}, {"iso": True}), check=True)
        self.image_build("unasked/image:1", check=True)

        self.assertEqual({path.name for path in self.out.iterdir()}, {"demo.iso", "demo.sha256", "demo.report.json"})
        self.assertEqual([self.beside("unasked/image:1", ending) for ending in ("", ".sig", ".att")], [None] * 3)

    # What is attached.

    def test_case290_case292_a_pushed_image_has_signature_sbom_and_provenance_once(self):
        for _ in range(2):
            self.image_build("attested/image:1", "--sbom", "--provenance", "--sign-key", self.keys["ecdsa"][0],
                             check=True)

        digest = self.digest_of("attested/image:1")
        found = {manifest["artifactType"]: (manifest, content)
                 for manifest, content in self.referrers("attested/image:1")}
        self.assertEqual(len(self.referrers("attested/image:1")), 2)
        self.assertEqual(set(found), {"application/spdx+json", "application/vnd.in-toto+json"})
        for manifest, _ in found.values():
            self.assertEqual(manifest["subject"]["digest"], digest)
        self.assertIn("bash", [package["name"] for package in found["application/spdx+json"][1]["packages"]])
        statement = found["application/vnd.in-toto+json"][1]
        self.assertEqual(statement["subject"][0]["digest"]["sha256"], digest.removeprefix("sha256:"))
        signature = self.beside("attested/image:1", ".sig")
        self.assertEqual(len(signature["layers"]), 1)
        layer = signature["layers"][0]
        self.assertEqual(layer["mediaType"], "application/vnd.dev.cosign.simplesigning.v1+json")
        payload = self.registry(f"attested/image/blobs/{layer['digest']}")
        self.assertEqual(json.loads(payload)["critical"]["image"]["docker-manifest-digest"], digest)
        self.verify(self.keys["ecdsa"][1], payload, layer["annotations"]["dev.cosignproject.cosign/signature"])
        attestations = self.beside("attested/image:1", ".att")["layers"]
        self.assertEqual([layer["annotations"]["predicateType"] for layer in attestations],
                         ["https://spdx.dev/Document", "https://slsa.dev/provenance/v1"])

    def test_build_attaches_to_what_it_pushes(self):
        dockerfile = "FROM {host}/os/base:1\nLABEL made=there\n".format(host=self.host)
        manifest = self.manifest({"ociSpec": {"ref": {"name": "definition"}}, "push": True,
                                  "buildImage": {"registry": self.host, "repository": "built/demo", "tag": "1"}},
                                 {"iso": True})
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "definition"},
                  "stringData": {"ociSpec": dockerfile}}
        manifest.write_text(json.dumps(secret) + "\n---\n" + manifest.read_text())
        self.build(manifest, "--sbom", "--provenance", "--sign-key", self.keys["rsa"][0], check=True, **EPOCH)

        self.assertEqual({manifest["artifactType"] for manifest, _ in self.referrers("built/demo:1")},
                         {"application/spdx+json", "application/vnd.in-toto+json"})
        self.assertIsNotNone(self.beside("built/demo:1", ".sig"))
        self.assertTrue({"demo.iso", "demo.spdx.json", "demo-image.spdx.json", "demo.provenance.json"} <=
                        {path.name for path in self.out.iterdir()})

    # What is demanded.

    def test_case289_an_image_is_used_where_one_of_the_keys_signed_it_and_only_there(self):
        for name in ("ecdsa", "rsa", "ed25519"):
            with self.subTest(name):
                self.image_build(f"signed/{name}:1", "--sign-key", self.keys[name][0], check=True)
                trusted = self.program("pull", f"{self.host}/signed/{name}:1", "--verify-key", self.keys[name][1],
                                       "--verify-key", self.keys["stranger"][1], store=self.work / f"store-{name}")
                self.assertEqual(trusted.returncode, 0, trusted.stderr)
                refused = self.program("pull", f"{self.host}/signed/{name}:1", "--verify-key",
                                       self.keys["stranger"][1], store=self.work / f"store2-{name}")
                self.assertEqual(refused.returncode, 7, refused.stderr)
                self.assertIn("is not signed by a key that is trusted", refused.stderr)

    def test_case289_an_unsigned_base_image_is_refused_before_anything_is_built(self):
        for use in (lambda **more: self.image_build("never/image:1", "--verify-key", self.keys["ecdsa"][1], **more),
                    lambda **more: self.build(self.manifest({"ref": f"{self.host}/os/base:1"}, {"iso": True}),
                                              "--verify-key", self.keys["ecdsa"][1], **more),
                    lambda **more: self.program("unpack", f"{self.host}/os/base:1", self.work / "tree",
                                                "--verify-key", self.keys["ecdsa"][1], **more)):
            result = use()
            self.assertEqual(result.returncode, 7, result.stderr)
            self.assertIn("there is no signature at", result.stderr)
        self.assertFalse((self.out / "demo.iso").exists())
        self.assertIsNone(self.registry("never/image/manifests/1"))

    def test_what_the_store_has_already_is_no_way_around_it(self):
        digest = self.digest_of("os/other:1")
        self.program("pull", f"{self.host}/os/other:1", check=True)
        for name in (f"{self.host}/os/other:1", f"{self.host}/os/other@{digest}"):
            result = self.program("pull", name, "--verify-key", self.keys["ecdsa"][1])
            self.assertEqual(result.returncode, 7, result.stderr)

    def test_a_signature_of_another_image_or_a_broken_one_does_not_count(self):
        self.image_build("mixed/image:1", "--sign-key", self.keys["ecdsa"][0], check=True)
        signature = self.beside("mixed/image:1", ".sig")
        other = self.digest_of("os/other:1")
        # The signature of one image beside another: blobs and manifest copied as they are.
        for blob in (signature["config"], signature["layers"][0]):
            self.put_blob("os/other", self.registry(f"mixed/image/blobs/{blob['digest']}"))
        self.put_manifest(f"os/other/manifests/{other.replace(':', '-')}.sig", signature)
        result = self.program("pull", f"{self.host}/os/other:1", "--verify-key", self.keys["ecdsa"][1])
        self.assertEqual(result.returncode, 7, result.stderr)
        self.assertIn("none of the signatures", result.stderr)

        for text in ("", "!!!", base64.b64encode(b"0" * 70).decode()):
            signature["layers"][0]["annotations"]["dev.cosignproject.cosign/signature"] = text
            digest = self.digest_of("mixed/image:1")
            self.put_manifest(f"mixed/image/manifests/{digest.replace(':', '-')}.sig", signature)
            result = self.program("pull", f"{self.host}/mixed/image:1", "--verify-key", self.keys["ecdsa"][1])
            self.assertEqual(result.returncode, 7, result.stderr)

    def test_a_bundle_of_cosign_3_is_a_signature(self):
        """As cosign 3 writes it, made with openssl: a signed statement in a bundle, attached as a referrer."""
        self.image_build("bundled/image:1", check=True)
        digest = self.digest_of("bundled/image:1")
        for name, predicate, trusted in (("ecdsa", "https://spdx.dev/Document", False),
                                         ("stranger", "https://sigstore.dev/cosign/sign/v1", False),
                                         ("ecdsa", "https://sigstore.dev/cosign/sign/v1", True)):
            self.attach_bundle("bundled/image", digest, self.keys[name][0], predicate)
            result = self.program("pull", f"{self.host}/bundled/image:1", "--verify-key", self.keys["ecdsa"][1])
            self.assertEqual(result.returncode, 0 if trusted else 7, result.stderr)
        self.image_build("on-bundled/image:1", "--verify-key", self.keys["ecdsa"][1], base="bundled/image:1", check=True)

    def attach_bundle(self, repository, image, key, predicate):
        statement = json.dumps({"_type": "https://in-toto.io/Statement/v1", "predicateType": predicate, "predicate": {},
                                "subject": [{"digest": {"sha256": image.removeprefix("sha256:")}}]}).encode()
        (self.work / "encoded").write_bytes(b"DSSEv1 28 application/vnd.in-toto+json %d " % len(statement) + statement)
        signature = self.openssl("dgst", "-sha256", "-sign", key, self.work / "encoded")
        bundle_type = "application/vnd.dev.sigstore.bundle.v0.3+json"
        bundle = json.dumps({
            "mediaType": bundle_type, "verificationMaterial": {"publicKey": {"hint": "a hint"}},
            "dsseEnvelope": {"payload": base64.b64encode(statement).decode(), "payloadType": "application/vnd.in-toto+json",
                             "signatures": [{"sig": base64.b64encode(signature).decode()}]}}).encode()

        def described(data, media_type):
            return {"mediaType": media_type, "digest": "sha256:" + hashlib.sha256(data).hexdigest(), "size": len(data)}
        for blob in (bundle, b"{}"):
            self.put_blob(repository, blob)
        subject = self.registry(f"{repository}/manifests/{image}")
        manifest = json.dumps({
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "artifactType": bundle_type,
            "config": described(b"{}", "application/vnd.oci.empty.v1+json"), "layers": [described(bundle, bundle_type)],
            "subject": described(subject, "application/vnd.oci.image.manifest.v1+json")}).encode()
        entry = described(manifest, "application/vnd.oci.image.manifest.v1+json")
        self.send("PUT", f"{repository}/manifests/{entry['digest']}", manifest, entry["mediaType"])
        tag = image.replace(":", "-")
        listed = json.loads(self.registry(f"{repository}/manifests/{tag}") or '{"manifests": []}')["manifests"]
        index = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
                 "manifests": [*listed, {**entry, "artifactType": bundle_type}]}
        self.send("PUT", f"{repository}/manifests/{tag}", json.dumps(index).encode(), index["mediaType"])

    def put_blob(self, repository, data):
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        layout = self.work / digest.replace(":", "-")
        layout.write_bytes(data)
        start = self.send("POST", f"{repository}/blobs/uploads/", b"")
        self.send("PUT", start.headers["Location"] + f"&digest={digest}", data)

    def put_manifest(self, path, manifest):
        self.send("PUT", path, json.dumps(manifest).encode(), "application/vnd.oci.image.manifest.v1+json")

    def send(self, method, path, data, content_type="application/octet-stream"):
        context = ssl.create_default_context(cafile=self.authority())
        url = path if path.startswith("https:") else f"https://{self.host}/v2/{path}"
        request = urllib.request.Request(url, data=data, method=method, headers={
            "Authorization": "Basic " + self.encode(self.password), "Content-Type": content_type})
        return urllib.request.urlopen(request, context=context, timeout=30)

    def test_a_key_that_is_none_is_told_of(self):
        private, public = self.keys["ecdsa"]
        locked = self.work / "locked.key"
        self.openssl("pkcs8", "-topk8", "-in", private, "-out", locked, "-v2", "aes256", "-passout", "pass:secret")
        cases = ((["--verify-key", private], "but a private one"), (["--sign-key", public], "but a public one"),
                 (["--sign-key", locked], "locked with a passphrase"), (["--verify-key", "/etc/hostname"], "no public key"),
                 (["--verify-key", public, "--offline"], "does not go with --offline"))
        for flags, text in cases:
            result = self.image_build("keys/image:1", *flags)
            self.assertEqual(result.returncode, 2, result.stderr)
            self.assertIn(text, result.stderr)

    # What others say.

    def peer(self, name, *arguments):
        program = shutil.which(name)
        if not program:
            self.skipTest(f"{name} is not on PATH: whether it agrees is NOT known")
        config = self.work / "docker"
        config.mkdir(exist_ok=True)
        (config / "config.json").write_text(self.login())
        return subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, timeout=120, env={
            "PATH": os.environ["PATH"], "HOME": str(self.work), "DOCKER_CONFIG": str(config), "SSL_CERT_FILE": str(self.authority()),
            "COSIGN_PASSWORD": "cosign"})

    def test_cosign_verifies_signature_and_attestations(self):
        if not shutil.which("cosign"):
            self.skipTest("cosign is not on PATH: whether it agrees is NOT known")
        for name in ("ecdsa", "rsa", "ed25519"):
            private, public = self.keys[name]
            tag = f"cosign/{name}:1"
            self.image_build(tag, "--sbom", "--provenance", "--sign-key", private, check=True)
            common = ["--key", public, "--insecure-ignore-tlog=true"]
            image = f"{self.host}/{tag}"
            for command in (["verify", *common], ["verify-attestation", *common, "--type", "slsaprovenance1"],
                            ["verify-attestation", *common, "--type", "spdxjson"]):
                result = self.peer("cosign", *command, image)
                self.assertEqual(result.returncode, 0, result.stderr)
            stranger = ["--key", self.keys["stranger"][1], "--insecure-ignore-tlog=true"]
            self.assertNotEqual(self.peer("cosign", "verify", *stranger, image).returncode, 0)

    def test_what_cosign_signed_is_trusted(self):
        if not shutil.which("cosign"):
            self.skipTest("cosign is not on PATH: whether it agrees is NOT known")
        self.image_build("by-cosign/image:1", check=True)
        imported = self.peer("cosign", "import-key-pair", "--key", self.keys["ecdsa"][0], "--output-key-prefix",
                             self.work / "imported")
        self.assertEqual(imported.returncode, 0, imported.stderr)
        result = self.peer("cosign", "sign", "--key", self.work / "imported.key", "--tlog-upload=false", "--yes",
                           f"{self.host}/by-cosign/image@{self.digest_of('by-cosign/image:1')}")
        self.assertEqual(result.returncode, 0, result.stderr)
        trusted = self.program("pull", f"{self.host}/by-cosign/image:1", "--verify-key", self.work / "imported.pub")
        self.assertEqual(trusted.returncode, 0, trusted.stderr)

    def test_regctl_lists_what_is_attached(self):
        self.image_build("regctl/image:1", "--sbom", "--provenance", check=True)
        result = self.peer("regctl", "artifact", "list", f"{self.host}/regctl/image:1", "--format", "{{json .}}")
        self.assertEqual(result.returncode, 0, result.stderr)
        listed = json.loads(result.stdout)["descriptors"]
        self.assertEqual({entry["artifactType"] for entry in listed},
                         {"application/spdx+json", "application/vnd.in-toto+json"})


if __name__ == "__main__":
    registry_case.main()
