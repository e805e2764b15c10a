// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/live_display.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <ostream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "orchestrator/display.hpp"
#include "orchestrator/stage_tree.hpp"

namespace orchestrator {
namespace {

using Clock = StageTree::Clock;
using State = StageTree::State;

constexpr std::chrono::milliseconds kRedrawInterval{100};
constexpr std::chrono::milliseconds kTick{500};

constexpr std::string_view kReset = "\x1b[0m";

struct Size {
  std::size_t columns = 80;
  std::size_t lines = 24;
};

/// Asked for each time: a terminal changes its size.
Size terminal_size() {
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col < 2 || size.ws_row < 2) {
    return {};
  }
  return {.columns = size.ws_col, .lines = size.ws_row};
}

/// Whether the locale's characters are UTF-8. Source: locale(7), the order of the variables.
bool is_utf8_locale() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const char* value = std::getenv(name);
    if (value == nullptr || *value == '\0') continue;
    const std::string_view locale(value);
    return locale.find("UTF-8") != std::string_view::npos ||
           locale.find("utf8") != std::string_view::npos;
  }
  return false;
}

std::string_view colour_of(EventKind kind) {
  switch (kind) {
    case EventKind::kWarning:
      return "\x1b[33m";
    case EventKind::kFailed:
      return "\x1b[31m";
    case EventKind::kPlanned:
    case EventKind::kStarted:
    case EventKind::kProgress:
    case EventKind::kFact:
    case EventKind::kFinished:
    case EventKind::kCached:
      return "";
  }
  return "";
}

std::string_view colour_of(State state) {
  switch (state) {
    case State::kWaiting:
      return "\x1b[2m";
    case State::kRunning:
      return "";
    case State::kDone:
    case State::kCached:
      return "\x1b[32m";
    case State::kFailed:
      return "\x1b[31m";
  }
  return "";
}

class LiveDisplay final : public EventSink {
 public:
  LiveDisplay(std::ostream& out, bool colours)
      : out_(out),
        colours_(colours),
        ascii_(!is_utf8_locale()),
        ticker_([this](const auto& ended) { tick(ended); }) {}
  LiveDisplay(const LiveDisplay&) = delete;
  LiveDisplay& operator=(const LiveDisplay&) = delete;
  LiveDisplay(LiveDisplay&&) = delete;
  LiveDisplay& operator=(LiveDisplay&&) = delete;
  ~LiveDisplay() override {
    ticker_.request_stop();
    ticker_.join();
    tree_.drop_unplanned();
    redraw();
  }

  void take(const Event& event) override {
    const std::lock_guard lock(mutex_);
    tree_.take(event, Clock::now());
    if (event.kind == EventKind::kProgress || event.kind == EventKind::kPlanned) {
      if (Clock::now() - drawn_ >= kRedrawInterval) redraw();
      return;
    }
    erase();
    if (scrolls(event)) out_ << coloured(line_of(event), colour_of(event.kind)) << '\n';
    draw();
  }

 private:
  /// The tree shows the rest.
  static bool scrolls(const Event& event) {
    return event.kind == EventKind::kFact || event.kind == EventKind::kWarning ||
           event.kind == EventKind::kFailed;
  }

  std::string coloured(const std::string& text, std::string_view colour) const {
    if (!colours_ || colour.empty()) return text;
    return std::string(colour) + text + std::string(kReset);
  }

  void tick(const std::stop_token& ended) {
    std::unique_lock lock(mutex_);
    while (!ended.stop_requested()) {
      wake_.wait_for(lock, ended, kTick, [] { return false; });
      if (!ended.stop_requested() && tree_.moves()) redraw();
    }
  }

  void redraw() {
    erase();
    draw();
  }

  /// A terminal that became narrower shows what was drawn on more lines than before.
  void erase() {
    const auto columns = terminal_size().columns;
    std::size_t lines = 0;
    for (const auto width : widths_) lines += width == 0 ? 1 : (width + columns - 1) / columns;
    if (lines != 0) out_ << "\x1b[" << lines << "A\r\x1b[J";
    widths_.clear();
  }

  void draw() {
    const auto size = terminal_size();
    // The last column stays free: a character there wraps on some terminals.
    for (const auto& line :
         tree_.draw({.columns = size.columns - 1, .lines = size.lines - 1, .ascii = ascii_},
                    Clock::now())) {
      out_ << coloured(line.text, colour_of(line.state)) << '\n';
      widths_.push_back(columns_of(line.text));
    }
    drawn_ = Clock::now();
    out_ << std::flush;
  }

  std::ostream& out_;
  bool colours_;
  bool ascii_;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  StageTree tree_;
  std::vector<std::size_t> widths_;  ///< Columns of each line that is drawn now.
  Clock::time_point drawn_;
  std::jthread ticker_;  // Last: it ends before what it uses.
};

}  // namespace

std::unique_ptr<EventSink> make_live_display(std::ostream& out, bool colours) {
  return std::make_unique<LiveDisplay>(out, colours);
}

}  // namespace orchestrator
