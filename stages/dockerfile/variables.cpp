// SPDX-License-Identifier: Apache-2.0
#include "stages/dockerfile/variables.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <set>

#include "stages/dockerfile/expansion.hpp"

namespace stages::dockerfile {
namespace {

constexpr std::array<std::string_view, 5> kProxyNames = {"http_proxy", "https_proxy", "ftp_proxy",
                                                         "no_proxy", "all_proxy"};
constexpr std::string_view kEpoch = "SOURCE_DATE_EPOCH";

std::string in_case(std::string_view text, int (*convert)(int)) {
  std::string result(text);
  for (char& c : result) c = static_cast<char>(convert(static_cast<unsigned char>(c)));
  return result;
}

bool is_proxy(std::string_view name) {
  return std::find(kProxyNames.begin(), kProxyNames.end(), in_case(name, &std::tolower)) !=
         kProxyNames.end();
}

/// os/architecture[/variant], as the automatic variables have it.
std::string text_of(const oci::Platform& platform) {
  auto text = platform.os + "/" + platform.architecture;
  if (!platform.variant.empty()) text += "/" + platform.variant;
  return text;
}

}  // namespace

VariableList VariableList::of(const std::vector<std::string>& environment) {
  VariableList list;
  for (const auto& entry : environment) {
    const auto equals = entry.find('=');
    list.set(std::string_view(entry).substr(0, equals),
             equals == std::string::npos ? "" : entry.substr(equals + 1));
  }
  return list;
}

void VariableList::set(std::string_view name, std::string value) {
  const auto found = std::find_if(entries_.begin(), entries_.end(),
                                  [&](const Entry& entry) { return entry.first == name; });
  if (found == entries_.end()) {
    entries_.emplace_back(name, std::move(value));
  } else {
    found->second = std::move(value);
  }
}

std::optional<std::string> VariableList::get(std::string_view name) const {
  for (const auto& [known, value] : entries_) {
    if (known == name) return value;
  }
  return std::nullopt;
}

std::vector<std::string> VariableList::environment() const {
  std::vector<std::string> environment;
  for (const auto& [name, value] : entries_) environment.push_back(name + "=" + value);
  return environment;
}

BuildArguments::BuildArguments(std::map<std::string, std::string> given, const oci::Platform& build,
                               const oci::Platform& target, std::string_view target_stage)
    : given_(given.begin(), given.end()) {
  const std::pair<std::string_view, std::string> predefined[] = {
      {"BUILDPLATFORM", text_of(build)},
      {"BUILDOS", build.os},
      {"BUILDOSVERSION", ""},
      {"BUILDARCH", build.architecture},
      {"BUILDVARIANT", build.variant},
      {"TARGETPLATFORM", text_of(target)},
      {"TARGETOS", target.os},
      {"TARGETOSVERSION", ""},
      {"TARGETARCH", target.architecture},
      {"TARGETVARIANT", target.variant},
      {"TARGETSTAGE", target_stage.empty() ? "default" : std::string(target_stage)},
  };
  for (const auto& [name, value] : predefined) {
    const auto overridden = this->given(name);
    predefined_.set(name, overridden ? *overridden : value);
  }
  globals_ = predefined_;
  for (const auto& [name, value] : given_) {
    if (!is_proxy(name)) continue;
    for (const auto& spelled : {in_case(name, &std::toupper), in_case(name, &std::tolower)}) {
      if (!given_.contains(spelled) || spelled == name) proxies_.set(spelled, value);
    }
  }
}

void BuildArguments::declare(const Instruction& argument, char escape) {
  const Variables variables = [this](std::string_view name) { return globals_.get(name); };
  for (const auto& [name, value] : argument.assignments) {
    if (const auto chosen = given(name)) {
      globals_.set(name, *chosen);
    } else if (value) {
      globals_.set(name, expand(*value, variables, escape));
    }
  }
}

std::optional<std::string> BuildArguments::global(std::string_view name) const {
  return globals_.get(name);
}

std::optional<std::string> BuildArguments::given(std::string_view name) const {
  const auto found = given_.find(name);
  return found == given_.end() ? std::nullopt : std::optional(found->second);
}

std::vector<std::string> BuildArguments::unused(
    const std::vector<Instruction>& instructions) const {
  std::set<std::string> asked;
  for (const auto& instruction : instructions) {
    if (instruction.keyword != "ARG") continue;
    for (const auto& [name, value] : instruction.assignments) asked.insert(name);
  }
  std::vector<std::string> names;
  for (const auto& [name, value] : given_) {
    if (!asked.contains(name) && !is_proxy(name) && name != kEpoch && !predefined_.get(name)) {
      names.push_back(name);
    }
  }
  return names;
}

}  // namespace stages::dockerfile
