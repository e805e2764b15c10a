# SPDX-License-Identifier: Apache-2.0
"""A real Kubernetes API server (etcd and kube-apiserver) on loopback, without nodes.

The programs etcd, kube-apiserver and kubectl are looked for on PATH, in $OSARTIFACT_K8S_BIN and in
~/.cache/osartifact-k8s/bin. Nothing else runs: what a Job controller, a kubelet or the garbage
collector would do is done by the test that needs it.
"""
import base64
import http.client
import json
import os
import pathlib
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time

SKIPPED = 77
PROGRAMS = ("etcd", "kube-apiserver", "kubectl")
NODE = "node"  # The kubelet's, where there is one.


def find_program(name):
    places = [os.environ.get("PATH", ""), os.environ.get("OSARTIFACT_K8S_BIN", ""),
              str(pathlib.Path.home() / ".cache/osartifact-k8s/bin")]
    return shutil.which(name, path=os.pathsep.join(place for place in places if place))


def skip(*lines):
    print("*" * 80)
    print("SKIPPED:", *lines, sep="\n")
    print("*" * 80)
    sys.exit(SKIPPED)


def skip_where_missing():
    missing = [name for name in PROGRAMS if not find_program(name)]
    if missing:
        skip(f"there is no {', '.join(missing)}. Nothing of the operator was tested against a",
             "real API server. Put the programs on PATH or into $OSARTIFACT_K8S_BIN.")


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def wait_for(condition, what, seconds=60):
    """What `condition` gives once that is true; AssertionError when it never is."""
    until = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > until:
            raise AssertionError(f"waited {seconds} s for {what}")
        time.sleep(0.05)


class ApiServer:
    # Pods name no account here, and nobody makes the default ones.
    more_arguments = ["--disable-admission-plugins=ServiceAccount"]

    def __init__(self, address="127.0.0.1", port=None):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="osartifact-api."))
        self.address = address
        self.etcd_port, self.peer_port, free_port = free_ports(3)
        self.port = port or free_port
        self.processes = {}
        self._make_keys()

    # The processes.

    def start(self):
        self._start("etcd", [
            "--data-dir", self.folder / "etcd", "--unsafe-no-fsync", "--log-level=error",
            "--listen-client-urls", f"http://127.0.0.1:{self.etcd_port}",
            "--advertise-client-urls", f"http://127.0.0.1:{self.etcd_port}",
            "--listen-peer-urls", f"http://127.0.0.1:{self.peer_port}",
            "--initial-advertise-peer-urls", f"http://127.0.0.1:{self.peer_port}",
            "--initial-cluster", f"default=http://127.0.0.1:{self.peer_port}"])
        wait_for(lambda: self._etcd("/health", None), "etcd", 60)
        self.start_api()

    def start_api(self):
        keys = self.folder
        self._start("kube-apiserver", [
            f"--etcd-servers=http://127.0.0.1:{self.etcd_port}",
            f"--bind-address={self.address}", f"--secure-port={self.port}",
            "--advertise-address=192.0.2.1", "--endpoint-reconciler-type=none",
            f"--tls-cert-file={keys}/server.crt", f"--tls-private-key-file={keys}/server.key",
            f"--client-ca-file={keys}/ca.crt",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={keys}/accounts.key",
            f"--service-account-signing-key-file={keys}/accounts.key",
            "--service-cluster-ip-range=10.96.0.0/16", "--authorization-mode=Node,RBAC",
            "--allow-privileged=true",  # The Jobs of NodeOps are.
            *self.more_arguments])
        wait_for(self._is_ready, "the API server", 120)

    def _is_ready(self):
        if self.processes["kube-apiserver"].poll() is not None:
            raise AssertionError("kube-apiserver ended: see " + str(self.folder))
        try:
            return self.request("GET", "/readyz", raw=True)[0] == 200
        except OSError:
            return False

    def stop_api(self):
        self._stop("kube-apiserver")

    def stop(self):
        for name in list(self.processes):
            self._stop(name)
        shutil.rmtree(self.folder, ignore_errors=True)

    def compact(self):
        """Forgets every revision but the last, as etcd does after a while."""
        answer = self._etcd("/v3/kv/range", {"key": base64.b64encode(b"/").decode()})
        revision = answer["header"]["revision"]
        self._etcd("/v3/kv/compaction", {"revision": revision, "physical": True})

    def _start(self, name, arguments):
        log = open(self.folder / f"{name}.log", "ab")
        program = find_program(name)
        self.processes[name] = subprocess.Popen([program, *map(str, arguments)], stdout=log,
                                                stderr=log, stdin=subprocess.DEVNULL)
        log.close()

    def _stop(self, name):
        process = self.processes.pop(name, None)
        if process is None:
            return
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _etcd(self, path, body):
        connection = http.client.HTTPConnection("127.0.0.1", self.etcd_port, timeout=10)
        try:
            text = None if body is None else json.dumps(body)
            connection.request("GET" if body is None else "POST", path, text)
            return json.loads(connection.getresponse().read() or b"{}")
        except OSError:
            return None
        finally:
            connection.close()

    # Keys and accounts.

    def _openssl(self, *arguments):
        subprocess.run(["openssl", *map(str, arguments)], check=True, cwd=self.folder,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def _make_keys(self):
        curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        self._openssl("req", "-x509", *curve, "-keyout", "ca.key", "-out", "ca.crt", "-days", 30,
                      "-subj", "/CN=test-ca")
        for name, subject, extension in (
                ("server", "/CN=kube-apiserver", f"subjectAltName=IP:{self.address}"),
                ("node", f"/O=system:nodes/CN=system:node:{NODE}", "extendedKeyUsage=clientAuth"),
                ("admin", "/O=system:masters/CN=admin", "extendedKeyUsage=clientAuth")):
            (self.folder / f"{name}.ext").write_text(extension + "\n")
            self._openssl("req", *curve, "-keyout", f"{name}.key", "-out", f"{name}.csr",
                          "-subj", subject)
            self._openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.crt", "-CAkey", "ca.key",
                          "-CAcreateserial", "-days", 30, "-extfile", f"{name}.ext",
                          "-out", f"{name}.crt")
        self._openssl("genrsa", "-out", "accounts.key", 2048)
        self.kubeconfig, self.node_kubeconfig = (self.write_kubeconfig(name, {
            "client-certificate": str(self.folder / f"{name}.crt"),
            "client-key": str(self.folder / f"{name}.key")}) for name in ("admin", "node"))

    def write_kubeconfig(self, name, user):
        path = self.folder / f"{name}.kubeconfig"
        path.write_text(json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "c",
            "clusters": [{"name": "c", "cluster": {
                "server": f"https://{self.address}:{self.port}",
                "certificate-authority": str(self.folder / "ca.crt")}}],
            "users": [{"name": "u", "user": user}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}]}))
        return path

    def token_of(self, namespace, account):
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
                "spec": {"expirationSeconds": 3600}}
        return self.request("POST", path, body)[1]["status"]["token"]

    # Requests.

    def request(self, method, path, body=None, content_type="application/json", token=None,
                raw=False):
        """Status and the decoded answer; as the administrator, or with `token`."""
        context = ssl.create_default_context(cafile=self.folder / "ca.crt")
        headers = {"Content-Type": content_type}
        if token is None:
            context.load_cert_chain(self.folder / "admin.crt", self.folder / "admin.key")
        else:
            headers["Authorization"] = f"Bearer {token}"
        connection = http.client.HTTPSConnection(self.address, self.port, context=context,
                                                 timeout=60)
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            text = answer.read()
            return answer.status, text if raw else json.loads(text or b"{}")
        except http.client.HTTPException as error:
            raise OSError(str(error)) from error
        finally:
            connection.close()

    def must(self, method, path, body=None, content_type="application/json"):
        status, answer = self.request(method, path, body, content_type)
        if status >= 300:
            raise AssertionError(f"{method} {path}: {status} {answer.get('message')}")
        return answer

    def find(self, path):
        status, answer = self.request("GET", path)
        return answer if status == 200 else None

    def merge(self, path, body):
        return self.must("PATCH", path, body, "application/merge-patch+json")

    def kubectl(self, *arguments, text=None):
        return subprocess.run([find_program("kubectl"), "--kubeconfig", str(self.kubeconfig),
                               *arguments], input=text, text=True, check=True,
                              capture_output=True).stdout
