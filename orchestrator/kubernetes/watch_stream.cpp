// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/kubernetes/watch_stream.hpp"

#include <fmt/format.h>

#include "base/format.hpp"

namespace orchestrator::kubernetes {
namespace {

constexpr std::size_t kMaxEventBytes = 16U << 20;  // etcd keeps nothing of more than 1.5 MiB.

[[noreturn]] void refuse(std::string why) {
  throw base::Error({.code = base::ErrorCode::kRegistry,
                     .what = "cannot read the API server's watch",
                     .why = std::move(why),
                     .hint = ""});
}

}  // namespace

void WatchStream::take(std::span<const std::byte> data) {
  std::string_view text(reinterpret_cast<const char*>(data.data()), data.size());
  for (auto end = text.find('\n'); end != std::string_view::npos; end = text.find('\n')) {
    rest_.append(text.substr(0, end));
    text.remove_prefix(end + 1);
    const auto line = std::exchange(rest_, {});
    if (!line.empty()) take_line(line);
  }
  rest_.append(text);
  if (rest_.size() > kMaxEventBytes) refuse("an event is larger than allowed");
}

void WatchStream::take_line(std::string_view line) {
  auto event = Object::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!event.is_object() || !event.contains("object")) {
    refuse(fmt::format("not an event: {}", base::printable(line.substr(0, 80))));
  }
  const auto type = event.value("type", "");
  auto& object = event["object"];
  if (type == "ERROR") {
    throw api_error(object.value("code", 500), object.dump(), "the API server ended a watch");
  }
  using Type = WatchEvent::Type;
  if (type == "ADDED") {
    on_event_({Type::kAdded, std::move(object)});
  } else if (type == "MODIFIED") {
    on_event_({Type::kModified, std::move(object)});
  } else if (type == "DELETED") {
    on_event_({Type::kDeleted, std::move(object)});
  } else if (type == "BOOKMARK") {
    on_event_({Type::kBookmark, std::move(object)});
  } else {
    refuse(fmt::format("an event of unknown type \"{}\"", base::printable(type)));
  }
}

}  // namespace orchestrator::kubernetes
