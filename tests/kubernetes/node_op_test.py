#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""NodeOps and NodeOpUpgrades in a cluster: the real operator against a real API server. No kubelet serves
the nodes, which are objects alone: what kubelets and the Job controller would say, the tests say, so that
nothing is run, drained or rebooted for real. Usage: node_op_test.py PROGRAM [unittest arguments]"""
import json
import sys

import cluster_case
from api_server import wait_for

GROUP = "operator.kairos.io/v1alpha1"
MARK = "operator.kairos.io/cordoned-by"


class NodeOps(cluster_case.ClusterCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.running = cluster_case.Operator(cls.program, cls.kubeconfig, name="node-ops")
        cls.addClassCleanup(cls.running.stop)

    def restart_operator(self):
        self.running.kill()
        self.running.start()

    # What a cluster would do.

    def add_node(self, name, **labels):
        name = f"{self.space}-{name}"
        self.api.must("POST", "/api/v1/nodes", {
            "apiVersion": "v1", "kind": "Node",
            "metadata": {"name": name, "labels": {"test": self.space, **labels}}})
        self.addCleanup(self.api.must, "DELETE", f"/api/v1/nodes/{name}")
        self.set_boot(name, "boot-1")
        return name

    def set_boot(self, name, boot, ready=True):
        facts = ["machineID", "systemUUID", "kernelVersion", "osImage", "containerRuntimeVersion",
                 "kubeletVersion", "kubeProxyVersion", "operatingSystem", "architecture"]
        self.api.merge(f"/api/v1/nodes/{name}/status", {"status": {
            "nodeInfo": {**dict.fromkeys(facts, "x"), "bootID": boot},
            "conditions": [{"type": "Ready", "status": "True" if ready else "False"}]}})

    def add_pod(self, name, node, owned=True, volumes=(), labels=None):
        owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "rs", "uid": "1",
                 "controller": True}
        self.api.must("POST", f"{self.core}/pods", {
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": name, "labels": labels or {},
                         "ownerReferences": [owner] if owned else []},
            "spec": {"nodeName": node, "volumes": list(volumes), "terminationGracePeriodSeconds": 0,
                     "containers": [{"name": "c", "image": "x"}]}})

    def end_pod(self, label, message=""):
        """The only pod of that label succeeds."""
        pod = self.pods(label)[0]
        self.set_pod(f"{self.core}/pods/{pod['metadata']['name']}", "Succeeded",
                     {"terminated": {"exitCode": 0, "message": message}},
                     name=pod["spec"]["containers"][0]["name"])

    # What the tests look at.

    @property
    def core(self):
        return f"/api/v1/namespaces/{self.space}"

    def path(self, kind="NodeOp"):
        return f"/apis/{GROUP}/namespaces/{self.space}/{kind.lower()}s"

    def create(self, kind="NodeOp", **spec):
        if kind == "NodeOp":
            spec.setdefault("command", ["do", "it"])
        spec.setdefault("nodeSelector", {"matchLabels": {"test": self.space}})
        self.api.must("POST", self.path(kind), {"apiVersion": GROUP, "kind": kind,
                                                "metadata": {"name": "op"}, "spec": spec})

    def op(self, kind="NodeOp"):
        return self.api.find(f"{self.path(kind)}/op") or {}

    def status(self, node):
        return self.op().get("status", {}).get("nodeStatuses", {}).get(node, {})

    def condition(self, type_):
        return next((c for c in self.op().get("status", {}).get("conditions", [])
                     if c["type"] == type_), {})

    def until(self, what, seconds=60):
        try:
            return wait_for(what, "it", seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}: {json.dumps(self.op().get('status'))}\n"
                                 f"{self.running.log()[-2000:]}") from None

    def until_phase(self, phase, kind="NodeOp"):
        self.until(lambda: self.op(kind).get("status", {}).get("phase") == phase)

    def until_node(self, node, phase):
        self.until(lambda: self.status(node).get("phase") == phase)

    def jobs(self):
        return self.api.must("GET", f"/apis/batch/v1/namespaces/{self.space}/jobs")["items"]

    def job_on(self, node):
        return next((j["metadata"]["name"] for j in self.jobs()
                     if j["spec"]["template"]["spec"]["nodeName"] == node), None)

    def pods(self, label=None):
        return [p for p in self.api.must("GET", f"{self.core}/pods")["items"]
                if label is None or label in p["metadata"].get("labels", {})]

    def node(self, name):
        return self.api.must("GET", f"/api/v1/nodes/{name}")

    def is_cordoned(self, name):
        return self.node(name)["spec"].get("unschedulable", False)

    # The tests.

    def test_runs_on_every_node(self):
        one, two = self.add_node("one"), self.add_node("two")
        self.create()
        self.until(lambda: len(self.jobs()) == 2)
        self.until_phase("Running")

        for job in self.jobs():
            self.assertEqual(job["metadata"]["labels"]["kairos.io/nodeop"], "op")
            self.finish_job(job["metadata"]["name"])

        self.until_phase("Completed")
        self.assertEqual(self.status(one)["message"], "Job completed successfully")
        self.assertEqual(self.status(two)["rebootStatus"], "not-requested")
        self.assertEqual(self.condition("Finished")["reason"], "Completed")
        self.until(lambda: "Completed" in self.events())

    def test_ends_where_no_node_matches(self):
        self.create()

        self.until_phase("Completed")
        self.assertEqual(self.condition("Finished")["reason"], "NoNodeMatches")

    def test_does_one_node_at_a_time_and_stops_after_a_failure(self):
        first = self.add_node("z", **{"node-role.kubernetes.io/control-plane": ""})
        second = self.add_node("a")
        self.create(concurrency=1, stopOnFailure=True, backoffLimit=0)
        self.until(lambda: self.job_on(first))
        self.assertIsNone(self.job_on(second))

        self.finish_job(self.job_on(first), failed="BackoffLimitExceeded")

        self.until_phase("Failed")
        self.until(lambda: self.condition("Finished")["status"] == "True")
        self.assertIn("1 were not started", self.condition("Finished")["message"])
        self.assertIsNone(self.job_on(second))

    def test_goes_on_where_a_killed_operator_stopped(self):
        first, second = self.add_node("a"), self.add_node("b")
        self.create(concurrency=1, cordon=True)
        self.until(lambda: self.job_on(first))
        self.running.kill()
        self.finish_job(self.job_on(first))
        self.running.start()

        self.until(lambda: self.job_on(second))
        self.assertFalse(self.is_cordoned(first))
        self.restart_operator()
        self.finish_job(self.job_on(second))

        self.until_phase("Completed")
        self.assertEqual(len(self.jobs()), 2)
        self.until(lambda: not self.is_cordoned(second))

    def test_cordons_drains_and_gives_back(self):
        node = self.add_node("one")
        self.add_pod("web", node)
        self.add_pod("bare", node, owned=False)
        self.add_pod("cache", node, volumes=[{"name": "c", "emptyDir": {}}])
        self.create(cordon=True, drainOptions={"enabled": True, "gracePeriodSeconds": 0})

        self.until(lambda: self.job_on(node))
        self.assertTrue(self.is_cordoned(node))
        uid = self.op()["metadata"]["uid"]
        self.assertEqual(self.node(node)["metadata"]["annotations"][MARK], f"{self.space}/op@{uid}")
        names = {p["metadata"]["name"] for p in self.pods()}
        self.assertEqual(names & {"web", "bare", "cache"}, {"bare", "cache"})
        self.finish_job(self.job_on(node))
        self.until_phase("Completed")
        self.until(lambda: not self.is_cordoned(node))

    def test_waits_for_a_disruption_budget(self):
        node = self.add_node("one")
        self.add_pod("web", node, labels={"app": "web"})
        self.api.merge(f"{self.core}/pods/web/status", {"status": {
            "phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}})
        budgets = f"/apis/policy/v1/namespaces/{self.space}/poddisruptionbudgets"
        self.api.must("POST", budgets, {
            "apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "web"},
            "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}}})
        self.api.merge(f"{budgets}/web/status", {"status": {
            "observedGeneration": 1, "disruptionsAllowed": 0, "currentHealthy": 1,
            "desiredHealthy": 1, "expectedPods": 1}})
        self.create(cordon=True, drainOptions={"enabled": True, "timeoutSeconds": 8})

        self.until(lambda: "is not let go" in self.status(node).get("message", ""))
        self.assertIn(f"{self.space}/web", self.status(node)["message"])
        self.until_node(node, "Failed")
        self.assertIn("Drain timed out after 8 s", self.status(node)["message"])
        self.until(lambda: not self.is_cordoned(node))
        self.assertIsNone(self.job_on(node))

    def test_keeps_a_failed_node_until_it_is_deleted(self):
        node = self.add_node("one")
        self.create(cordon=True, backoffLimit=0)
        self.until(lambda: self.job_on(node))
        self.finish_job(self.job_on(node), failed="BackoffLimitExceeded")
        self.until_phase("Failed")
        self.assertIn("still cordoned", self.condition("Finished")["message"])
        self.assertTrue(self.is_cordoned(node))

        self.api.must("DELETE", f"{self.path()}/op")

        self.until(lambda: not self.is_cordoned(node))

    def test_reboots_and_wants_proof(self):
        node = self.add_node("one")
        self.create(cordon=True, rebootOnSuccess=True)
        self.until(lambda: self.job_on(node))
        self.finish_job(self.job_on(node))
        self.until(lambda: self.pods("kairos.io/reboot"))
        pod = self.pods("kairos.io/reboot")[0]
        self.assertEqual(pod["spec"]["nodeName"], node)
        self.end_pod("kairos.io/reboot")
        self.assertEqual(self.status(node)["rebootStatus"], "pending")
        self.assertTrue(self.is_cordoned(node))

        self.running.kill()
        self.set_boot(node, "boot-2", ready=False)
        self.running.start()
        self.until(lambda: "not ready yet" in self.status(node).get("message", ""))
        self.set_boot(node, "boot-2")

        self.until_phase("Completed")
        self.assertEqual(self.status(node)["rebootStatus"], "completed")
        self.until(lambda: not self.is_cordoned(node) and not self.pods("kairos.io/reboot"))

    def test_leaves_alone_what_the_preflight_says(self):
        node = self.add_node("one")
        self.create(cordon=True, preflight={"command": ["check"]})
        self.until_node(node, "Preflight")
        self.until(lambda: self.pods("kairos.io/preflight"))
        self.end_pod("kairos.io/preflight", "already there\n")

        self.until_phase("Completed")
        self.assertEqual(self.status(node)["message"], "Skipped by preflight: already there")
        self.assertIsNone(self.job_on(node))
        self.until(lambda: not self.pods("kairos.io/preflight"))

    def test_waits_for_its_pull_secret(self):
        node = self.add_node("one")
        self.create(imagePullSecrets=[{"name": "login"}], image="registry.example.com/x:1",
                    cordon=True)
        self.until_phase("Pending")
        self.assertEqual(self.condition("Accepted")["reason"], "SecretNotFound")
        self.assertIn("login", self.condition("Accepted")["message"])
        self.assertFalse(self.is_cordoned(node))

        self.make_secret("login", {".dockerconfigjson": '{"auths": {}}'})

        self.until(lambda: self.job_on(node))
        job = self.job(self.job_on(node))
        self.assertEqual(job["spec"]["template"]["spec"]["imagePullSecrets"], [{"name": "login"}])

    def test_says_why_its_jobs_get_no_pod(self):
        self.api.merge(self.core, {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "baseline"}}})
        node = self.add_node("one")
        self.create()

        self.until(lambda: self.condition("Finished").get("reason") == "PodRefused")
        self.assertIn('violates PodSecurity "baseline:latest"', self.condition("Finished")["message"])
        self.assertIn("violates PodSecurity", self.status(node)["message"])

    def test_says_what_is_wrong_with_the_spec(self):
        self.add_node("one")
        self.create(hostMountPath="host")

        self.until_phase("Failed")
        self.assertIn("spec.hostMountPath: must be an absolute path",
                      self.condition("Accepted")["message"])

    def test_upgrades(self):
        node = self.add_node("one")
        self.create("NodeOpUpgrade", image="quay.io/kairos/stub:v9",
                    excludePaths=["/var/it's $(here)"])
        self.until_node(node, "Preflight")
        op = self.op()
        self.assertEqual(op["metadata"]["ownerReferences"][0]["kind"], "NodeOpUpgrade")
        self.assertEqual(op["spec"]["command"][-1], "/var/it's $(here)")
        self.until(lambda: self.pods("kairos.io/preflight"))
        self.end_pod("kairos.io/preflight")
        self.until(lambda: self.job_on(node))
        self.until_phase("Running", "NodeOpUpgrade")
        self.assertEqual(self.op("NodeOpUpgrade")["status"]["message"],
                         "Upgrade operation is running")
        self.finish_job(self.job_on(node))
        self.until(lambda: self.pods("kairos.io/reboot"))
        self.set_boot(node, "boot-2")

        self.until_phase("Completed", "NodeOpUpgrade")
        self.assertEqual(self.op("NodeOpUpgrade")["status"]["nodeStatuses"][node]["rebootStatus"],
                         "completed")


if __name__ == "__main__":
    cluster_case.main(sys.argv)
