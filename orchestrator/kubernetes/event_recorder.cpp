// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/kubernetes/event_recorder.hpp"

#include <fmt/format.h>

namespace orchestrator::kubernetes {
namespace {

constexpr std::chrono::minutes kRepeatAfter{10};
constexpr std::size_t kMaxNoteBytes = 1024;
constexpr std::size_t kMaxPrefixBytes = 200;  // generateName adds five characters; 253 are allowed.

/// At most `limit` bytes, ending on a character's border.
std::string cut(std::string text, std::size_t limit) {
  if (text.size() <= limit) return text;
  while (limit > 0 && (static_cast<unsigned char>(text[limit]) & 0xC0U) == 0x80U) --limit;
  text.resize(limit);
  return text;
}

}  // namespace

EventRecorder::EventRecorder(Client& client, std::string component, std::string instance,
                             std::shared_ptr<spdlog::logger> log)
    : client_(client),
      component_(std::move(component)),
      instance_(std::move(instance)),
      log_(std::move(log)) {}

bool EventRecorder::is_repeated(const std::string& key) {
  const auto now = std::chrono::steady_clock::now();
  const std::scoped_lock lock(mutex_);
  std::erase_if(recorded_, [&](const auto& entry) { return now - entry.second > kRepeatAfter; });
  return !recorded_.try_emplace(key, now).second;
}

void EventRecorder::record(const Object& regarding, const EventNote& event) {
  if (is_repeated(fmt::format("{} {} {}", uid_of(regarding), event.reason, event.note))) return;
  const auto name = name_of(regarding);
  const auto space = name.space.empty() ? std::string("default") : name.space;
  const Object body = {
      {"apiVersion", kEvents.api_version()},
      {"kind", kEvents.kind},
      {"metadata", {{"generateName", cut(name.name, kMaxPrefixBytes) + "-"}, {"namespace", space}}},
      {"eventTime", micro_timestamp()},
      {"reportingController", component_},
      {"reportingInstance", instance_},
      {"type", event.type},
      {"reason", event.reason},
      {"action", event.action},
      {"note", cut(event.note, kMaxNoteBytes)},
      {"regarding",
       {{"apiVersion", text_at(regarding, "/apiVersion")},
        {"kind", text_at(regarding, "/kind")},
        {"name", name.name},
        {"namespace", name.space},
        {"uid", uid_of(regarding)},
        {"resourceVersion", version_of(regarding)}}},
  };
  try {
    client_.create(kEvents, body);
  } catch (const base::Error& error) {
    log_->warn("{}: {}", error.facts().what, error.facts().why);
  }
}

}  // namespace orchestrator::kubernetes
