// SPDX-License-Identifier: Apache-2.0
#include "base/confinement.hpp"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <string_view>

// Everything here runs between fork and exec, or in the keeper that never execs, of a process with
// threads: no memory is taken, no lock, only system calls.

namespace base {
namespace {

constexpr int kExitStatusOfSignals = 128;
constexpr int kFailed = 125;      // Of a keeper that lost its program; never seen.
constexpr int kGraceSeconds = 4;  // Less than whoever stops us waits before SIGKILL.
constexpr int kGiveUpSeconds = 10;
constexpr int kLastCapability = 63;

sigset_t every_signal() {
  sigset_t all;
  ::sigfillset(&all);
  return all;
}

/// Ends as the program did.
[[noreturn]] void end_like(int status) {
  if (WIFSIGNALED(status)) {
    const int signal = WTERMSIG(status);
    ::signal(signal, SIG_DFL);
    sigset_t one;
    ::sigemptyset(&one);
    ::sigaddset(&one, signal);
    ::sigprocmask(SIG_UNBLOCK, &one, nullptr);
    ::kill(::getpid(), signal);
    ::_exit(kExitStatusOfSignals + signal);
  }
  ::_exit(WIFEXITED(status) ? WEXITSTATUS(status) : kFailed);
}

/// The parent of a process, from /proc/PID/stat; 0 when it is gone.
pid_t parent_of(const char* pid, int proc) {
  std::array<char, 32> path{};
  const auto length = ::strnlen(pid, path.size());
  constexpr std::string_view kFile = "/stat";
  if (length + kFile.size() >= path.size()) return 0;
  std::memcpy(path.data(), pid, length);
  std::memcpy(path.data() + length, kFile.data(), kFile.size());
  const int fd = ::openat(proc, path.data(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  std::array<char, 512> text{};
  const auto count = ::read(fd, text.data(), text.size() - 1);
  ::close(fd);
  if (count <= 0) return 0;
  // "PID (any name) S PPID ...": the name may hold anything, so from its last bracket on.
  const char* cursor = ::strrchr(text.data(), ')');
  if (cursor == nullptr || std::strlen(cursor) < 4) return 0;
  pid_t parent = 0;
  for (cursor += 4; *cursor >= '0' && *cursor <= '9'; ++cursor)
    parent = parent * 10 + *cursor - '0';
  return parent;
}

pid_t number(const char* name) {
  pid_t value = 0;
  for (; *name >= '0' && *name <= '9'; ++name) value = value * 10 + *name - '0';
  return *name == '\0' ? value : 0;
}

struct DirectoryEntry {  // As getdents64(2) writes them.
  std::uint64_t inode;
  std::int64_t offset;
  std::uint16_t length;
  std::uint8_t type;
  char name[1];
};

/// SIGKILL to every child of ours, those we adopted too.
void kill_children() {
  const int proc = ::open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (proc < 0) return;
  const auto self = ::getpid();
  alignas(DirectoryEntry) std::array<char, 8192> buffer{};
  for (;;) {
    const auto count = ::syscall(SYS_getdents64, proc, buffer.data(), buffer.size());
    if (count <= 0) break;
    for (long at = 0; at < count;) {
      const auto* entry = reinterpret_cast<const DirectoryEntry*>(buffer.data() + at);
      at += entry->length;
      const char* name = buffer.data() + (at - entry->length) + offsetof(DirectoryEntry, name);
      const auto pid = number(name);
      if (pid > 0 && parent_of(name, proc) == self) ::kill(pid, SIGKILL);
    }
  }
  ::close(proc);
}

time_t seconds_now() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec;
}

/// Waits until the program ended; forwards SIGTERM to its group, and loses patience with it.
int wait_for(pid_t program) {
  const auto all = every_signal();
  time_t deadline = 0;
  for (;;) {
    int status = 0;
    pid_t ended = 0;
    while ((ended = ::waitpid(-1, &status, WNOHANG)) > 0) {
      if (ended == program) return status;
    }
    constexpr timespec kASecond{.tv_sec = 1, .tv_nsec = 0};
    siginfo_t info{};
    const int signal = ::sigtimedwait(&all, &info, &kASecond);
    if (signal == SIGHUP || (deadline != 0 && seconds_now() >= deadline)) {
      ::kill(-program, SIGKILL);  // SIGHUP: whoever started us is dead.
      ::kill(program, SIGKILL);
    } else if (signal == SIGTERM || signal == SIGINT) {
      ::kill(-program, SIGTERM);
      if (deadline == 0) deadline = seconds_now() + kGraceSeconds;
    }
  }
}

void kill_leftovers() {
  const auto all = every_signal();
  const auto deadline = seconds_now() + kGiveUpSeconds;
  while (seconds_now() < deadline) {
    const auto ended = ::waitpid(-1, nullptr, WNOHANG);
    if (ended > 0) continue;
    if (ended < 0 && errno == ECHILD) return;
    kill_children();
    constexpr timespec kAWhile{.tv_sec = 0, .tv_nsec = 20'000'000};
    siginfo_t info{};
    ::sigtimedwait(&all, &info, &kAWhile);
  }
}

[[noreturn]] void keep(const Confinement& confinement, pid_t program) {
  ::close_range(0, ~0U, 0);  // An end of a pipe held here would never be seen closed.
  if (confinement.kind == Confinement::Kind::kChroot) {
    const int status = wait_for(program);
    kill_leftovers();
    end_like(status);
  }
  int status = 0;
  while (::waitpid(program, &status, 0) < 0) {
    if (errno != EINTR) ::_exit(kFailed);
  }
  end_like(status);
}

int prepare_namespaces(const Confinement& confinement) {
  if (::unshare(CLONE_NEWPID | CLONE_NEWNS) != 0 ||
      ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
    return errno;
  }
  for (const auto& at : confinement.read_only) {
    constexpr unsigned long kFlags =
        MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC;
    if (::mount(nullptr, at.c_str(), nullptr, kFlags, nullptr) != 0) return errno;
  }
  for (const auto& at : confinement.hidden) {
    if (::mount("tmpfs", at.c_str(), "tmpfs", MS_RDONLY, "mode=755") != 0) return errno;
  }
  return 0;
}

/// What no program started from here can gain. Needs CAP_SETPCAP; without it no_new_privileges does
/// the same.
void bound_capabilities(std::uint64_t kept) {
  for (int capability = 0; capability <= kLastCapability; ++capability) {
    if ((kept >> capability & 1U) == 0) ::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
  }
}

int drop_capabilities(std::uint64_t kept) {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  std::array<__user_cap_data_struct, 2> sets{};
  if (::syscall(SYS_capget, &header, sets.data()) != 0) return errno;
  for (std::size_t half = 0; half < sets.size(); ++half) {
    const auto mask = static_cast<std::uint32_t>(kept >> (32 * half));
    sets[half].permitted &= mask;
    sets[half].effective = sets[half].permitted;
    sets[half].inheritable = 0;
  }
  return ::syscall(SYS_capset, &header, sets.data()) == 0 ? 0 : errno;
}

int enter_root(const Confinement& confinement) {
  ::umask(S_IWGRP | S_IWOTH);
  if (::chroot(confinement.root.c_str()) != 0 ||
      ::chdir(confinement.working_directory.c_str()) != 0) {
    return errno;
  }
  if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0 && errno != EINVAL) {
    return errno;
  }
  bound_capabilities(confinement.capabilities);
  // The groups and the user by system calls of this thread: glibc's own would ask all threads.
  if (::syscall(SYS_setgroups, confinement.groups.size(), confinement.groups.data()) != 0 ||
      ::syscall(SYS_setresgid, confinement.group, confinement.group, confinement.group) != 0) {
    return errno;
  }
  if (confinement.user != 0 &&
      ::syscall(SYS_setresuid, confinement.user, confinement.user, confinement.user) != 0) {
    return errno;
  }
  if (confinement.no_new_privileges && ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return errno;
  return confinement.user == 0 ? drop_capabilities(confinement.capabilities) : 0;
}

int become_program(const Confinement& confinement, pid_t keeper) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  if (confinement.kind == Confinement::Kind::kNamespaces) {
    constexpr unsigned long kFlags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
    return ::mount("proc", "/proc", "proc", kFlags, nullptr) == 0 ? 0 : errno;
  }
  if (::getppid() != keeper) return ESRCH;
  ::setpgid(0, 0);
  const int error = enter_root(confinement);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // Changing the user cleared it.
  return error;
}

}  // namespace

int enter(const Confinement& confinement) noexcept {
  const auto all = every_signal();
  ::sigprocmask(SIG_SETMASK, &all, nullptr);
  if (confinement.kind == Confinement::Kind::kNamespaces) {
    if (const int error = prepare_namespaces(confinement); error != 0) return error;
  } else {
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
    ::prctl(PR_SET_PDEATHSIG, SIGHUP);  // The keeper has work to do when we die.
  }
  const auto keeper = ::getpid();
  const auto program = ::_Fork();
  if (program < 0) return errno;
  if (program > 0) keep(confinement, program);
  return become_program(confinement, keeper);
}

}  // namespace base
