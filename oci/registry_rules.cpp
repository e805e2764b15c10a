// SPDX-License-Identifier: Apache-2.0
#include "oci/registry_rules.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "auth/registry_key.hpp"
#include "base/error.hpp"
#include "base/format.hpp"
#include "base/url.hpp"

namespace oci {
namespace {

constexpr std::string_view kWildcard = "*.";
constexpr std::string_view kFlag = "--registry-mirror";

/// The host part of a location or prefix.
std::string host_of(std::string_view location) {
  return std::string(location.substr(0, location.find('/')));
}

/// How much of `name` the prefix covers; 0: it does not fit.
std::size_t match_length(std::string_view prefix, std::string_view name) {
  std::size_t skipped = 0;
  if (prefix.starts_with(kWildcard)) {
    const auto host = name.substr(0, name.find('/'));
    prefix.remove_prefix(1);  // The dot stays: at least one more label is wanted.
    const auto suffix = prefix.substr(0, prefix.find('/'));
    if (host.size() <= suffix.size() || !host.ends_with(suffix)) return 0;
    skipped = host.size() - suffix.size();
  }
  const auto rest = name.substr(skipped);
  if (!rest.starts_with(prefix)) return 0;
  const auto after = rest.substr(prefix.size());
  const bool within_host = prefix.find('/') == std::string_view::npos;
  const auto borders = within_host ? std::string_view("/") : std::string_view("/:@");
  const bool fits = after.empty() || borders.find(after.front()) != std::string_view::npos;
  return fits ? skipped + prefix.size() : 0;
}

/// The entry whose prefix covers most of `name`, and how much that is.
template <typename Value>
std::pair<const Value*, std::size_t> best_match(const std::map<std::string, Value>& entries,
                                                std::string_view name) {
  std::pair<const Value*, std::size_t> best{nullptr, 0};
  for (const auto& [prefix, value] : entries) {
    const auto length = match_length(prefix, name);
    if (length > best.second) best = {&value, length};
  }
  return best;
}

/// `name` with its first `matched` characters replaced by `location`.
Reference moved(std::string_view name, std::size_t matched, const std::string& location,
                const std::string& origin) {
  const auto text = location + std::string(name.substr(matched));
  const auto slash = text.find('/');
  try {
    // A host without a dot is a host here, which a reference's short form would not say.
    auto reference = Reference::parse(
        "localhost/" + (slash == std::string::npos ? std::string() : text.substr(slash + 1)));
    reference.registry = host_of(text);
    return reference;
  } catch (const base::Error& error) {
    throw base::Error({.code = base::ErrorCode::kUsage,
                       .what = fmt::format("{} sends {} to {}, which is no image name", origin,
                                           name, base::printable(text)),
                       .why = error.facts().why.empty() ? error.facts().what : error.facts().why,
                       .hint = "mend its prefix and location"});
  }
}

bool is_asked(const RegistryMirror& mirror, bool by_digest) {
  switch (mirror.pull) {
    case RegistryMirror::Pull::kAll:
      return true;
    case RegistryMirror::Pull::kDigestOnly:
      return by_digest;
    case RegistryMirror::Pull::kTagOnly:
      return !by_digest;
  }
  return true;
}

void mark(const std::string& host, bool insecure, bool plain_http, base::TlsTrustOptions& trust) {
  if (insecure) trust.insecure_hosts.insert(host);
  if (plain_http) trust.plain_http_hosts.insert(host);
}

[[noreturn]] void refuse_flag(std::string_view text, std::string why) {
  throw base::Error({.code = base::ErrorCode::kUsage,
                     .what = fmt::format("{} '{}' cannot be used", kFlag, base::printable(text)),
                     .why = std::move(why),
                     .hint = "write HOST=URL, such as docker.io=https://mirror.example"});
}

}  // namespace

std::string describe(const PullPlace& place) {
  if (place.origin.empty()) return fmt::format("{}: the registry itself", place.reference.name());
  return fmt::format("{}: {} ({})", place.reference.name(),
                     place.is_mirror ? "a mirror" : "where the registry is", place.origin);
}

bool is_redirected(const std::vector<PullPlace>& places) {
  return places.size() > 1 || !places.front().origin.empty();
}

void RegistryRules::set(RegistryRule rule) {
  auto prefix = rule.prefix;
  rules_.insert_or_assign(std::move(prefix), std::move(rule));
}

void RegistryRules::add_mirror(const std::string& prefix, RegistryMirror mirror) {
  first_[prefix].push_back(std::move(mirror));
}

std::vector<PullPlace> RegistryRules::places_for(const Reference& reference, bool by_digest) const {
  const auto name = reference.text();
  const auto [rule, rule_length] = best_match(rules_, name);
  if (rule != nullptr && rule->blocked) {
    throw base::Error({.code = base::ErrorCode::kUsage,
                       .what = fmt::format("cannot pull {}", name),
                       .why = fmt::format("{} is blocked in {}", rule->prefix, rule->origin),
                       .hint = "take the image from elsewhere, or have it unblocked there"});
  }
  std::vector<PullPlace> places;
  const auto add = [&](const std::vector<RegistryMirror>& mirrors, std::size_t length) {
    for (const auto& mirror : mirrors) {
      if (!is_asked(mirror, by_digest)) continue;
      places.push_back({.reference = moved(name, length, mirror.location, mirror.origin),
                        .is_mirror = true,
                        .origin = mirror.origin});
    }
  };
  if (const auto [mirrors, length] = best_match(first_, name); mirrors) add(*mirrors, length);
  if (rule != nullptr) add(rule->mirrors, rule_length);
  const bool moves = rule != nullptr && !rule->location.empty();
  places.push_back(
      {.reference = moves ? moved(name, rule_length, rule->location, rule->origin) : reference,
       .is_mirror = false,
       .origin = moves ? rule->origin : std::string()});
  return places;
}

std::vector<std::string> RegistryRules::mixed_hosts() const {
  std::map<std::string, std::set<bool>> seen;
  for (const auto& [prefix, rule] : rules_) {
    seen[host_of(rule.location.empty() ? prefix : rule.location)].insert(rule.insecure);
    for (const auto& mirror : rule.mirrors) {
      seen[host_of(mirror.location)].insert(mirror.insecure);
    }
  }
  std::vector<std::string> mixed;
  for (const auto& [host, insecure] : seen) {
    if (insecure.size() > 1) mixed.push_back(host);
  }
  return mixed;
}

void RegistryRules::add_trust(base::TlsTrustOptions& trust) const {
  const auto add = [&trust](const std::vector<RegistryMirror>& mirrors) {
    for (const auto& mirror : mirrors) {
      mark(host_of(mirror.location), mirror.insecure, mirror.plain_http, trust);
    }
  };
  for (const auto& [prefix, mirrors] : first_) add(mirrors);
  for (const auto& [prefix, rule] : rules_) {
    mark(host_of(rule.location.empty() ? prefix : rule.location), rule.insecure, false, trust);
    add(rule.mirrors);
  }
}

std::string checked_location(std::string_view location, bool wildcard, const std::string& what) {
  auto text = location;
  while (text.ends_with('/')) text.remove_suffix(1);
  auto host = host_of(text);
  if (wildcard && host.starts_with(kWildcard)) host.erase(0, kWildcard.size());
  const auto url = base::Url::parse("https://" + host + "/");
  const bool plain = std::all_of(text.begin(), text.end(), [](char c) {
    return c > ' ' && c < '\x7f' && std::string_view("?#%\\").find(c) == std::string_view::npos;
  });
  if (url && plain && host.find('*') == std::string::npos) {
    const auto full = host_of(text);
    return auth::canonical_registry(full) + std::string(text.substr(full.size()));
  }
  const bool has_scheme = text.find("://") != std::string_view::npos;
  throw base::Error({.code = base::ErrorCode::kUsage,
                     .what = fmt::format("{} is '{}'", what, base::printable(location)),
                     .why = has_scheme ? "it is a URL" : "it is no host with an optional folder",
                     .hint = "write it like registry.example:5000/team"});
}

void add_mirror_flag(std::string_view text, RegistryRules& rules) {
  const auto equals = text.find('=');
  if (equals == std::string_view::npos) refuse_flag(text, "there is no '=' in it");
  const auto prefix =
      checked_location(text.substr(0, equals), true, fmt::format("the HOST of {}", kFlag));
  auto location = text.substr(equals + 1);
  constexpr std::string_view kHttp = "http://";
  constexpr std::string_view kHttps = "https://";
  const bool plain = location.starts_with(kHttp);
  if (plain) location.remove_prefix(kHttp.size());
  if (location.starts_with(kHttps)) location.remove_prefix(kHttps.size());
  if (location.find('@') != std::string_view::npos) {
    throw base::Error({.code = base::ErrorCode::kUsage,
                       .what = fmt::format("the URL of {} for {} holds a user", kFlag, prefix),
                       .why = "",
                       .hint = "name its credentials with --credentials, under the mirror's name"});
  }
  rules.add_mirror(
      prefix, {.location = checked_location(location, false, fmt::format("the URL of {}", kFlag)),
               .insecure = false,
               .plain_http = plain,
               .pull = RegistryMirror::Pull::kAll,
               .origin = std::string(kFlag)});
}

}  // namespace oci
