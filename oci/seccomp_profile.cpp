// SPDX-License-Identifier: Apache-2.0
#include "oci/seccomp_profile.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <string_view>

namespace oci {
namespace {

constexpr std::string_view kAlways =
    "_llseek _newselect accept accept4 access adjtimex alarm arch_prctl arm_fadvise64_64 "
    "arm_sync_file_range bind breakpoint brk cacheflush capget capset chdir chmod chown "
    "chown32 clock_adjtime clock_adjtime64 clock_getres clock_getres_time64 clock_gettime "
    "clock_gettime64 clock_nanosleep clock_nanosleep_time64 close close_range connect "
    "copy_file_range creat dup dup2 dup3 epoll_create epoll_create1 epoll_ctl epoll_ctl_old "
    "epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old eventfd eventfd2 execve execveat "
    "exit exit_group faccessat faccessat2 fadvise64 fadvise64_64 fallocate fanotify_mark "
    "fchdir fchmod fchmodat fchmodat2 fchown fchown32 fchownat fcntl fcntl64 fdatasync "
    "fgetxattr flistxattr flock fork fremovexattr fsetxattr fstat fstat64 fstatat64 fstatfs "
    "fstatfs64 fsync ftruncate ftruncate64 futex futex_time64 futex_waitv futimesat "
    "get_robust_list get_thread_area getcpu getcwd getdents getdents64 getegid getegid32 "
    "geteuid geteuid32 getgid getgid32 getgroups getgroups32 getitimer getpeername getpgid "
    "getpgrp getpid getppid getpriority getrandom getresgid getresgid32 getresuid "
    "getresuid32 getrlimit getrusage getsid getsockname getsockopt gettid gettimeofday "
    "getuid getuid32 getxattr inotify_add_watch inotify_init inotify_init1 inotify_rm_watch "
    "io_cancel io_destroy io_getevents io_pgetevents io_pgetevents_time64 io_setup io_submit "
    "ioctl ioprio_get ioprio_set ipc kill landlock_add_rule landlock_create_ruleset "
    "landlock_restrict_self lchown lchown32 lgetxattr link linkat listen listxattr "
    "llistxattr lremovexattr lseek lsetxattr lstat lstat64 madvise membarrier memfd_create "
    "memfd_secret mincore mkdir mkdirat mknod mknodat mlock mlock2 mlockall mmap mmap2 "
    "modify_ldt mprotect mq_getsetattr mq_notify mq_open mq_timedreceive "
    "mq_timedreceive_time64 mq_timedsend mq_timedsend_time64 mq_unlink mremap msgctl msgget "
    "msgrcv msgsnd msync munlock munlockall munmap name_to_handle_at nanosleep newfstatat "
    "open openat openat2 pause pidfd_open pidfd_send_signal pipe pipe2 pkey_alloc pkey_free "
    "pkey_mprotect poll ppoll ppoll_time64 prctl pread64 preadv preadv2 prlimit64 "
    "process_mrelease process_vm_readv process_vm_writev pselect6 pselect6_time64 ptrace "
    "pwrite64 pwritev pwritev2 read readahead readlink readlinkat readv recv recvfrom "
    "recvmmsg recvmmsg_time64 recvmsg remap_file_pages removexattr rename renameat renameat2 "
    "restart_syscall rmdir rseq rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo "
    "rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_sigtimedwait_time64 rt_tgsigqueueinfo "
    "sched_get_priority_max sched_get_priority_min sched_getaffinity sched_getattr "
    "sched_getparam sched_getscheduler sched_rr_get_interval sched_rr_get_interval_time64 "
    "sched_setaffinity sched_setattr sched_setparam sched_setscheduler sched_yield seccomp "
    "select semctl semget semop semtimedop semtimedop_time64 send sendfile sendfile64 "
    "sendmmsg sendmsg sendto set_robust_list set_thread_area set_tid_address set_tls "
    "setfsgid setfsgid32 setfsuid setfsuid32 setgid setgid32 setgroups setgroups32 setitimer "
    "setpgid setpriority setregid setregid32 setresgid setresgid32 setresuid setresuid32 "
    "setreuid setreuid32 setrlimit setsid setsockopt setuid setuid32 setxattr shmat shmctl "
    "shmdt shmget shutdown sigaltstack signalfd signalfd4 sigprocmask sigreturn socketpair "
    "splice stat stat64 statfs statfs64 statx symlink symlinkat sync sync_file_range "
    "sync_file_range2 syncfs sysinfo tee tgkill time timer_create timer_delete "
    "timer_getoverrun timer_gettime timer_gettime64 timer_settime timer_settime64 "
    "timerfd_create timerfd_gettime timerfd_gettime64 timerfd_settime timerfd_settime64 "
    "times tkill truncate truncate64 ugetrlimit umask uname unlink unlinkat utime utimensat "
    "utimensat_time64 utimes vfork vmsplice wait4 waitid waitpid write writev";

struct Opened {
  std::string_view capability;
  std::string_view calls;
};

constexpr Opened kByCapability[] = {
    {"CAP_BPF", "bpf"},
    {"CAP_DAC_READ_SEARCH", "open_by_handle_at"},
    {"CAP_PERFMON", "perf_event_open"},
    {"CAP_SYSLOG", "syslog"},
    {"CAP_SYS_ADMIN",
     "bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie mount "
     "mount_setattr move_mount open_tree perf_event_open quotactl quotactl_fd setdomainname "
     "sethostname setns syslog umount umount2 unshare"},
    {"CAP_SYS_BOOT", "reboot"},
    {"CAP_SYS_CHROOT", "chroot"},
    {"CAP_SYS_MODULE", "delete_module init_module finit_module"},
    {"CAP_SYS_NICE", "get_mempolicy mbind set_mempolicy set_mempolicy_home_node"},
    {"CAP_SYS_PACCT", "acct"},
    {"CAP_SYS_PTRACE", "kcmp pidfd_getfd process_madvise"},
    {"CAP_SYS_RAWIO", "iopl ioperm"},
    {"CAP_SYS_TIME", "settimeofday stime clock_settime clock_settime64"},
    {"CAP_SYS_TTY_CONFIG", "vhangup"},
};

/// Ordinary programs, and emulations of other systems. Source: linux/personality.h.
constexpr std::uint64_t kPersonalities[] = {0, 8, 0x20000, 0x20008, 0xffffffff};
/// Every CLONE_NEW...: namespaces are not made inside. Source: linux/sched.h.
constexpr std::uint64_t kNamespaceFlags = 0x7e020000;
/// AF_VSOCK would talk to the hypervisor. Source: linux/socket.h.
constexpr std::uint64_t kVsock = 40;

nlohmann::json split(std::string_view calls) {
  nlohmann::json names = nlohmann::json::array();
  while (!calls.empty()) {
    const auto blank = calls.find(' ');
    if (blank != 0) names.push_back(calls.substr(0, blank));
    calls = blank == std::string_view::npos ? std::string_view() : calls.substr(blank + 1);
  }
  return names;
}

nlohmann::json allow(std::string_view calls) {
  return {{"names", split(calls)}, {"action", "SCMP_ACT_ALLOW"}};
}

nlohmann::json allow_if(std::string_view call, const char* operation, std::uint64_t value,
                        std::uint64_t second_value = 0) {
  auto rule = allow(call);
  rule["args"] = nlohmann::json::array(
      {{{"index", 0}, {"value", value}, {"valueTwo", second_value}, {"op", operation}}});
  return rule;
}

}  // namespace

nlohmann::json seccomp_profile(const std::vector<std::string>& capabilities) {
  nlohmann::json rules = nlohmann::json::array();
  rules.push_back(allow(kAlways));
  rules.push_back(allow_if("socket", "SCMP_CMP_NE", kVsock));
  for (const auto value : kPersonalities) {
    rules.push_back(allow_if("personality", "SCMP_CMP_EQ", value));
  }
  bool namespaces = false;
  for (const auto& [capability, calls] : kByCapability) {
    if (std::find(capabilities.begin(), capabilities.end(), capability) == capabilities.end()) {
      continue;
    }
    rules.push_back(allow(calls));
    namespaces = namespaces || capability == "CAP_SYS_ADMIN";
  }
  if (!namespaces) {
    rules.push_back(allow_if("clone", "SCMP_CMP_MASKED_EQ", kNamespaceFlags, 0));
    rules.push_back({{"names", {"clone3"}}, {"action", "SCMP_ACT_ERRNO"}, {"errnoRet", ENOSYS}});
  }
#if defined(__x86_64__)
  const nlohmann::json architectures = {"SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"};
#else
  const nlohmann::json architectures = {"SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"};
#endif
  return {{"defaultAction", "SCMP_ACT_ERRNO"},
          {"defaultErrnoRet", EPERM},
          {"architectures", architectures},
          {"syscalls", rules}};
}

}  // namespace oci
