// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/service_manager.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include "base/handle.hpp"
#include "base/temp_dir.hpp"
#include "orchestrator/journal_display.hpp"

namespace {

using testing::ElementsAre;
using testing::HasSubstr;

/// A datagram socket in a folder of its own that keeps what it is sent.
class Listener {
 public:
  Listener()
      : folder_(base::temp_root(), "notify"), fd_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    std::memcpy(at.sun_path, path().data(), path().size());
    EXPECT_EQ(::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&at), sizeof(at)), 0);
    const timeval patience{.tv_sec = 5, .tv_usec = 0};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  }

  [[nodiscard]] std::string path() const { return (folder_.path() / "socket").string(); }
  /// The next message; waits for it.
  std::string next() {
    std::array<char, 4096> buffer{};
    const auto bytes = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
    return bytes < 0 ? "nothing came" : std::string(buffer.data(), static_cast<std::size_t>(bytes));
  }
  bool is_empty() {
    char byte = 0;
    return ::recv(fd_.get(), &byte, 1, MSG_DONTWAIT | MSG_PEEK) < 0;
  }

 private:
  base::TempDir folder_;
  base::FileDescriptor fd_;
};

class CountingSink final : public orchestrator::EventSink {
 public:
  explicit CountingSink(int& count) : count_(count) {}
  void take(const orchestrator::Event& /*event*/) override { ++count_; }

 private:
  int& count_;
};

orchestrator::Event event(orchestrator::EventKind kind, std::string stage, std::string text) {
  return {.kind = kind,
          .artifact = "demo",
          .stage = std::move(stage),
          .text = std::move(text),
          .done = 0,
          .total = 0,
          .elapsed = {}};
}

}  // namespace

TEST(ServiceManager, IsToldOfReadinessStatusAndTheEnd) {
  using orchestrator::EventKind;
  Listener listener;
  int passed = 0;
  auto sink = orchestrator::tell_service_manager(std::make_unique<CountingSink>(passed),
                                                 {{"NOTIFY_SOCKET", listener.path()}});

  sink->take(event(EventKind::kFact, "", "before any stage"));
  sink->take(event(EventKind::kFact, "pull", "fetching\nMAINPID=1"));
  sink.reset();

  EXPECT_EQ(passed, 2);
  EXPECT_EQ(listener.next(), "STATUS=demo before any stage");
  EXPECT_EQ(listener.next(), "READY=1");
  EXPECT_EQ(listener.next(), "STATUS=demo pull fetching MAINPID=1");
  EXPECT_EQ(listener.next(), "STOPPING=1");
}

TEST(ServiceManager, FeedsTheWatchdogWhenItIsMeant) {
  Listener listener;
  int passed = 0;
  const base::Environment asked = {{"NOTIFY_SOCKET", listener.path()}, {"WATCHDOG_USEC", "40000"}};
  auto other = asked;
  other["WATCHDOG_PID"] = "1";

  auto sink = orchestrator::tell_service_manager(std::make_unique<CountingSink>(passed), asked);
  EXPECT_EQ(listener.next(), "WATCHDOG=1");
  EXPECT_EQ(listener.next(), "WATCHDOG=1");
  sink.reset();
  while (listener.next() != "STOPPING=1") continue;
  orchestrator::tell_service_manager(std::make_unique<CountingSink>(passed), other).reset();

  EXPECT_EQ(listener.next(), "STOPPING=1");
  EXPECT_TRUE(listener.is_empty());
}

TEST(ServiceManager, NobodyListeningChangesNothing) {
  int passed = 0;

  auto sink = orchestrator::tell_service_manager(std::make_unique<CountingSink>(passed),
                                                 {{"NOTIFY_SOCKET", "/nonexistent/socket"}});
  sink->take(event(orchestrator::EventKind::kFact, "pull", ""));

  EXPECT_EQ(passed, 1);
}

TEST(JournalDisplay, SendsFieldsWhereStandardErrorIsTheJournals) {
  using orchestrator::EventKind;
  Listener listener;
  struct stat status {};
  ASSERT_EQ(::fstat(STDERR_FILENO, &status), 0);
  const auto stream = fmt::format("{}:{}", status.st_dev, status.st_ino);

  EXPECT_EQ(orchestrator::make_journal_display("1:2", listener.path()), nullptr);
  const auto display = orchestrator::make_journal_display(stream, listener.path());
  ASSERT_NE(display, nullptr);
  display->take(event(EventKind::kProgress, "pull", ""));
  display->take(event(EventKind::kWarning, "pull", "two\nlines"));

  const auto message = listener.next();
  const auto text = std::string("demo pull          warning: two\nlines");
  EXPECT_THAT(message, HasSubstr(std::string("MESSAGE\n") + static_cast<char>(text.size()) +
                                 std::string(7, '\0') + text + "\nPRIORITY=4\n"));
  EXPECT_THAT(message, HasSubstr("OSARTIFACT_NAME=demo\nOSARTIFACT_STAGE=pull\n"));
  EXPECT_THAT(message, HasSubstr("OSARTIFACT_EVENT=warning\n"));
}
