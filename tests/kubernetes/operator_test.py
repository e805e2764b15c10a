#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""osartifact operator against a real API server: every phase of an OSArtifact, kills and restarts,
lost watches, two replicas, many objects at once."""
import json
import signal
import sys
import threading
import time

from api_server import wait_for
from cluster_case import ARTIFACTS, ClusterCase, main

ISO = {"image": {"ref": "quay.io/kairos/stub:v9"}, "artifacts": {"iso": True}}
EXPORTER = {"template": {"spec": {"restartPolicy": "Never", "containers": [
    {"name": "e", "image": "busybox", "command": ["true"]}]}}}


# A pod finds the namespace of the Lease in its account.
LEADER = ["--leader-elect", "--leader-election-namespace", "osartifact-system"]


def with_exporters(count, **more):
    return dict(ISO, exporters=[json.loads(json.dumps(EXPORTER)) for _ in range(count)], **more)


class PhasesTest(ClusterCase):
    def test_from_pending_to_ready(self):
        with self.operator() as operator:
            created = self.create(ISO)
            self.wait_for_phase("Building")
            job = self.wait_for_job()
            owner = job["metadata"]["ownerReferences"][0]
            self.assertEqual((owner["uid"], owner["controller"]), (created["metadata"]["uid"], True))
            claim = self.api.must(
                "GET", f"/api/v1/namespaces/{self.space}/persistentvolumeclaims/demo-artifacts")
            self.assertEqual(claim["metadata"]["ownerReferences"][0]["name"], "demo")

            pod = self.make_pod(job)
            self.set_pod(pod, "Pending", {"waiting": {
                "reason": "ImagePullBackOff", "message": "Back-off: 401 Unauthorized"}})
            reason = self.wait_for_reason("Ready", "ImagePullBackOff")
            self.assertIn("401 Unauthorized", reason["message"])
            self.set_pod(pod, "Running", {"running": {"startedAt": "2026-01-01T00:00:00Z"}})
            running = self.wait_for_reason("Built", "Running")
            self.assertEqual(running["message"], "building on node no-such-node")

            self.finish_job()
            status = self.wait_for_phase("Ready")
            self.assertEqual(status["observedGeneration"], 1)
            self.assertEqual(self.condition("Ready")["status"], "True")
            self.assertIn("BuildStarted", self.events(), operator.log())
            self.assertIn("Ready", self.events())
            self.assertEqual(operator.get("/healthz")[0], 200)
            self.assertEqual(operator.get("/readyz")[0], 200)
            self.assertGreater(operator.metrics()['osartifact_reconciles_total'
                                                  '{controller="osartifact",result="done"}'], 0)

    def test_a_failed_build_says_what_the_program_said(self):
        with self.operator():
            self.create(ISO)
            pod = self.make_pod(self.wait_for_job())
            self.set_pod(pod, "Failed", {"terminated": {
                "exitCode": 3, "reason": "Error", "message": "error: cannot pull quay.io/x\n"}})
            self.finish_job(failed="PodFailurePolicy")
            status = self.wait_for_phase("Error")
            self.assertIn("error: cannot pull quay.io/x", status["message"])
            self.assertIn("BuildFailed", self.events())

    def test_exports(self):
        with self.operator():
            self.create(with_exporters(2))
            self.wait_for_job()
            self.finish_job()
            self.wait_for_phase("Exporting")
            first = self.wait_for_job("demo-export-0")
            self.wait_for_job("demo-export-1")
            volume = first["spec"]["template"]["spec"]["volumes"][0]
            self.assertEqual(volume["persistentVolumeClaim"],
                             {"claimName": "demo-artifacts", "readOnly": True})
            self.finish_job("demo-export-0")
            wait_for(lambda: self.status().get("exported") == [0], "the first export")
            # As ttlSecondsAfterFinished does: it is not exported again.
            self.delete_job("demo-export-0")
            time.sleep(0.5)
            self.assertIsNone(self.job("demo-export-0"))
            self.finish_job("demo-export-1")
            self.wait_for_phase("Ready")

    def test_a_failed_export_is_an_error(self):
        with self.operator():
            self.create(with_exporters(1))
            self.wait_for_job()
            self.finish_job()
            self.wait_for_job("demo-export-0")
            self.finish_job("demo-export-0", failed="BackoffLimitExceeded")
            status = self.wait_for_phase("Error")
            self.assertIn("export job demo-export-0 failed: BackoffLimitExceeded", status["message"])

    def test_a_missing_secret_is_waited_for(self):
        spec = dict(ISO, image={"ref": "quay.io/kairos/stub:v9",
                                "imageCredentialsSecretRef": {"name": "regcreds"}})
        with self.operator():
            self.create(spec)
            reason = self.wait_for_reason("Ready", "SecretMissing")
            self.assertIn(f"no Secret regcreds in namespace {self.space}", reason["message"])
            self.assertEqual(self.status()["phase"], "Pending")
            self.assertIsNone(self.job())
            # One of that name in another namespace is not ours.
            self.api.must("POST", "/api/v1/namespaces/default/secrets",
                          {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "regcreds"}})
            time.sleep(1)
            self.assertIsNone(self.job())
            self.make_secret("regcreds", {".dockerconfigjson": "{}"})
            job = self.wait_for_job()
            pod = job["spec"]["template"]["spec"]
            self.assertEqual(pod["imagePullSecrets"], [{"name": "regcreds"}])
            self.wait_for_phase("Building")

    def test_a_changed_spec_is_built_again(self):
        with self.operator():
            self.create(ISO)
            old = self.wait_for_job()["metadata"]["uid"]
            self.finish_job()
            self.wait_for_phase("Ready")
            self.api.merge(self.artifact_path("demo"), {"spec": {"artifacts": {"gceImage": True}}})
            self.wait_for_another_job(old)
            self.wait_for_phase("Building")
            self.finish_job()
            status = self.wait_for_phase("Ready")
            self.assertEqual(status["observedGeneration"], 2)

    def test_new_exporters_export_again_and_build_nothing(self):
        with self.operator():
            self.create(ISO)
            built = self.wait_for_job()["metadata"]["uid"]
            self.finish_job()
            self.wait_for_phase("Ready")
            self.api.merge(self.artifact_path("demo"), {"spec": {"exporters": [EXPORTER]}})
            self.wait_for_job("demo-export-0")
            self.assertEqual(self.job()["metadata"]["uid"], built)
            self.finish_job("demo-export-0")
            self.wait_for_phase("Ready")

    def test_an_invalid_spec_is_an_error_that_says_so(self):
        with self.operator():
            self.create(dict(ISO, artifacts={"cloudImage": True, "diskSize": "16G"}))
            status = self.wait_for_phase("Error")
            self.assertIn("spec.artifacts.diskSize", status["message"])
            self.assertEqual(self.condition("Ready")["reason"], "InvalidSpec")
            self.assertIsNone(self.job())
            self.api.merge(self.artifact_path("demo"),
                           {"spec": {"artifacts": {"diskSize": "16384"}}})
            self.wait_for_phase("Building")

    def test_what_the_api_server_refuses_is_an_error(self):
        importer = {"name": "i", "image": "busybox",
                    "volumeMounts": [{"name": "nowhere", "mountPath": "/x"}]}
        with self.operator():
            self.create(dict(ISO, importers=[importer]))
            status = self.wait_for_phase("Error")
            self.assertEqual(self.condition("Ready")["reason"], "Refused")
            self.assertIn("nowhere", status["message"])

    def test_a_claim_that_cannot_be_is_an_error(self):
        with self.operator():
            self.create(dict(ISO, volume={"accessModes": ["Sometimes"]}))
            status = self.wait_for_phase("Error")
            self.assertIn("accessModes", status["message"])

    def test_a_quota_is_told_and_waited_for(self):
        quotas = f"/api/v1/namespaces/{self.space}/resourcequotas"
        self.api.must("POST", quotas, {
            "apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none"},
            "spec": {"hard": {"count/jobs.batch": "0"}}})
        # What the quota controller would write.
        self.api.merge(quotas + "/none/status", {"status": {
            "hard": {"count/jobs.batch": "0"}, "used": {"count/jobs.batch": "0"}}})
        time.sleep(1)  # Until the API server's own watch has it.
        with self.operator():
            self.create(ISO)
            reason = self.wait_for_reason("Ready", "NotAllowed")
            self.assertIn("quota", reason["message"])
            self.assertEqual(self.status()["phase"], "Pending")
            self.api.must("DELETE", quotas + "/none")
            self.wait_for_phase("Building", seconds=120)

    def test_pods_that_pod_security_refuses_are_told(self):
        space = f"/api/v1/namespaces/{self.space}"
        enforce = "pod-security.kubernetes.io/enforce"
        self.api.merge(space, {"metadata": {"labels": {enforce: "restricted"}}})
        with self.operator():
            self.create(ISO)
            self.wait_for_job()
            reason = self.wait_for_reason("Ready", "PodRefused")
            self.assertIn('violates PodSecurity "restricted:latest"', reason["message"])
            self.api.merge(space, {"metadata": {"labels": {enforce: "baseline"}}})
            self.wait_for_reason("Ready", "Starting")
            self.finish_job()
            self.wait_for_phase("Ready")

    def test_what_kairos_operator_left_goes_on(self):
        self.create(ISO, "finished")
        self.api.merge(self.artifact_path("finished"), {"metadata": {
            "finalizers": ["build.kairos.io/osbuilder-finalizer", "example.com/kept"]}})
        self.api.merge(self.artifact_path("finished") + "/status", {"status": {"phase": "Ready"}})
        with self.operator():
            wait_for(lambda: self.artifact("finished")["metadata"]["finalizers"] ==
                     ["example.com/kept"], "the finalizer to go")
            time.sleep(0.5)
            self.assertIsNone(self.job("finished-build"), "what is finished is not built again")

    def test_a_job_of_an_earlier_object_of_that_name_goes_first(self):
        with self.operator():
            self.create(ISO)
            old = self.wait_for_job()
            # There is no garbage collector here: the Job of the deleted object stays.
            self.api.must("DELETE", self.artifact_path("demo"))
            self.create(ISO)
            self.wait_for_reason("Built", "Replacing")
            self.delete_job()
            self.wait_for_another_job(old["metadata"]["uid"])


class RobustnessTest(ClusterCase):
    def test_a_kill_at_any_point_is_made_up_for(self):
        operator = self.operator()
        try:
            self.create(with_exporters(1))
            steps = [lambda: None,
                     lambda: self.wait_for_job() and self.finish_job(),
                     lambda: self.wait_for_job("demo-export-0")
                     and self.finish_job("demo-export-0")]
            for step in steps:
                operator.kill()
                operator.start()
                step()
            self.wait_for_phase("Ready")
            jobs = self.api.must("GET", f"/apis/batch/v1/namespaces/{self.space}/jobs")["items"]
            self.assertEqual(len(jobs), 2)
        finally:
            operator.kill()

    def test_what_happened_while_it_was_away_is_seen(self):
        with self.operator() as operator:
            self.create(ISO)
            self.wait_for_job()
            operator.kill()
            self.finish_job()
            self.create(ISO, "second")
            operator.start()
            self.wait_for_phase("Ready")
            self.wait_for_phase("Building", "second")

    def test_the_api_server_restarts(self):
        with self.operator() as operator:
            self.create(ISO)
            self.wait_for_job()
            self.api.stop_api()
            time.sleep(3)
            self.assertIsNone(operator.process.poll(), "it waits for the server to come back")
            self.api.start_api()
            self.finish_job()
            self.wait_for_phase("Ready")

    def test_a_watch_that_is_too_old_is_listed_anew(self):
        with self.operator() as operator:
            self.create(ISO)
            self.wait_for_job()
            operator.process.send_signal(signal.SIGSTOP)
            self.api.stop_api()
            self.api.start_api()
            self.finish_job()
            for i in range(20):
                self.create(ISO, f"more-{i}")
            self.api.compact()
            self.api.stop_api()
            self.api.start_api()  # Its watch cache begins after all of that.
            operator.process.send_signal(signal.SIGCONT)
            self.wait_for_phase("Ready", seconds=120)
            self.wait_for_phase("Building", "more-19")
            relists = [value for name, value in operator.metrics().items()
                       if name.startswith("osartifact_relists_total")]
            self.assertGreater(sum(relists), 0, operator.log())

    def test_others_that_write_all_the_time_do_not_stop_it(self):
        with self.operator():
            self.create(ISO)
            ended = threading.Event()

            def write_labels():
                count = 0
                while not ended.is_set():
                    count += 1
                    self.api.merge(self.artifact_path("demo"),
                                   {"metadata": {"labels": {"count": str(count)}}})
                    self.api.merge(self.artifact_path("demo") + "/status",
                                   {"status": {"phase": "Nonsense"}})

            writer = threading.Thread(target=write_labels)
            writer.start()
            self.wait_for_job()
            self.finish_job()
            time.sleep(1)
            ended.set()
            writer.join()
            self.wait_for_phase("Ready")

    def test_sigterm_is_a_clean_end(self):
        with self.operator(*LEADER) as operator:
            self.create(ISO)
            self.wait_for_job()
            self.assertEqual(operator.stop(), 0, operator.log())
            lease = self.lease()
            self.assertEqual(lease["spec"].get("holderIdentity", ""), "")

    def lease(self):
        return self.api.find("/apis/coordination.k8s.io/v1/namespaces/osartifact-system/leases/"
                             "osartifact-operator")

    def test_two_replicas_have_one_leader(self):
        with self.operator(*LEADER, name="first") as first, \
                self.operator(*LEADER, name="second") as second:
            def leaders():
                return [one for one in (first, second)
                        if one.process.poll() is None
                        and one.metrics().get("osartifact_leader") == 1]

            leader = wait_for(leaders, "a leader")[0]
            other = second if leader is first else first
            self.assertEqual(other.get("/readyz")[0], 200)
            self.create(ISO)
            self.wait_for_job()
            self.assertEqual(len(leaders()), 1)

            leader.kill()
            began = time.monotonic()
            wait_for(lambda: leaders() == [other], "the other to lead", 60)
            print(f"took over {time.monotonic() - began:.1f} s after a kill", file=sys.stderr)
            self.finish_job()
            self.wait_for_phase("Ready")

            leader.start()
            time.sleep(3)
            self.assertEqual(leaders(), [other])
            other.stop()
            began = time.monotonic()
            wait_for(lambda: leaders() == [leader], "the first to lead again", 60)
            print(f"took over {time.monotonic() - began:.1f} s after a SIGTERM", file=sys.stderr)


class ManyTest(ClusterCase):
    COUNT = 500

    def test_five_hundred_at_once(self):
        with self.operator() as operator:
            wait_for(lambda: operator.get("/readyz")[0] == 200, "the operator")
            body = {"apiVersion": "build.kairos.io/v1alpha2", "kind": "OSArtifact", "spec": ISO}
            path = ARTIFACTS.format(self.space)
            began = time.monotonic()
            for i in range(self.COUNT):
                self.api.must("POST", path, dict(body, metadata={"name": f"demo-{i}"}))
            created = time.monotonic()
            done = set()
            jobs = f"/apis/batch/v1/namespaces/{self.space}/jobs"

            def finish_new_jobs():
                for job in self.api.must("GET", jobs)["items"]:
                    name = job["metadata"]["name"]
                    if name not in done:
                        self.finish_job(name)
                        done.add(name)
                return len(done) == self.COUNT

            def all_ready():
                return all(item.get("status", {}).get("phase") == "Ready"
                           for item in self.api.must("GET", path)["items"])

            wait_for(finish_new_jobs, "all Jobs", 300)
            finished = time.monotonic()
            wait_for(all_ready, "all to be ready", 300)
            settled = time.monotonic()
            metrics = operator.metrics()
            requests = sum(value for name, value in metrics.items()
                           if name.startswith("osartifact_api_requests_total"))
            memory = metrics["process_resident_memory_bytes"] / (1 << 20)
            print(f"{self.COUNT} OSArtifacts: created in {created - began:.1f} s, Jobs finished "
                  f"after {finished - began:.1f} s, all Ready {settled - finished:.1f} s later; "
                  f"{requests / self.COUNT:.1f} requests each, {memory:.1f} MiB, "
                  f"{metrics['process_cpu_seconds_total']:.1f} s of processor", file=sys.stderr)
            self.assertLess(memory, 47, "kairos-operator takes that much with one")
            self.assertLess(requests / self.COUNT, 20)


if __name__ == "__main__":
    main(sys.argv)
