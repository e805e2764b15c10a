// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/display.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <ostream>
#include <string>
#include <vector>

#include "base/format.hpp"

namespace orchestrator {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kRedrawInterval{100};
constexpr std::chrono::seconds kPlainProgressInterval{10};
constexpr std::chrono::milliseconds kJsonProgressInterval{500};

std::string timestamp() {
  const auto now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

std::string stage_label(const Event& event) {
  if (event.stage.empty()) return "";
  return event.artifact.empty() ? event.stage : event.artifact + " " + event.stage;
}

/// How fast each stage moves; smoothed, so that the time left does not jump.
class Rates {
 public:
  double update(const std::string& label, std::uint64_t done) {
    const auto now = Clock::now();
    auto [found, fresh] = samples_.try_emplace(label, Sample{.time = now, .done = done, .rate = 0});
    auto& sample = found->second;
    const std::chrono::duration<double> passed = now - sample.time;
    if (fresh || passed < std::chrono::milliseconds(200)) return sample.rate;
    const auto current = static_cast<double>(done - std::min(done, sample.done)) / passed.count();
    sample.rate = sample.rate == 0 ? current : sample.rate * 0.7 + current * 0.3;
    sample.time = now;
    sample.done = done;
    return sample.rate;
  }

 private:
  struct Sample {
    Clock::time_point time;
    std::uint64_t done = 0;
    double rate = 0;
  };
  std::map<std::string, Sample> samples_;
};

/// The line for an event that is not progress; empty when it deserves none.
std::string describe(const Event& event) {
  switch (event.kind) {
    case EventKind::kStarted:
      return event.text.empty() ? "started" : event.text;
    case EventKind::kFact:
      return event.text;
    case EventKind::kWarning:
      return "warning: " + event.text;
    case EventKind::kFinished:
      return fmt::format("done in {}{}{}", base::format_duration(event.elapsed),
                         event.text.empty() ? "" : ": ", event.text);
    case EventKind::kCached:
      return event.text.empty() ? "cached" : "cached: " + event.text;
    case EventKind::kFailed:
      return fmt::format("failed after {}", base::format_duration(event.elapsed));
    case EventKind::kProgress:
      return "";
  }
  return "";
}

class PlainDisplay final : public EventSink {
 public:
  explicit PlainDisplay(std::ostream& out) : out_(out) {}

  void take(const Event& event) override {
    const std::lock_guard lock(mutex_);
    if (event.kind != EventKind::kProgress) {
      out_ << line_of(event) << '\n' << std::flush;
      return;
    }
    const auto label = stage_label(event);
    const auto rate = rates_.update(label, event.done);
    auto& last = shown_.try_emplace(label, Clock::now()).first->second;
    if (Clock::now() - last < kPlainProgressInterval) return;
    last = Clock::now();
    out_ << fmt::format("{:<18} {}", label, describe_transfer(event.done, event.total, rate))
         << '\n'
         << std::flush;
  }

 private:
  std::ostream& out_;
  std::mutex mutex_;
  Rates rates_;
  std::map<std::string, Clock::time_point> shown_;
};

class JsonDisplay final : public EventSink {
 public:
  explicit JsonDisplay(std::ostream& out) : out_(out) {}

  void take(const Event& event) override {
    const std::lock_guard lock(mutex_);
    if (event.kind == EventKind::kProgress && !due(event)) return;
    nlohmann::json line = {{"time", timestamp()}, {"event", name_of(event.kind)}};
    if (!event.artifact.empty()) line["artifact"] = event.artifact;
    if (!event.stage.empty()) line["stage"] = event.stage;
    if (!event.text.empty()) line["text"] = event.text;
    if (event.kind == EventKind::kProgress) {
      line["done"] = event.done;
      if (event.total != 0) line["total"] = event.total;
    }
    if (event.kind == EventKind::kFinished || event.kind == EventKind::kFailed) {
      line["milliseconds"] = event.elapsed.count();
    }
    out_ << line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << '\n'
         << std::flush;
  }

 private:
  bool due(const Event& event) {
    auto [found, fresh] = shown_.try_emplace(stage_label(event), Clock::now());
    if (!fresh && Clock::now() - found->second < kJsonProgressInterval &&
        event.done != event.total) {
      return false;
    }
    found->second = Clock::now();
    return true;
  }

  std::ostream& out_;
  std::mutex mutex_;
  std::map<std::string, Clock::time_point> shown_;
};

class TtyDisplay final : public EventSink {
 public:
  TtyDisplay(std::ostream& out, bool colours) : out_(out), colours_(colours) {}
  TtyDisplay(const TtyDisplay&) = delete;
  TtyDisplay& operator=(const TtyDisplay&) = delete;
  TtyDisplay(TtyDisplay&&) = delete;
  TtyDisplay& operator=(TtyDisplay&&) = delete;
  ~TtyDisplay() override {
    erase();
    out_ << std::flush;
  }

  void take(const Event& event) override {
    const std::lock_guard lock(mutex_);
    const auto label = stage_label(event);
    if (event.kind == EventKind::kProgress) {
      const auto rate = rates_.update(label, event.done);
      bars_[label] = bar(label, event, rate);
      if (Clock::now() - drawn_ < kRedrawInterval) return;
      erase();
      draw();
      return;
    }
    if (event.kind == EventKind::kFinished || event.kind == EventKind::kFailed) bars_.erase(label);
    erase();
    out_ << coloured(event) << '\n';
    draw();
  }

 private:
  static std::size_t width() {
    winsize size{};
    return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 20 ? size.ws_col : 80;
  }

  static std::string bar(const std::string& label, const Event& event, double rate) {
    constexpr std::size_t kBarWidth = 12;  // Leaves room for the time left in 80 columns.
    const auto transfer = describe_transfer(event.done, event.total, rate);
    if (event.total == 0) return fmt::format("{:<18} {}", label, transfer);
    const auto share = static_cast<double>(event.done) / static_cast<double>(event.total);
    const auto count =
        std::min(static_cast<std::size_t>(share * static_cast<double>(kBarWidth)), kBarWidth);
    auto line = fmt::format("{:<18} [{}{}] {}", label, std::string(count, '='),
                            std::string(kBarWidth - count, ' '), transfer);
    return line.substr(0, width() - 1);
  }

  std::string coloured(const Event& event) const {
    const auto line = line_of(event);
    if (!colours_) return line;
    switch (event.kind) {
      case EventKind::kWarning:
        return "\x1b[33m" + line + "\x1b[0m";
      case EventKind::kFailed:
        return "\x1b[31m" + line + "\x1b[0m";
      case EventKind::kFinished:
      case EventKind::kCached:
        return "\x1b[32m" + line + "\x1b[0m";
      case EventKind::kStarted:
      case EventKind::kProgress:
      case EventKind::kFact:
        return line;
    }
    return line;
  }

  void erase() {
    for (; lines_drawn_ > 0; --lines_drawn_) out_ << "\x1b[1A\x1b[2K";
  }

  void draw() {
    for (const auto& [label, text] : bars_) out_ << text << '\n';
    lines_drawn_ = bars_.size();
    drawn_ = Clock::now();
    out_ << std::flush;
  }

  std::ostream& out_;
  bool colours_;
  std::mutex mutex_;
  Rates rates_;
  std::map<std::string, std::string> bars_;
  std::size_t lines_drawn_ = 0;
  Clock::time_point drawn_;
};

}  // namespace

const char* name_of(EventKind kind) {
  switch (kind) {
    case EventKind::kStarted:
      return "stage-started";
    case EventKind::kProgress:
      return "progress";
    case EventKind::kFact:
      return "fact";
    case EventKind::kWarning:
      return "warning";
    case EventKind::kFinished:
      return "stage-finished";
    case EventKind::kCached:
      return "stage-cached";
    case EventKind::kFailed:
      return "stage-failed";
  }
  return "";
}

ProgressMode automatic_progress_mode() {
  const char* terminal = std::getenv("TERM");
  const bool dumb = terminal == nullptr || std::string_view(terminal) == "dumb";
  return ::isatty(STDERR_FILENO) == 1 && !dumb ? ProgressMode::kTty : ProgressMode::kPlain;
}

bool colours_wanted() {
  const char* no_color = std::getenv("NO_COLOR");
  return ::isatty(STDERR_FILENO) == 1 && (no_color == nullptr || *no_color == '\0');
}

std::string describe_transfer(std::uint64_t done, std::uint64_t total, double rate) {
  auto text = total == 0
                  ? base::format_bytes(done)
                  : fmt::format("{} of {}", base::format_bytes(done), base::format_bytes(total));
  if (rate < 1) return text;
  text += fmt::format(", {}/s", base::format_bytes(static_cast<std::uint64_t>(rate)));
  if (total <= done) return text;
  const auto left = static_cast<double>(total - done) / rate * 1000;
  return text + fmt::format(", {} left", base::format_duration(std::chrono::milliseconds(
                                             static_cast<std::int64_t>(left))));
}

std::string line_of(const Event& event) {
  const auto label = stage_label(event);
  const auto text = base::printable(describe(event));
  return label.empty() ? text : fmt::format("{:<18} {}", label, text);
}

std::unique_ptr<EventSink> make_display(ProgressMode mode, std::ostream& out, bool colours) {
  switch (mode) {
    case ProgressMode::kTty:
      return std::make_unique<TtyDisplay>(out, colours);
    case ProgressMode::kPlain:
      return std::make_unique<PlainDisplay>(out);
    case ProgressMode::kJson:
      return std::make_unique<JsonDisplay>(out);
  }
  return nullptr;
}

}  // namespace orchestrator
