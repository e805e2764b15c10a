#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The three resources on a real node: private images pulled by a kubelet and by our builder, with the right Secret,
with none, a wrong one, one in another namespace. The operator runs as a pod of packaging/kubernetes.
Usage: kubelet_test.py PROGRAM PACKAGE.deb CACHE [unittest arguments]; CACHE keeps a Debian for the next run. It needs
root, and ends with 77, and the reason, where a program is missing.

Nothing here asks for a reboot, and the upgrade's image has a kairos-agent that only notes its arguments."""
import glob
import os
import pathlib
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
if len(sys.argv) < 4:
    sys.exit(__doc__)
import api_server  # noqa: E402
import builder_image  # noqa: E402
import cluster_case  # noqa: E402
import kubelet_cluster  # noqa: E402
import registry_case  # noqa: E402
import test_image  # noqa: E402
from api_server import NODE, wait_for  # noqa: E402

OPERATOR_IMAGE = "localhost/osartifact"  # With the tag 1; on the node from the start.
OPERATOR_SPACE = "osartifact-system"
NODE_OPS = "/apis/operator.kairos.io/v1alpha1"
AGENT = b"""#!/bin/sh
echo "kairos-agent $*" >> "$HOST_DIR/var/tmp/agent.log"
"""


def private_tool(**more):
    """A busybox, as a layer."""
    return [test_image.busybox_layer(), test_image.layer({"bin": None, **more})]


class Kubelet(registry_case.RegistryCase, cluster_case.ClusterCase):
    address = kubelet_cluster.NODE_ADDRESS

    @classmethod
    def setUpClass(cls):
        """One cluster serves all."""

    @classmethod
    def start(cls):
        super().setUpClass()  # The registry.
        cls.push("demo/image:1", test_image.bootable_layers())
        cls.push("demo/tool:1", private_tool())
        links = {f"bin/{name}": "busybox" for name in ("sed", "tail", "mount")}
        cls.push("demo/node:2", private_tool(**links, **{
            "bin/kairos-agent": (AGENT, 0o755), "dev": None, "run": None, "etc": None,
            "etc/kairos-release": b"KAIROS_VERSION=v2\n"}))
        cls.ca = (cls.base / "registry/ca/ca.crt").read_text()

        cls.api = kubelet_cluster.Cluster(STATE)
        cls.addClassCleanup(cls.keep_logs)
        cls.api.start()
        cls.api.trust(cls.host, cls.base / "registry/ca/ca.crt")
        cls.api.load_image(STATE / "builder.tar")
        manifests = cls.base / "kubernetes"
        shutil.copytree(cluster_case.PACKAGING, manifests)
        with open(manifests / "cluster/kustomization.yaml", "a") as file:
            file.write(f'images: [{{name: osartifact, newName: {OPERATOR_IMAGE}, newTag: "1"}}]\n')
        cls.apply(manifests / "cluster")
        wait_for(cls.is_operator_ready, "the operator's pod", 120)

    @classmethod
    def keep_logs(cls):
        if folder := os.environ.get("KUBELET_TEST_LOGS"):
            shutil.copytree(cls.api.folder, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("etcd"))
            if (STATE / "logs").exists():
                shutil.copytree(STATE / "logs", f"{folder}/pods", dirs_exist_ok=True)

    @classmethod
    def is_operator_ready(cls):
        path = f"/apis/apps/v1/namespaces/{OPERATOR_SPACE}/deployments/osartifact-operator"
        return cls.api.must("GET", path).get("status", {}).get("readyReplicas") == 1

    def setUp(self):
        super().setUp()
        cluster_case.ClusterCase.setUp(self)
        self.make_space(self.space)
        self.other_space = self.space + "-other"
        self.api.must("POST", "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace",
                                                     "metadata": {"name": self.other_space}})

    def make_space(self, space):
        """What a test's namespace has: its account, and the CA of the registry."""
        self.api.must("POST", f"/api/v1/namespaces/{space}/configmaps", {
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "registry-ca"}, "data": {"ca.crt": self.ca}})
        wait_for(lambda: self.api.find(f"/api/v1/namespaces/{space}/serviceaccounts/default"), "the account")

    def make_login(self, name="login", password=None, space=None):
        secret = self.login_secret(password)
        secret["metadata"]["name"] = name
        self.api.must("POST", f"/api/v1/namespaces/{space or self.space}/secrets", secret)

    def until(self, what, seconds=120):
        try:
            return wait_for(what, "it", seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}: {self.told()}") from None

    def tearDown(self):
        # What a user would see, for those who look at the log of the tests.
        shown = self.api.kubectl("get", "osartifacts,nodeops,nodeopupgrades", "-n", self.space, "-o", "jsonpath="
                                 '{range .items[*]}{.kind}{range .status.conditions[*]}{"\\n  "}{.type} {.status} '
                                 '{.reason} {.message}{end}{"\\n"}{end}')
        print(shown, file=sys.stderr)

    def told(self):
        return self.api.kubectl("get", "osartifacts,nodeops,nodeopupgrades,jobs,pods", "-n", self.space, "-o", "yaml")

    def tool(self, name, *command):
        return {"name": name, "image": f"{self.host}/demo/tool:1", "command": list(command)}


def setUpModule():
    Kubelet.start()


def tearDownModule():
    Kubelet.doClassCleanups()


class ArtifactTest(Kubelet):
    def spec(self, **more):
        image = {"ref": f"{self.host}/demo/image:1", "caCertificatesVolume": "ca", **more.pop("image", {})}
        return {"image": image, "artifacts": {"iso": True},
                "volumes": [{"name": "ca", "configMap": {"name": "registry-ca"}}], **more}

    def create(self, spec):
        folder = self.api.add_volume(self.space)
        super().create(spec)
        return folder

    def until_condition(self, kind, reasons, *words, seconds=120):
        """The condition when it has one of the reasons and all the words."""
        def found():
            condition = self.condition(kind)
            return condition.get("reason") in reasons and all(word in condition["message"] for word in words)

        self.until(found, seconds)
        return self.condition(kind)

    def test_an_iso_of_a_private_image(self):
        self.make_login()
        exporter = {"template": {"spec": {"restartPolicy": "Never", "containers": [
            {**self.tool("send", "sh", "-c", "test -s /artifacts/demo.iso"),
             "volumeMounts": [{"name": "artifacts", "mountPath": "/artifacts", "readOnly": True}]}]}}}
        importer = {**self.tool("import", "sh", "-c", "echo imported > /from/file"),
                    "volumeMounts": [{"name": "overlay", "mountPath": "/from"}]}
        spec = self.spec(image={"imageCredentialsSecretRef": {"name": "login"}}, importers=[importer],
                         exporters=[exporter])
        spec["volumes"].append({"name": "overlay", "emptyDir": {}})
        spec["artifacts"]["overlayISOVolume"] = "overlay"
        folder = self.create(spec)

        self.wait_for_phase("Ready", seconds=180)
        subprocess.run(["sha256sum", "--check", "--quiet", "demo.sha256"], cwd=folder, check=True)
        listed = subprocess.run(["xorriso", "-indev", folder / "demo.iso", "-find", "/file"], capture_output=True,
                                text=True, check=True).stdout
        self.assertIn("/file", listed)
        pod = self.job()["spec"]["template"]["spec"]
        self.assertEqual(pod["imagePullSecrets"], [{"name": "login"}])
        self.assertEqual(self.job("demo-export-0")["spec"]["template"]["spec"]["imagePullSecrets"], [{"name": "login"}])

    def test_without_a_secret_the_builder_says_so(self):
        self.create(self.spec())

        status = self.wait_for_phase("Error", seconds=180)
        self.assertIn("401", status["message"])
        self.assertIn(self.host, status["message"])

    def test_a_wrong_password_is_told(self):
        self.make_login(password="wrong")
        self.create(self.spec(image={"imageCredentialsSecretRef": {"name": "login"}}))

        status = self.wait_for_phase("Error", seconds=180)
        self.assertIn("401", status["message"])
        self.assertIn("login", status["message"])
        self.assertNotIn("wrong", status["message"])

    def test_a_secret_in_another_namespace_is_none(self):
        self.make_login(space=self.other_space)
        self.create(self.spec(image={"imageCredentialsSecretRef": {"name": "login"}}))

        self.until_condition("Ready", ["SecretMissing"], f"no Secret login in namespace {self.space}")
        self.make_login()
        self.wait_for_phase("Ready", seconds=180)

    def test_what_the_kubelet_cannot_pull_is_told(self):
        self.make_login(space=self.other_space)
        importer = self.tool("import", "sh", "-c", "exit 0")
        self.create(self.spec(imagePullSecrets=[{"name": "login"}], importers=[importer]))

        pull = ["ErrImagePull", "ImagePullBackOff"]
        self.until_condition("Ready", pull, "container import", "401 Unauthorized",
                             f"no Secret login in namespace {self.space}")
        self.make_login()
        self.wait_for_phase("Ready", seconds=300)


class NodeOpTest(Kubelet):
    def create(self, kind="NodeOp", name="op", **spec):
        self.api.must("POST", self.path(kind), {
            "apiVersion": "operator.kairos.io/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec})

    def path(self, kind):
        return f"{NODE_OPS}/namespaces/{self.space}/{kind.lower()}s"

    def hello(self, **more):
        self.note = pathlib.Path("/var/tmp", self.space)
        self.create(image=f"{self.host}/demo/tool:1", hostMountPath="/host", targetNodes=[NODE],
                    command=["sh", "-c", f"echo hello > /host{self.note}"], **more)

    def state(self, kind="NodeOp", name="op"):
        return self.api.must("GET", f"{self.path(kind)}/{name}").get("status", {})

    def condition(self, type_, kind="NodeOp"):
        return next((c for c in self.state(kind).get("conditions", []) if c["type"] == type_), {})

    def until_phase(self, phase, kind="NodeOp", name="op"):
        self.until(lambda: self.state(kind, name).get("phase") == phase, 180)

    def until_pull_fails(self, kind="NodeOp"):
        def is_told():
            condition = self.condition("Finished", kind)
            return (condition.get("reason") in ("ErrImagePull", "ImagePullBackOff")
                    and "401 Unauthorized" in condition["message"] and NODE in condition["message"])

        self.until(is_told)
        self.assertIn("401 Unauthorized", self.state(kind)["nodeStatuses"][NODE]["message"])

    def test_a_command_in_a_private_image(self):
        self.make_login()
        self.hello(imagePullSecrets=[{"name": "login"}])

        self.until_phase("Completed")
        self.assertEqual(self.note.read_text(), "hello\n")

    def test_a_command_without_a_secret(self):
        self.hello()

        self.until_pull_fails()
        self.assertEqual(self.state()["phase"], "Running")
        self.assertFalse(self.note.exists())

    def test_a_command_with_a_wrong_password(self):
        self.make_login(password="wrong")
        self.hello(imagePullSecrets=[{"name": "login"}])

        self.until_pull_fails()
        self.api.must("DELETE", f"/api/v1/namespaces/{self.space}/secrets/login")
        self.make_login()
        self.until(lambda: self.state().get("phase") == "Completed", 300)

    def test_a_command_with_a_secret_in_another_namespace(self):
        self.make_login(space=self.other_space)
        self.hello(imagePullSecrets=[{"name": "login"}])

        self.until(lambda: self.condition("Accepted").get("reason") == "SecretNotFound")
        self.assertIn(f"no Secret login in namespace {self.space}", self.condition("Accepted")["message"])
        self.make_login()
        self.until_phase("Completed")

    # No upgrade here touches the active system, so that none is followed by a reboot.

    def upgrade(self, name="op", **more):
        self.create("NodeOpUpgrade", name, image=f"{self.host}/demo/node:2", upgradeActive=False, upgradeRecovery=True,
                    **more)
        op = self.until(lambda: self.api.find(f"{self.path('NodeOp')}/{name}"))
        self.assertIs(op["spec"]["rebootOnSuccess"], False)

    def setUp(self):
        super().setUp()
        self.selected = {"matchLabels": {"kubernetes.io/hostname": NODE}}

    def test_an_upgrade_from_a_private_image(self):
        log = pathlib.Path("/var/tmp/agent.log")
        log.unlink(missing_ok=True)
        self.upgrade("nowhere", nodeSelector={"matchLabels": {"no": "node"}})
        self.until_phase("Completed", "NodeOpUpgrade", "nowhere")
        self.assertFalse(log.exists())

        self.make_login()
        self.upgrade(imagePullSecrets=[{"name": "login"}], nodeSelector=self.selected)
        self.until_phase("Completed", "NodeOpUpgrade")
        self.assertEqual(log.read_text(), "kairos-agent upgrade --recovery --source dir:/ --exclude-path /etc/hostname "
                                          "--exclude-path /etc/hosts\n")
        self.assertEqual(self.state("NodeOpUpgrade")["nodeStatuses"][NODE]["rebootStatus"], "not-requested")
        self.assertNotIn("unschedulable", self.api.must("GET", f"/api/v1/nodes/{NODE}")["spec"])

    def test_an_upgrade_without_a_secret(self):
        self.upgrade(nodeSelector=self.selected)

        self.until_pull_fails("NodeOpUpgrade")

    def test_an_upgrade_with_a_wrong_password(self):
        self.make_login(password="wrong")
        self.upgrade(imagePullSecrets=[{"name": "login"}], nodeSelector=self.selected)

        self.until_pull_fails("NodeOpUpgrade")

    def test_an_upgrade_with_a_secret_in_another_namespace(self):
        self.make_login(space=self.other_space)
        self.upgrade(imagePullSecrets=[{"name": "login"}], nodeSelector=self.selected)

        self.until(lambda: self.condition("Accepted", "NodeOpUpgrade").get("reason") == "SecretNotFound")
        self.make_login()
        self.until_phase("Completed", "NodeOpUpgrade")


def builder(folder):
    """The image that the operator and its builders run, made where there is a network."""
    class Tools(registry_case.RegistryCase):
        pass

    Tools.setUpClass()
    try:
        builder_image.build(Tools, PACKAGE, CACHE, "-t", f"{OPERATOR_IMAGE}:1", "--output",
                            f"docker-archive:{folder}/builder.tar")
    finally:
        Tools.doClassCleanups()


if __name__ == "__main__":
    PACKAGE, CACHE = sys.argv.pop(2), pathlib.Path(sys.argv.pop(2)).resolve()
    if kubelet_cluster.is_apart():
        STATE = kubelet_cluster.enter()
        registry_case.main()
    kubelet_cluster.skip_where_impossible()
    PACKAGE = next(iter(sorted(glob.glob(PACKAGE))), None)
    for tool in ("mmdebstrap", "docker-registry", "htpasswd"):
        if not shutil.which(tool):
            api_server.skip(f"there is no {tool}. Nothing was run by a real kubelet.")
    if PACKAGE is None:
        api_server.skip("there is no Debian package for the builder image: cmake --build --preset release "
                        "--target package")
    sys.exit(kubelet_cluster.run_apart(builder))
