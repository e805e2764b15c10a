# SPDX-License-Identifier: Apache-2.0
"""What the tests of the operator share: one API server, the operator as a process with the rights
of packaging/kubernetes, and the parts of the Job controller and the kubelet, played by hand."""
import json
import os
import pathlib
import signal
import subprocess
import unittest
import urllib.error
import urllib.request

import api_server
from api_server import wait_for

ROOT = pathlib.Path(__file__).resolve().parents[2]
PACKAGING = ROOT / "packaging/kubernetes"
ARTIFACTS = "/apis/build.kairos.io/v1alpha2/namespaces/{}/osartifacts"
NOW = "2026-01-01T00:00:00Z"


class Operator:
    """The program as a process; stopped at the end of a `with`."""

    def __init__(self, program, kubeconfig, *arguments, name="operator"):
        self.metrics_port, self.probe_port = api_server.free_ports(2)
        self.log_path = pathlib.Path(str(kubeconfig) + f".{name}.log")
        self._command = [program, "operator", "--kubeconfig", str(kubeconfig),
                         "--builder-image", "osartifact:test",
                         "--metrics-bind-address", f"127.0.0.1:{self.metrics_port}",
                         "--health-probe-bind-address", f"127.0.0.1:{self.probe_port}", *arguments]
        self.start()

    def start(self):
        environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self._command, stdout=log, stderr=log,
                                            stdin=subprocess.DEVNULL, env=environment)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.stop()

    def stop(self):
        """Clean, by SIGTERM; its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def get(self, path, port=None):
        try:
            url = f"http://127.0.0.1:{port or self.probe_port}{path}"
            with urllib.request.urlopen(url, timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def metrics(self):
        """Every series, by name with its labels."""
        lines = self.get("/metrics", self.metrics_port)[1].splitlines()
        return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1])
                for line in lines if line and not line.startswith("#")}

    def log(self):
        """What it said so far."""
        return self.log_path.read_text()


class ClusterCase(unittest.TestCase):
    """One API server for all the tests of a class; a namespace for each test."""

    program = None  # Set by main().

    @classmethod
    def setUpClass(cls):
        cls.api = api_server.ApiServer()
        cls.addClassCleanup(cls.api.stop)
        cls.api.start()
        cls.apply(PACKAGING / "cluster")
        token = cls.api.token_of("osartifact-system", "osartifact-operator")
        cls.kubeconfig = cls.api.write_kubeconfig("operator", {"token": token})

    @classmethod
    def apply(cls, folder):
        """As `kubectl apply -k` does it; waits until our resources are known."""
        manifests = cls.api.kubectl("kustomize", str(folder))
        cls.api.kubectl("apply", "--server-side", "-f", "-", text=manifests)
        for name in ("osartifacts.build.kairos.io", "nodeops.operator.kairos.io",
                     "nodeopupgrades.operator.kairos.io"):
            wait_for(lambda name=name: cls.is_established(name), f"the CRD {name}")

    @classmethod
    def is_established(cls, name):
        path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}"
        conditions = cls.api.must("GET", path).get("status", {}).get("conditions") or []
        for condition in conditions:
            if condition["type"] == "NonStructuralSchema" and condition["status"] == "True":
                raise AssertionError(condition["message"])
        return any(c["type"] == "Established" and c["status"] == "True" for c in conditions)

    def setUp(self):
        self.space = self._testMethodName.replace("_", "-")[:60].strip("-").lower()
        self.api.must("POST", "/api/v1/namespaces",
                      {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.space}})

    def operator(self, *arguments, **options):
        return Operator(self.program, self.kubeconfig, *arguments, **options)

    # Objects.

    def artifact_path(self, name):
        return ARTIFACTS.format(self.space) + "/" + name

    def create(self, spec, name="demo", space=None):
        body = {"apiVersion": "build.kairos.io/v1alpha2", "kind": "OSArtifact",
                "metadata": {"name": name}, "spec": spec}
        return self.api.must("POST", ARTIFACTS.format(space or self.space), body)

    def artifact(self, name="demo"):
        return self.api.must("GET", self.artifact_path(name))

    def status(self, name="demo"):
        return self.artifact(name).get("status", {})

    def wait_for_phase(self, phase, name="demo", seconds=60):
        try:
            return wait_for(lambda: self.status(name).get("phase") == phase and self.status(name),
                            f"phase {phase} of {name}", seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}; it is {json.dumps(self.status(name))}") from None

    def condition(self, kind, name="demo"):
        conditions = self.status(name).get("conditions", [])
        return next((one for one in conditions if one["type"] == kind), {})

    def wait_for_reason(self, kind, reason, name="demo", seconds=60):
        try:
            wait_for(lambda: self.condition(kind, name).get("reason") == reason,
                     f"{kind} {reason} of {name}", seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}; it is {json.dumps(self.status(name))}") from None
        return self.condition(kind, name)

    def job_path(self, name):
        return f"/apis/batch/v1/namespaces/{self.space}/jobs/{name}"

    def job(self, name="demo-build"):
        return self.api.find(self.job_path(name))

    def delete_job(self, name="demo-build"):
        self.api.must("DELETE", self.job_path(name) + "?propagationPolicy=Background")

    def wait_for_job(self, name="demo-build"):
        return wait_for(lambda: self.job(name), f"Job {name}")

    def wait_for_another_job(self, uid, name="demo-build"):
        def another():
            job = self.job(name)
            return job and job["metadata"]["uid"] != uid and job

        return wait_for(another, f"another Job {name}")

    def make_secret(self, name, data):
        self.api.must("POST", f"/api/v1/namespaces/{self.space}/secrets",
                      {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name},
                       "stringData": data})

    # What the Job controller and the kubelet would do.

    def make_pod(self, job, name=None):
        template = job["spec"]["template"]
        labels = dict(template["metadata"]["labels"])
        labels["batch.kubernetes.io/job-name"] = job["metadata"]["name"]
        name = name or job["metadata"]["name"] + "-x"
        pod = {"apiVersion": "v1", "kind": "Pod",
               "metadata": {"name": name, "labels": labels,
                            "annotations": template["metadata"].get("annotations", {})},
               "spec": dict(template["spec"], nodeName="no-such-node")}
        self.api.must("POST", f"/api/v1/namespaces/{self.space}/pods", pod)
        return f"/api/v1/namespaces/{self.space}/pods/{name}"

    def set_pod(self, path, phase, state, containers="containerStatuses", name="osartifact"):
        self.api.merge(path + "/status", {"status": {"phase": phase, containers: [
            {"name": name, "image": "i", "imageID": "", "ready": False, "restartCount": 0,
             "state": state}]}})

    def finish_job(self, name="demo-build", failed=None, space=None):
        path = self.job_path(name).replace(f"/{self.space}/", f"/{space or self.space}/")
        if failed is None:
            status = {"startTime": NOW, "completionTime": NOW, "succeeded": 1,
                      "uncountedTerminatedPods": {},
                      "conditions": [self._condition("SuccessCriteriaMet", "CompletionsReached"),
                                     self._condition("Complete", "CompletionsReached")]}
        else:
            status = {"startTime": NOW, "failed": 1, "uncountedTerminatedPods": {},
                      "conditions": [self._condition("FailureTarget", failed),
                                     self._condition("Failed", failed)]}
        self.api.merge(path + "/status", {"status": status})

    @staticmethod
    def _condition(kind, reason):
        return {"type": kind, "status": "True", "reason": reason, "message": "said the test",
                "lastProbeTime": NOW, "lastTransitionTime": NOW}

    def events(self):
        path = f"/apis/events.k8s.io/v1/namespaces/{self.space}/events"
        return [event["reason"] for event in self.api.must("GET", path)["items"]]


def main(arguments):
    api_server.skip_where_missing()
    ClusterCase.program = arguments[1]
    unittest.main(module="__main__", argv=[arguments[0], *arguments[2:]], verbosity=2)
