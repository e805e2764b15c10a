#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""packaging/kubernetes against a real API server: what the CRDs accept and refuse, and what the
operator's account may do and may not."""
import pathlib
import subprocess
import sys

from api_server import wait_for
from cluster_case import ARTIFACTS, PACKAGING, ClusterCase, main

REF = {"ref": "quay.io/kairos/stub:v9"}
CONTAINER = {"name": "c", "image": "busybox", "command": ["sh", "-c", "exit 7"]}
EXPORTER = {"template": {"metadata": {"labels": {"a": "b"}, "annotations": {"c": "d"}},
                         "spec": {"restartPolicy": "Never", "containers": [CONTAINER]}}}

# The shapes of kairos-operator's own samples and of the cases it was recorded with.
ACCEPTED = {
    "sample": {"image": REF, "artifacts": {"arch": "amd64", "iso": True, "cloudImage": True},
               "exporters": []},
    "only-iso": {"image": REF, "artifacts": {"iso": True}},
    "only-uki": {"image": REF, "volumes": [{"name": "keys", "emptyDir": {}}],
                 "artifacts": {"uki": {"iso": True, "container": True, "efi": True,
                                       "keysVolume": "keys"},
                               "netboot": True, "netbootURL": "http://10.0.0.1/x"}},
    "build-options": {"image": {
        "buildOptions": {"version": "v3.6.0", "baseImage": "ubuntu:24.04", "model": "generic",
                         "trustedBoot": True, "kubernetesDistro": "k3s", "fips": True,
                         "kubernetesVersion": "v1.32.0+k3s1", "kairosInitImage": "m/kairos-init:v9"},
        "buildImage": {"registry": "127.0.0.1:5001", "repository": "my/img", "tag": "v1"},
        "push": True, "imageCredentialsSecretRef": {"name": "regcreds", "key": ".dockerconfigjson"},
        "buildEnv": [{"name": "HTTP_PROXY", "value": "http://p:1"},
                     {"name": "T", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}],
        "caCertificatesVolume": "ca", "pullInsecureRegistry": True, "pushInsecureRegistry": True},
        "volumes": [{"name": "ca", "emptyDir": {}}]},
    "oci-spec": {"image": {
        "buildOptions": {"version": "v3.6.0", "baseImage": "ubuntu:24.04"},
        "ociSpec": {"ref": {"name": "mid"}, "templateValuesFrom": {"name": "vals"},
                    "templateValues": {"B": "inline"}, "buildContextVolume": "ctx"}},
        "volumes": [{"name": "ctx", "emptyDir": {}}], "artifacts": {"arch": "amd64", "iso": True},
        "volume": {"accessModes": ["ReadWriteOnce"],
                   "resources": {"requests": {"storage": "3Gi"}}}},
    "importers": {"image": REF, "volumes": [{"name": "iso-overlay", "emptyDir": {}}],
                  "importers": [dict(CONTAINER, volumeMounts=[
                      {"name": "iso-overlay", "mountPath": "/overlay"}])],
                  "artifacts": {"iso": True, "overlayISOVolume": "iso-overlay"},
                  "exporters": [EXPORTER]},
    "own-volume": {"image": REF, "artifacts": {"iso": True, "volume": "out"},
                   "volumes": [{"name": "out", "persistentVolumeClaim": {"claimName": "mine"}}]},
    "placement": {"image": REF, "artifacts": {"iso": True, "gceImage": True},
                  "nodeSelector": {"a": "b"}, "podLabels": {"a": "b"}, "podAnnotations": {"a": "b"},
                  "tolerations": [{"key": "k", "operator": "Exists", "effect": "NoSchedule"}],
                  "affinity": {"nodeAffinity": {
                      "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
                          {"matchExpressions": [{"key": "k", "operator": "In",
                                                 "values": ["v"]}]}]}}},
                  "imagePullSecrets": [{"name": "p"}], "nameOverride": {"iso": "edge-1"},
                  "resources": {"iso": {"limits": {"cpu": 2, "memory": "4Gi"}},
                                "pod": {"requests": {"cpu": "500m"}}}},
}

REFUSED = {
    "no-artifacts": ({"image": REF}, "spec.artifacts is required when spec.image.ref is set"),
    "nothing-wanted": ({"image": REF, "artifacts": {"arch": "amd64"}},
                       "at least one artifact type must be enabled"),
    "no-image": ({"artifacts": {"iso": True}}, "image"),
    "empty-image": ({"image": {}, "artifacts": {"iso": True}},
                    "at least one of buildOptions or ociSpec must be set"),
    "ref-and-build-image": ({"image": dict(REF, buildImage={"registry": "r", "repository": "r",
                                                            "tag": "t"}),
                             "artifacts": {"iso": True}}, "ref must be empty when buildImage is set"),
    "push-to-nowhere": ({"image": {"buildOptions": {"version": "v", "baseImage": "b"},
                                   "push": True}}, "buildImage is missing or incomplete"),
    "no-keys": ({"image": REF, "artifacts": {"uki": {"iso": True, "keysVolume": ""}}},
                "keysVolume is required"),
    "reserved-name": ({"image": REF, "artifacts": {"iso": True},
                       "volumes": [{"name": "rootfs", "emptyDir": {}}]}, "reserved"),
    "no-such-volume": ({"image": REF, "artifacts": {"iso": True, "volume": "out"}},
                       "references a volume which is not defined in spec.volumes"),
    "bad-arch": ({"image": REF, "artifacts": {"iso": True, "arch": "riscv"}}, "amd64"),
    "bad-name": ({"image": REF, "artifacts": {"iso": True}, "nameOverride": {"iso": "A b"}},
                 "nameOverride"),
    "typo": ({"image": REF, "artifacts": {"iso": True, "cloudimage": True}},
             'unknown field "spec.artifacts.cloudimage"'),
    "wrong-type": ({"image": REF, "artifacts": {"iso": "yes"}}, "must be of type boolean"),
}

# What the operator's account must not be able to do: (verb, group, resource, namespace).
DENIED = [("list", "", "secrets", "default"), ("watch", "", "secrets", "default"),
          ("create", "", "secrets", "default"), ("delete", "", "secrets", "default"),
          ("patch", "", "pods", "default"), ("update", "", "nodes", ""),
          ("create", "", "pods/exec", "default"), ("get", "", "pods/log", "default"),
          ("delete", "", "persistentvolumeclaims", "default"),
          ("update", "batch", "jobs", "default"), ("patch", "batch", "jobs/status", "default"),
          ("create", "build.kairos.io", "osartifacts", "default"),
          ("delete", "build.kairos.io", "osartifacts", "default"),
          ("create", "rbac.authorization.k8s.io", "clusterroles", ""),
          ("bind", "rbac.authorization.k8s.io", "clusterroles", ""),
          ("escalate", "rbac.authorization.k8s.io", "roles", "osartifact-system"),
          ("impersonate", "", "users", ""), ("create", "", "serviceaccounts/token", "default"),
          ("get", "coordination.k8s.io", "leases", "default"),
          ("update", "apiextensions.k8s.io", "customresourcedefinitions", ""),
          ("create", "apps", "daemonsets", "default"), ("delete", "", "nodes", "")]
ALLOWED = [("watch", "build.kairos.io", "osartifacts", "default"),
           ("create", "batch", "jobs", "default"), ("create", "", "pods/eviction", "default"),
           ("patch", "", "nodes", ""), ("create", "operator.kairos.io", "nodeops", "default"),
           ("get", "", "secrets", "default")]


class ManifestsTest(ClusterCase):
    def post(self, name, spec):
        body = {"apiVersion": "build.kairos.io/v1alpha2", "kind": "OSArtifact",
                "metadata": {"name": name}, "spec": spec}
        path = ARTIFACTS.format(self.space) + "?fieldValidation=Strict"
        return self.api.request("POST", path, body)

    def test_accepts_what_kairos_operator_accepts(self):
        for name, spec in ACCEPTED.items():
            with self.subTest(name):
                status, answer = self.post(name, spec)
                self.assertEqual(status, 201, answer.get("message"))
                self.assertEqual(answer["spec"].get("exporters"), spec.get("exporters"),
                                 "nothing is pruned")

    def test_refuses_with_a_reason(self):
        for name, (spec, reason) in REFUSED.items():
            with self.subTest(name):
                status, answer = self.post(name, spec)
                self.assertIn(status, (400, 422), f"{name} was accepted")
                self.assertIn(reason, answer["message"])

    def test_the_samples_are_accepted(self):
        for sample in sorted((PACKAGING / "samples").glob("*.yaml")):
            with self.subTest(sample.name):
                self.api.kubectl("apply", "--server-side", "--dry-run=server", "-n", self.space,
                                 "-f", str(sample))

    def test_kubectl_shows_phase_and_reason(self):
        self.create(ACCEPTED["only-iso"])
        self.api.merge(self.artifact_path("demo") + "/status", {"status": {
            "phase": "Error", "message": "m", "conditions": [
                {"type": "Ready", "status": "False", "reason": "InvalidSpec", "message": "m",
                 "lastTransitionTime": "2026-01-01T00:00:00Z"}]}})
        shown = self.api.kubectl("get", "osartifacts", "-n", self.space)
        self.assertIn("InvalidSpec", shown)
        self.assertIn("Error", shown)

    def may(self, token, verb, group, resource, namespace):
        resource, _, subresource = resource.partition("/")
        body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
                "spec": {"resourceAttributes": {
                    "verb": verb, "group": group, "resource": resource,
                    "subresource": subresource, "namespace": namespace}}}
        path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        return self.api.request("POST", path, body, token=token)[1]["status"]["allowed"]

    def test_the_account_may_do_its_work_and_no_more(self):
        token = self.api.token_of("osartifact-system", "osartifact-operator")
        for request in DENIED:
            with self.subTest(request):
                self.assertFalse(self.may(token, *request))
        for request in ALLOWED:
            with self.subTest(request):
                self.assertTrue(self.may(token, *request))
        status, _ = self.api.request("GET", "/api/v1/secrets", token=token)
        self.assertEqual(status, 403)

    def test_in_one_namespace_it_has_no_right_elsewhere(self):
        manifests = self.api.kubectl("kustomize", str(PACKAGING / "namespaced"))
        manifests = manifests.replace("namespace: osartifact\n", f"namespace: {self.space}\n")
        self.api.kubectl("apply", "--server-side", "-f", "-", text=manifests)
        token = self.api.token_of(self.space, "osartifact-operator")
        self.assertTrue(self.may(token, "watch", "build.kairos.io", "osartifacts", self.space))
        self.assertFalse(self.may(token, "watch", "build.kairos.io", "osartifacts", "default"))
        self.assertFalse(self.may(token, "get", "", "secrets", "default"))
        self.assertTrue(self.may(token, "create", "", "pods", self.space), "to say why one is refused")

        kubeconfig = self.api.write_kubeconfig("namespaced", {"token": token})
        self.kubeconfig = kubeconfig
        with self.operator("--namespace", self.space) as operator:
            self.create(ACCEPTED["only-iso"], "elsewhere", space="default")
            self.create(ACCEPTED["only-iso"])
            self.wait_for_phase("Building")
            elsewhere = self.api.must("GET", ARTIFACTS.format("default") + "/elsewhere")
            self.assertNotIn("status", elsewhere)
            self.assertNotIn("403", operator.log())

    def test_render_shows_what_the_operator_makes(self):
        sample = PACKAGING / "samples/osartifact_export.yaml"
        rendered = subprocess.run([self.program, "render", str(sample), "--builder-image",
                                   "osartifact:test"], capture_output=True, text=True, check=True)
        file = pathlib.Path(self.api.folder) / "rendered.yaml"
        file.write_text(rendered.stdout.replace("namespace: default", f"namespace: {self.space}"))
        self.api.kubectl("create", "-f", str(file))
        job = self.job("edge-disk-build")
        for name in ("edge-disk-build", "edge-disk-export-0"):
            self.assertIsNotNone(self.job(name))
            self.delete_job(name)
        claims = f"/api/v1/namespaces/{self.space}/persistentvolumeclaims"
        self.api.must("DELETE", f"{claims}/edge-disk-artifacts")
        self.make_secret("registry-login", {".dockerconfigjson": "{}"})
        with self.operator():
            self.api.kubectl("apply", "--server-side", "-n", self.space, "-f", str(sample))
            made = wait_for(lambda: self.job("edge-disk-build"), "the operator's Job")
        self.assertEqual(self.pod_of(made), self.pod_of(job))

    def pod_of(self, job):
        template = job["spec"]["template"]
        annotations = {key: value.replace(self.space, "default")
                       for key, value in template["metadata"]["annotations"].items()}
        return annotations, template["spec"]


if __name__ == "__main__":
    main(sys.argv)
