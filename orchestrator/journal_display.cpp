// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/journal_display.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include <cstdint>
#include <string_view>

#include "orchestrator/datagram_socket.hpp"
#include "orchestrator/display.hpp"

namespace orchestrator {
namespace {

int priority_of(EventKind kind) {
  switch (kind) {
    case EventKind::kFailed:
      return LOG_ERR;
    case EventKind::kWarning:
      return LOG_WARNING;
    case EventKind::kPlanned:
    case EventKind::kStarted:
    case EventKind::kProgress:
    case EventKind::kFact:
    case EventKind::kFinished:
    case EventKind::kCached:
      return LOG_INFO;
  }
  return LOG_INFO;
}

/// One field; a value of several lines carries its length (64 bit, little-endian), so that no line
/// of it is taken for a field.
std::string field(std::string_view name, std::string_view value) {
  if (value.find('\n') == std::string_view::npos) return fmt::format("{}={}\n", name, value);
  auto text = fmt::format("{}\n", name);
  for (unsigned shift = 0; shift < 64; shift += 8) {
    text += static_cast<char>((static_cast<std::uint64_t>(value.size()) >> shift) & 0xFFU);
  }
  return text.append(value) + "\n";
}

class JournalDisplay final : public EventSink {
 public:
  explicit JournalDisplay(DatagramSocket socket) : socket_(std::move(socket)) {}

  void take(const Event& event) override {
    // systemctl status shows how far it is.
    if (event.kind == EventKind::kProgress || event.kind == EventKind::kPlanned) return;
    auto fields = field("MESSAGE", line_of(event)) +
                  field("PRIORITY", std::to_string(priority_of(event.kind))) +
                  field("SYSLOG_IDENTIFIER", "osartifact") +
                  field("OSARTIFACT_EVENT", name_of(event.kind));
    if (!event.artifact.empty()) fields += field("OSARTIFACT_NAME", event.artifact);
    if (!event.stage.empty()) fields += field("OSARTIFACT_STAGE", event.stage);
    socket_.send(fields);
  }

 private:
  DatagramSocket socket_;
};

/// "DEVICE:INODE" of standard error, as $JOURNAL_STREAM has it.
std::string identity_of_standard_error() {
  struct stat status {};
  if (::fstat(STDERR_FILENO, &status) != 0) return "";
  return fmt::format("{}:{}", status.st_dev, status.st_ino);
}

}  // namespace

std::unique_ptr<EventSink> make_journal_display(const std::string& stream,
                                                const std::string& socket) {
  if (stream.empty() || stream != identity_of_standard_error()) return nullptr;
  auto connected = DatagramSocket::connect(socket);
  if (!connected) return nullptr;
  return std::make_unique<JournalDisplay>(std::move(*connected));
}

}  // namespace orchestrator
