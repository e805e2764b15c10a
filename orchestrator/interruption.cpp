// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/interruption.hpp"

#include <signal.h>
#include <unistd.h>

#include <ctime>

namespace orchestrator {
namespace {

constexpr long kPollNanoseconds = 50'000'000;

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
  waiter_ = std::jthread([this](const std::stop_token& ended) { wait_for_signal(ended); });
}

Interruption::~Interruption() {
  waiter_.request_stop();
  waiter_.join();
  const auto signals = handled_signals();
  ::pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
}

void Interruption::wait_for_signal(const std::stop_token& ended) {
  const auto signals = handled_signals();
  while (!ended.stop_requested()) {
    const timespec timeout{.tv_sec = 0, .tv_nsec = kPollNanoseconds};
    const int number = ::sigtimedwait(&signals, nullptr, &timeout);
    if (number <= 0) continue;
    if (signal_ != 0) ::_exit(128 + number);
    signal_ = number;
    source_.request_stop();
  }
}

}  // namespace orchestrator
