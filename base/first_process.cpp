// SPDX-License-Identifier: Apache-2.0
#include "base/first_process.hpp"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/resource_limits.hpp"

namespace base {
namespace {

/// All but those that tell of a fault of our own.
sigset_t signals_to_hand_on() {
  sigset_t signals;
  ::sigfillset(&signals);
  for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS}) {
    ::sigdelset(&signals, fault);
  }
  return signals;
}

/// Reaps all children that have ended; true, with its status, when `worker` is among them.
bool reap(pid_t worker, int& worker_status) {
  bool ended = false;
  int status = 0;
  for (pid_t child = 0; (child = ::waitpid(-1, &status, WNOHANG)) > 0;) {
    if (child != worker) continue;
    worker_status = status;
    ended = true;
  }
  return ended;
}

int wait_for(pid_t worker, const sigset_t& signals) {
  int status = 0;
  for (;;) {
    const int number = ::sigwaitinfo(&signals, nullptr);
    if (number == SIGCHLD) {
      if (reap(worker, status)) return status;
    } else if (number > 0) {
      ::kill(worker, number);
    }
  }
}

}  // namespace

void work_below_first_process(const OnKilled& on_killed) {
  if (::getpid() != 1) return;
  const auto signals = signals_to_hand_on();
  sigset_t before;
  ::pthread_sigmask(SIG_BLOCK, &signals, &before);
  const auto kills = memory_kills();
  const pid_t worker = ::fork();
  if (worker <= 0) {
    if (worker == 0) {
      // A terminal's Ctrl-C then reaches the worker alone, once.
      ::setpgid(0, 0);
      if (::isatty(STDIN_FILENO) == 1) ::tcsetpgrp(STDIN_FILENO, ::getpgrp());
    }
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return;  // Also where no process can be made: the work is done without one above it then.
  }
  const int status = wait_for(worker, signals);
  if (!WIFSIGNALED(status)) ::_exit(WEXITSTATUS(status));
  on_killed(WTERMSIG(status), memory_kills() > kills);
  ::_exit(128 + WTERMSIG(status));
}

}  // namespace base
