// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/interruption.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/error.hpp"

namespace orchestrator {
namespace {

sigset_t handled_signals() {
  sigset_t signals;
  ::sigemptyset(&signals);
  ::sigaddset(&signals, SIGINT);
  ::sigaddset(&signals, SIGTERM);
  return signals;
}

}  // namespace

Interruption::Interruption() {
  const auto signals = handled_signals();
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  // A reader of our output that goes away is an error of the write, not the end of the build.
  ::signal(SIGPIPE, SIG_IGN);
  signals_.reset(::signalfd(-1, &signals, SFD_CLOEXEC));
  ended_.reset(::eventfd(0, EFD_CLOEXEC));
  if (!signals_ || !ended_) base::throw_system_error(errno, "cannot wait for signals");
  waiter_ = std::jthread([this] { wait_for_signals(); });
}

Interruption::~Interruption() {
  ::eventfd_write(ended_.get(), 1);
  waiter_.join();
  const auto signals = handled_signals();
  ::pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
}

void Interruption::wait_for_signals() {
  std::array<pollfd, 2> sources = {{{.fd = signals_.get(), .events = POLLIN, .revents = 0},
                                    {.fd = ended_.get(), .events = POLLIN, .revents = 0}}};
  while (true) {
    if (::poll(sources.data(), sources.size(), -1) < 0) continue;  // EINTR: nothing else can be.
    if (sources[1].revents != 0) return;
    signalfd_siginfo info = {};
    if (::read(signals_.get(), &info, sizeof info) != sizeof info) continue;
    const int number = static_cast<int>(info.ssi_signo);
    if (signal_ != 0) ::_exit(128 + number);
    signal_ = number;
    source_.request_stop();
  }
}

}  // namespace orchestrator
