// SPDX-License-Identifier: Apache-2.0
#include "oci/json.hpp"

#include <fmt/format.h>

#include <set>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/format.hpp"

namespace oci {
namespace {

constexpr int kMaxDepth = 64;

[[noreturn]] void refuse(std::string_view what, std::string why) {
  throw base::Error({.code = base::ErrorCode::kIntegrity,
                     .what = fmt::format("{} is not valid", what),
                     .why = std::move(why),
                     .hint = ""});
}

}  // namespace

nlohmann::json parse_json(std::string_view text, std::string_view what) {
  std::vector<std::set<std::string>> keys;
  const auto check = [&](int depth, nlohmann::json::parse_event_t event, nlohmann::json& value) {
    if (depth > kMaxDepth)
      refuse(what, fmt::format("JSON nested deeper than {} levels", kMaxDepth));
    if (event == nlohmann::json::parse_event_t::object_start) keys.emplace_back();
    if (event == nlohmann::json::parse_event_t::object_end) keys.pop_back();
    if (event == nlohmann::json::parse_event_t::key &&
        !keys.back().insert(value.get<std::string>()).second) {
      refuse(what, fmt::format("the key \"{}\" stands twice in one object",
                               base::printable(value.get<std::string>())));
    }
    return true;
  };
  try {
    return nlohmann::json::parse(text, check);
  } catch (const nlohmann::json::exception& error) {
    refuse(what, base::printable(error.what()));
  }
}

}  // namespace oci
