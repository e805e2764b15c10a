// SPDX-License-Identifier: Apache-2.0
#include "oci/registry_error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/format.hpp"
#include "base/url.hpp"

namespace oci {
namespace {

constexpr std::size_t kMaxReasonBytes = 1024;

std::string json_reason(const std::string& body) {
  const auto document = nlohmann::json::parse(body, nullptr, false);
  if (!document.is_object()) return "";
  const auto errors = document.find("errors");
  if (errors == document.end() || !errors->is_array()) return "";
  std::string reason;
  for (const auto& error : *errors) {
    if (!error.is_object()) continue;
    const auto text = [&](const char* field) {
      const auto found = error.find(field);
      return found != error.end() && found->is_string() ? found->get<std::string>() : "";
    };
    const auto code = text("code");
    const auto message = text("message");
    if (!reason.empty()) reason += "; ";
    reason += message.empty() ? code : fmt::format("{} ({})", code, message);
  }
  return reason;
}

std::string hint_for(int status) {
  switch (status) {
    case 404:
      return "check the name; a private image also looks missing without the right credentials";
    case 413:
      return "the registry limits the size of what is pushed to it";
    case 429:
      return "the registry limits how often it may be asked: wait, or log in for a higher limit";
    default:
      return "";
  }
}

base::ErrorCode code_for(int status) {
  switch (status) {
    case 401:
    case 403:
      return base::ErrorCode::kUnauthorized;
    case 404:
      return base::ErrorCode::kNotFound;
    default:
      return base::ErrorCode::kRegistry;
  }
}

}  // namespace

std::string registry_reason(const base::HttpResponse& response) {
  auto reason = json_reason(response.body);
  if (reason.empty()) {
    const auto start = response.body.find_first_not_of(" \t\r\n");
    if (start != std::string::npos) {
      reason = response.body.substr(start, response.body.find_first_of("\r\n", start) - start);
    }
  }
  return base::printable(std::string_view(reason).substr(0, kMaxReasonBytes));
}

std::string describe_answer(std::string_view method, const base::HttpResponse& response) {
  const auto reason = registry_reason(response);
  return fmt::format("{} {}: {}{}{}", method, base::redacted(response.url), response.status,
                     reason.empty() ? "" : " ", reason);
}

bool has_error_code(const base::HttpResponse& response, std::string_view code) {
  const auto document = nlohmann::json::parse(response.body, nullptr, false);
  if (!document.is_object()) return false;
  const auto errors = document.find("errors");
  if (errors == document.end() || !errors->is_array()) return false;
  return std::any_of(errors->begin(), errors->end(), [&](const nlohmann::json& error) {
    return error.is_object() && error.contains("code") && error.at("code") == code;
  });
}

base::Error answer_error(std::string what, std::string_view method,
                         const base::HttpResponse& response) {
  return base::Error({.code = code_for(response.status),
                      .what = std::move(what),
                      .why = describe_answer(method, response),
                      .hint = hint_for(response.status)});
}

}  // namespace oci
