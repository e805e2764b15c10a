# SPDX-License-Identifier: Apache-2.0
"""A whole Kubernetes: beside the API server its controllers, the scheduler, containerd and a kubelet.

It lives apart: in namespaces of its own for processes, mounts and network, its root is the machine's with a layer in
memory over it. What a pod writes into "its node" is gone with that, nothing is left running or mounted, and not even a
reboot in there would reach the machine: reboot(2) in a process namespace that is not the first ends that namespace."""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time

import api_server
import test_image
from api_server import NODE, wait_for

PROGRAMS = (*api_server.PROGRAMS, "kube-controller-manager", "kube-scheduler", "kubelet")
TOOLS = ("containerd", "ctr", "runc", "ip", "unshare", "setpriv", "pivot_root")
NETWORK_PLUGINS = pathlib.Path("/usr/lib/cni")
CGROUPS = pathlib.Path("/sys/fs/cgroup")
APART = "OSARTIFACT_TEST_APART"  # The folder of a cluster that this process lives with.

NODE_ADDRESS = "10.77.0.1"
SERVICE_ADDRESS = "10.96.0.1"  # Of the Service `kubernetes`: with the API server there, no proxy is needed.
POD_NETWORK = "10.88.0.0/24"
# What a kubelet sets, for the whole machine.
KERNEL_SETTINGS = ("vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops",
                   "kernel/keys/root_maxkeys", "kernel/keys/root_maxbytes")


def skip_where_impossible():
    missing = [name for name in PROGRAMS if not api_server.find_program(name)]
    missing += [name for name in TOOLS if not shutil.which(name)]
    if not (NETWORK_PLUGINS / "bridge").exists():
        missing.append("containernetworking-plugins")
    if not os.path.exists(test_image.BUSYBOX):
        missing.append("busybox-static")
    reason = f"there is no {', '.join(missing)}" if missing else ""
    if os.getuid() != 0:
        reason = "it needs root"
    elif not reason and not is_allowed():
        reason = "this machine allows no cgroups or namespaces"
    if reason:
        api_server.skip(f"{reason}. Nothing was run by a real kubelet.",
                        "tests/kubernetes/cluster_programs/build.sh builds the programs of Kubernetes; the rest are",
                        "Debian packages: packaging/deps.sh --install kubelet")


def is_allowed():
    try:
        for folder in cgroups("osartifact-probe"):
            folder.mkdir()
            folder.rmdir()
    except OSError:
        return False
    command = ["unshare", "--mount", "--net", "--pid", "--fork", "true"]
    return subprocess.run(command, capture_output=True).returncode == 0


def cgroups(name):
    """The folder of that name in every hierarchy: one, or one for each controller of old."""
    if (CGROUPS / "cgroup.controllers").exists():
        return [CGROUPS / name]
    return [folder / name for folder in CGROUPS.iterdir() if folder.is_dir() and not folder.is_symlink()]


def is_apart():
    return APART in os.environ


def run_apart(prepare):
    """Runs this script again, apart; `prepare` puts into a folder what it takes from this world. Its exit status."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="osartifact-node.", dir="/var/tmp"))
    kept = {name: pathlib.Path("/proc/sys", name).read_text() for name in KERNEL_SETTINGS}
    groups = cgroups(folder.name)
    try:
        (folder / "tmp").mkdir()
        (folder / "over").mkdir()
        prepare(folder)
        for group in groups:
            group.mkdir()
        return subprocess.run(
            ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--net", "--pid", "--fork", "--kill-child",
             "--mount-proc", *sys.orig_argv],
            env={**os.environ, APART: str(folder), "TMPDIR": str(folder / "tmp")}).returncode
    finally:
        for name, value in kept.items():
            pathlib.Path("/proc/sys", name).write_text(value)
        for group in groups:
            remove_cgroups(group)
        subprocess.run(["rm", "-rf", "--one-file-system", folder], check=True)


def remove_cgroups(group):
    until = time.monotonic() + 20  # The kernel takes a moment to forget processes.
    for folder, _, _ in os.walk(group, topdown=False):
        while True:
            try:
                os.rmdir(folder)
                break
            except OSError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.1)


def enter():
    """Makes the place: a network, and the new root. The folder that it gives, of the cluster, is on a disk."""
    assert os.getpid() == 1, "not in a process namespace of its own"
    state = pathlib.Path(os.environ[APART])
    over = state / "over"

    def mount(*arguments):
        subprocess.run(["mount", *map(str, arguments)], check=True)

    mount("-t", "tmpfs", "tmpfs", over)
    for name in ("upper", "work", "root"):
        (over / name).mkdir()
    root = over / "root"
    mount("-t", "overlay", "overlay", "-o", f"lowerdir=/,upperdir={over}/upper,workdir={over}/work", root)
    mount("-t", "proc", "proc", root / "proc")
    mount("-t", "tmpfs", "tmpfs", root / "run")
    for path in ("/dev", "/sys"):
        mount("--rbind", path, root / path[1:])
    # What is on another file system than the root, and needed.
    for path in {state, pathlib.Path(__file__).resolve().parents[2],
                 *(pathlib.Path(api_server.find_program(name)).resolve().parent for name in PROGRAMS)}:
        if path == state or path.stat().st_dev != os.stat("/").st_dev:
            mount("--bind", path, root / str(path)[1:])
    (root / "mnt/machine").mkdir(parents=True)
    os.chdir(root)
    subprocess.run(["pivot_root", ".", "mnt/machine"], check=True)
    os.chdir("/")
    subprocess.run(["umount", "--lazy", "/mnt/machine"], check=True)
    for command in ("link set lo up", "link add node0 type bridge", "link set node0 up",
                    f"address add {NODE_ADDRESS}/32 dev node0", f"address add {SERVICE_ADDRESS}/32 dev node0"):
        subprocess.run(["ip", *command.split()], check=True)
    return state


class Cluster(api_server.ApiServer):
    """After enter(). Ends with this process."""

    def __init__(self, state):
        super().__init__(SERVICE_ADDRESS, 443)
        self.state = state
        self.more_arguments = [f"--kubelet-client-certificate={self.folder}/admin.crt",
                               f"--kubelet-client-key={self.folder}/admin.key",
                               "--kubelet-preferred-address-types=InternalIP"]
        for name in ("containerd", "kubelet", "network", "registries", "volumes"):
            (state / name).mkdir()

    def start(self):
        super().start()
        as_admin = [f"--kubeconfig={self.kubeconfig}", "--leader-elect=false", "--bind-address=127.0.0.1",
                    "--authentication-skip-lookup"]
        self._start("kube-scheduler", as_admin)
        self._start("kube-controller-manager", [
            *as_admin, f"--service-account-private-key-file={self.folder}/accounts.key",
            f"--root-ca-file={self.folder}/ca.crt"])
        self._start_containerd()
        self._start_kubelet()
        wait_for(self._is_node_ready, "the node", 120)

    def _is_node_ready(self):
        node = self.find(f"/api/v1/nodes/{NODE}") or {}
        return any(one["type"] == "Ready" and one["status"] == "True"
                   for one in node.get("status", {}).get("conditions", []))

    def _start_containerd(self):
        (self.state / "network/10-bridge.conflist").write_text(json.dumps({
            "cniVersion": "0.4.0", "name": "pods", "plugins": [
                {"type": "bridge", "bridge": "pods0", "isGateway": True,
                 "ipam": {"type": "host-local", "dataDir": str(self.state / "network"),
                          "ranges": [[{"subnet": POD_NETWORK}]], "routes": [{"dst": "0.0.0.0/0"}]}},
                {"type": "loopback"}]}))
        socket = self.state / "containerd.sock"
        (self.state / "containerd.toml").write_text(f"""
version = 2
root = "{self.state}/containerd/root"
state = "/run/containerd"
[grpc]
  address = "{socket}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/pause:1"
  disable_apparmor = true
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = false
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "{self.state}/registries"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{NETWORK_PLUGINS}"
    conf_dir = "{self.state}/network"
""")
        self._start("containerd", ["--config", self.state / "containerd.toml"])
        self._ctr = ["ctr", "--address", str(socket), "--namespace", "k8s.io"]
        wait_for(lambda: subprocess.run([*self._ctr, "version"], capture_output=True).returncode == 0, "containerd")
        with tempfile.TemporaryDirectory() as folder:
            test_image.write_layout(f"{folder}/pause", [test_image.busybox_layer()], tag="1",
                                    config={"Entrypoint": ["/bin/sleep", "2147483647"]})
            with tarfile.open(f"{folder}/pause.tar", "w") as tar:
                tar.add(f"{folder}/pause", arcname=".")
            self.load_image(f"{folder}/pause.tar", "--base-name", "localhost/pause")

    def _start_kubelet(self):
        settings = self.state / "kubelet.json"
        settings.write_text(json.dumps({
            "apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration",
            "address": NODE_ADDRESS, "healthzBindAddress": "127.0.0.1",
            "authentication": {"anonymous": {"enabled": False}, "webhook": {"enabled": False},
                               "x509": {"clientCAFile": f"{self.folder}/ca.crt"}},
            "authorization": {"mode": "AlwaysAllow"},
            "containerRuntimeEndpoint": f"unix://{self.state}/containerd.sock",
            "cgroupDriver": "cgroupfs", "cgroupRoot": "/" + self.state.name, "failCgroupV1": False,
            "failSwapOn": False, "makeIPTablesUtilChains": False, "resolvConf": "",
            # A test is not to fail because a disk is nearly full.
            "evictionHard": {name: "0%" for name in ("memory.available", "nodefs.available", "nodefs.inodesFree",
                                                     "imagefs.available", "imagefs.inodesFree")},
            "imageGCHighThresholdPercent": 100, "imageGCLowThresholdPercent": 99,
            "podLogsDir": f"{self.state}/logs", "volumePluginDir": f"{self.state}/kubelet/plugins"}))
        self._start("kubelet", [
            f"--config={settings}", f"--kubeconfig={self.node_kubeconfig}", f"--root-dir={self.state}/kubelet",
            f"--hostname-override={NODE}", f"--node-ip={NODE_ADDRESS}", f"--cert-dir={self.folder}"])

    def load_image(self, archive, *arguments):
        """An image that is on the node from the start, and needs no pull."""
        subprocess.run([*self._ctr, "images", "import", *arguments, archive], check=True, capture_output=True)

    def trust(self, host, ca):
        """The node trusts what the registry shows, as its owner would set it up."""
        folder = self.state / "registries" / host
        folder.mkdir(parents=True)
        (folder / "hosts.toml").write_text(f'server = "https://{host}"\n[host."https://{host}"]\n  ca = "{ca}"\n')

    def add_volume(self, name):
        """A PersistentVolume that a claim of any namespace may have; gives its folder."""
        folder = self.state / "volumes" / name
        folder.mkdir()
        self.must("POST", "/api/v1/persistentvolumes", {
            "apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name},
            "spec": {"capacity": {"storage": "10Gi"}, "accessModes": ["ReadWriteOnce"],
                     "hostPath": {"path": str(folder)}}})
        return folder
