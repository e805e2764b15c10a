// SPDX-License-Identifier: Apache-2.0
#include "auth/registry_key.hpp"

#include <algorithm>
#include <cctype>

namespace auth {
namespace {

/// One label, where `*` stands for any text within it.
bool label_matches(std::string_view pattern, std::string_view label) {
  const auto star = pattern.find('*');
  if (star == std::string_view::npos) return pattern == label;
  if (!label.starts_with(pattern.substr(0, star))) return false;
  const auto rest = pattern.substr(star + 1);
  for (auto end = star; end <= label.size(); ++end) {
    if (label_matches(rest, label.substr(end))) return true;
  }
  return false;
}

bool host_matches(std::string_view pattern, std::string_view host) {
  while (true) {
    const auto pattern_dot = pattern.find('.');
    const auto host_dot = host.find('.');
    if (!label_matches(pattern.substr(0, pattern_dot), host.substr(0, host_dot))) return false;
    const bool pattern_ends = pattern_dot == std::string_view::npos;
    const bool host_ends = host_dot == std::string_view::npos;
    if (pattern_ends || host_ends) return pattern_ends && host_ends;
    pattern = pattern.substr(pattern_dot + 1);
    host = host.substr(host_dot + 1);
  }
}

std::string_view port_of(std::string_view host) {
  const auto colon = host.rfind(':');
  const auto bracket = host.rfind(']');
  const bool has_port =
      colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket);
  return has_port ? host.substr(colon) : std::string_view();
}

/// `*` never stands for a port.
bool registry_matches(std::string_view pattern, std::string_view registry) {
  const auto pattern_port = port_of(pattern);
  const auto registry_port = port_of(registry);
  if (pattern_port != registry_port) return false;
  pattern.remove_suffix(pattern_port.size());
  registry.remove_suffix(registry_port.size());
  if (pattern.find('*') == std::string_view::npos) return pattern == registry;
  return host_matches(pattern, registry);
}

}  // namespace

std::string canonical_registry(std::string_view host) {
  std::string name(host);
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (name == "index.docker.io" || name == "registry-1.docker.io") return "docker.io";
  return name;
}

std::optional<RegistryKey> RegistryKey::parse(std::string_view key) {
  if (const auto scheme = key.find("://"); scheme != std::string_view::npos) {
    key = key.substr(scheme + 3);
  }
  while (key.ends_with('/')) key.remove_suffix(1);
  const auto slash = key.find('/');
  RegistryKey result;
  result.host = canonical_registry(key.substr(0, slash));
  if (result.host.empty()) return std::nullopt;
  if (slash != std::string_view::npos) result.path = key.substr(slash + 1);
  if (result.path == "v1" || result.path == "v2") result.path.clear();
  return result;
}

std::optional<std::size_t> RegistryKey::match(std::string_view registry,
                                              std::string_view repository) const {
  if (!registry_matches(host, canonical_registry(registry))) return std::nullopt;
  const bool path_fits = path.empty() || repository == path ||
                         (repository.starts_with(path) && repository[path.size()] == '/');
  if (!path_fits) return std::nullopt;
  const bool literal = host.find('*') == std::string::npos;
  return 2 * path.size() + (literal ? 1 : 0);
}

}  // namespace auth
