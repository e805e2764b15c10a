# SPDX-License-Identifier: Apache-2.0
"""A builder pod as a kubelet with containerd runs it, by runc: default capabilities, no new privileges, a root that is
not written to, no devices but the usual ones, no service account, limits of memory and processors, a termination log."""
import json
import os
import pathlib
import subprocess

# What containerd gives a container that asks for nothing (Kubernetes' default).
CAPABILITIES = ("chown dac_override fsetid fowner mknod net_raw setgid setuid setfcap setpcap "
                "net_bind_service sys_chroot kill audit_write").split()
# Source: containerd, pkg/oci/spec.go.
MASKED = ["/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
          "/proc/timer_stats", "/proc/sched_debug", "/sys/firmware", "/sys/devices/virtual/powercap", "/proc/scsi"]
READ_ONLY = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]


class Pod:
    """Its root is `root`, or has the machine's /usr. `writable`: folders it sees, at their own paths, like volumes;
    `readable`: the same, not to be written to. `memory` in MiB; `processors` may be a fraction."""

    def __init__(self, folder, arguments, writable=(), readable=(), memory=None, processors=None, environment=None,
                 root=None, user=0):
        self.folder = pathlib.Path(folder)
        self.name = f"pod-{os.getpid()}-{self.folder.name}"
        self.termination_log = self.folder / "termination-log"
        self.folder.mkdir(parents=True)
        binds = [(path, "rw") for path in writable] + [(path, "ro") for path in readable]
        if root is None:
            root = self.folder / "root"
            root.mkdir()
            for name in ("usr", "etc", "boot", "proc", "sys", "dev", "tmp", "run"):
                (root / name).mkdir()
            for link in ("bin", "sbin", "lib", "lib64"):
                (root / link).symlink_to(f"usr/{link}")
            binds = [(path, "ro") for path in ("/usr", "/etc", "/boot") if os.path.isdir(path)] + binds
        for path, _ in binds:
            (root / str(path).lstrip("/")).mkdir(parents=True, exist_ok=True)
        self.termination_log.write_text("")
        self.configure(arguments, root, user, binds, memory, processors, environment or {})

    def configure(self, arguments, root, user, binds, memory, processors, environment):
        mounts = [{"destination": "/proc", "type": "proc", "source": "proc"},
                  {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"]},
                  {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["ro", "nosuid", "nodev"]},
                  {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": ["ro"]},
                  {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs"}]
        mounts += [{"destination": str(path), "type": "bind", "source": str(path), "options": ["rbind", mode]}
                   for path, mode in binds]
        mounts.append({"destination": "/dev/termination-log", "type": "bind", "source": str(self.termination_log),
                       "options": ["bind", "rw"]})
        resources = {"devices": [{"allow": False, "access": "rwm"}]}
        if memory:
            resources["memory"] = {"limit": memory << 20, "swap": memory << 20}
        if processors:
            resources["cpu"] = {"quota": int(processors * 100000), "period": 100000}
        capabilities = ["CAP_" + name.upper() for name in CAPABILITIES]
        held = ("bounding", "effective", "permitted") if user == 0 else ("bounding",)
        path = "/usr/sbin:/usr/bin:/sbin:/bin"
        (self.folder / "config.json").write_text(json.dumps({
            "ociVersion": "1.0.2", "root": {"path": str(root), "readonly": True},
            "process": {"user": {"uid": user, "gid": user}, "cwd": "/", "noNewPrivileges": True,
                        "env": [f"{name}={value}" for name, value in {"PATH": path, **environment}.items()],
                        "args": [str(argument) for argument in arguments],
                        "capabilities": {kind: capabilities for kind in held}},
            "mounts": mounts,
            "linux": {"cgroupsPath": "/" + self.name, "resources": resources,
                      "namespaces": [{"type": kind} for kind in ("pid", "ipc", "uts", "mount")],
                      "maskedPaths": MASKED, "readonlyPaths": READ_ONLY}}))

    def runc(self, *arguments):
        return ["runc", "--root", self.folder.parent / "runc", *map(str, arguments)]

    def start(self):
        """Starts it; stop it with signal() or wait for it. Standard output and standard error are pipes."""
        return subprocess.Popen(self.runc("run", "--bundle", self.folder, self.name), stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def run(self, timeout=200):
        process = self.start()
        try:
            stdout, stderr = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            self.signal("KILL")
            raise
        return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)

    def signal(self, name):
        """As the kubelet ends a pod: to its first process."""
        subprocess.run(self.runc("kill", self.name, name), check=True, timeout=30)

    def execute(self, *command):
        return subprocess.run(self.runc("exec", self.name, *command), capture_output=True, text=True, timeout=30)

    def processes(self):
        """{pid as the machine sees it: (name, state, parent)} of its first process and all below it, zombies too."""
        result = subprocess.run(self.runc("state", self.name), capture_output=True, text=True, check=True, timeout=30)
        all_processes = {}
        for folder in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                name, _, rest = (folder / "stat").read_text().partition("(")[2].rpartition(")")
            except OSError:
                continue  # It has ended.
            state, parent = rest.split()[:2]
            all_processes[int(folder.name)] = (name, state, int(parent))
        found, pids = {}, [json.loads(result.stdout)["pid"]]
        for pid in pids:
            if pid in all_processes:
                found[pid] = all_processes[pid]
                pids += [child for child, entry in all_processes.items() if entry[2] == pid]
        return found
