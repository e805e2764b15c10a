// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/display.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <ostream>
#include <string>

#include "base/format.hpp"
#include "orchestrator/live_display.hpp"
#include "orchestrator/stage_tree.hpp"

namespace orchestrator {
namespace {

using Clock = std::chrono::steady_clock;

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
    case EventKind::kPlanned:
      return "";
  }
  return "";
}

class PlainDisplay final : public EventSink {
 public:
  explicit PlainDisplay(std::ostream& out) : out_(out) {}

  void take(const Event& event) override {
    const std::lock_guard lock(mutex_);
    if (event.kind == EventKind::kPlanned) return;
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
    if (!event.after.empty()) line["after"] = event.after;
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

}  // namespace

const char* name_of(EventKind kind) {
  switch (kind) {
    case EventKind::kPlanned:
      return "stage-planned";
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

std::string line_of(const Event& event) {
  const auto label = stage_label(event);
  const auto text = base::printable(describe(event));
  return label.empty() ? text : fmt::format("{:<18} {}", label, text);
}

std::unique_ptr<EventSink> make_display(ProgressMode mode, std::ostream& out, bool colours) {
  switch (mode) {
    case ProgressMode::kTty:
      return make_live_display(out, colours);
    case ProgressMode::kPlain:
      return std::make_unique<PlainDisplay>(out);
    case ProgressMode::kJson:
      return std::make_unique<JsonDisplay>(out);
  }
  return nullptr;
}

}  // namespace orchestrator
