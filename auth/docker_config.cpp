// SPDX-License-Identifier: Apache-2.0
#include "auth/docker_config.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/base64.hpp"
#include "base/format.hpp"

namespace auth {
namespace {

using nlohmann::json;

[[noreturn]] void refuse(const std::string& name, std::string why) {
  throw base::Error({.code = base::ErrorCode::kUnauthorized,
                     .what = fmt::format("cannot use the credentials in {}", name),
                     .why = std::move(why),
                     .hint = "it must be a docker config.json: {\"auths\": {\"HOST\": {...}}}"});
}

std::string text_of(const json& object, const char* field, const std::string& name) {
  const auto found = object.find(field);
  if (found == object.end() || found->is_null()) return "";
  if (!found->is_string()) refuse(name, fmt::format("'{}' is not a string", field));
  return found->get<std::string>();
}

const json* object_of(const json& document, const char* field, const std::string& name) {
  const auto found = document.find(field);
  if (found == document.end() || found->is_null()) return nullptr;
  if (!found->is_object()) refuse(name, fmt::format("'{}' is not an object", field));
  return &*found;
}

/// user:password, in base64; docker pads old ones with NULs. Source: docker/cli, decodeAuth.
void take_auth_field(const std::string& auth, const std::string& key, const std::string& name,
                     Credential& credential) {
  auto plain = base::base64_decode(auth);
  if (!plain) refuse(name, fmt::format("'auth' of {} is not base64", base::printable(key)));
  while (plain->ends_with('\0')) plain->pop_back();
  const auto colon = plain->find(':');
  if (colon == std::string::npos || colon == 0) {
    base::wipe(*plain);
    refuse(name, fmt::format("'auth' of {} is not user:password", base::printable(key)));
  }
  credential.user = plain->substr(0, colon);
  credential.secret = base::Secret(plain->substr(colon + 1));
  base::wipe(*plain);
}

/// nullopt for an empty entry, which only says that a helper has it.
std::optional<Credential> parse_entry(const std::string& key, const json& entry,
                                      const std::string& name) {
  if (!entry.is_object()) {
    refuse(name, fmt::format("the entry of {} is not an object", base::printable(key)));
  }
  Credential credential{.kind = Credential::Kind::kBasic,
                        .user = text_of(entry, "username", name),
                        .secret = base::Secret(text_of(entry, "password", name)),
                        .origin = fmt::format("{}, key {}", name, base::printable(key))};
  auto auth = text_of(entry, "auth", name);
  if (!auth.empty()) take_auth_field(auth, key, name, credential);
  base::wipe(auth);
  base::Secret identity(text_of(entry, "identitytoken", name));
  base::Secret bearer(text_of(entry, "registrytoken", name));
  if (!bearer.empty()) {
    credential.kind = Credential::Kind::kRegistryToken;
    credential.secret = std::move(bearer);
  } else if (!identity.empty()) {
    credential.kind = Credential::Kind::kIdentityToken;
    credential.secret = std::move(identity);
  } else if (credential.user.empty() && credential.secret.empty()) {
    return std::nullopt;
  } else if (credential.user.empty() || credential.secret.empty()) {
    refuse(name, fmt::format("the entry of {} has a user without a password, or none",
                             base::printable(key)));
  }
  return credential;
}

/// Zeroes every string of a document that held secrets.
void wipe_strings(json& value) {
  if (value.is_string()) base::wipe(value.get_ref<std::string&>());
  if (!value.is_structured()) return;
  for (auto& child : value) wipe_strings(child);
}

json parse_document(const base::Secret& text, const std::string& name) {
  // The parser's own message quotes what it read: only the place is told.
  const auto depth_limit = [&name](int depth, json::parse_event_t, const json&) {
    if (depth > 16) refuse(name, "the JSON is nested too deep");
    return true;
  };
  try {
    return json::parse(text.reveal(), depth_limit);
  } catch (const json::parse_error& error) {
    refuse(name, fmt::format("broken JSON at byte {}", error.byte));
  }
}

/// Before `auths` there was only its content: HOST -> entry.
bool is_legacy(const json& document) {
  if (document.contains("auths") || document.contains("credHelpers") ||
      document.contains("credsStore")) {
    return false;
  }
  return std::any_of(document.begin(), document.end(), [](const json& entry) {
    return entry.is_object() && (entry.contains("auth") || entry.contains("username") ||
                                 entry.contains("identitytoken"));
  });
}

/// Refuses what a variable cannot say: a typo there must not become "anonymous".
void check_only(const json& object, std::string_view allowed, const std::string& name) {
  for (const auto& [field, value] : object.items()) {
    if (field != allowed) {
      refuse(name, fmt::format("it has the unknown field '{}'", base::printable(field)));
    }
  }
}

void check_variable(const json& document, const std::string& name) {
  check_only(document, "auths", name);
  if (!document.contains("auths")) refuse(name, "it has no 'auths'");
  for (const auto& entry : document.at("auths")) {
    if (entry.is_object()) check_only(entry, "auth", name);
  }
}

}  // namespace

DockerConfig DockerConfig::parse(const base::Secret& text, const std::string& name, Form form) {
  DockerConfig config;
  config.name_ = name;
  auto document = parse_document(text, name);
  if (!document.is_object()) refuse(name, "it is not a JSON object");
  if (form == Form::kVariable) check_variable(document, name);
  const json* auths = is_legacy(document) ? &document : object_of(document, "auths", name);
  if (auths != nullptr) {
    for (const auto& [key, entry] : auths->items()) {
      const auto parsed_key = RegistryKey::parse(key);
      if (!parsed_key) refuse(name, fmt::format("'{}' names no host", base::printable(key)));
      Entry result{.key = *parsed_key, .credential = {}, .broken = std::nullopt};
      try {
        auto credential = parse_entry(key, entry, name);
        if (!credential) continue;
        result.credential = std::move(*credential);
      } catch (const base::Error& error) {
        result.broken = error;
      }
      config.entries_.push_back(std::move(result));
    }
  }
  if (auths != &document) {
    config.store_ = text_of(document, "credsStore", name);
    if (const auto* helpers = object_of(document, "credHelpers", name); helpers != nullptr) {
      for (const auto& [key, helper] : helpers->items()) {
        const auto parsed_key = RegistryKey::parse(key);
        if (!parsed_key || !helper.is_string()) refuse(name, "'credHelpers' is not HOST: HELPER");
        config.helpers_[parsed_key->host] = helper.get<std::string>();
      }
    }
  }
  wipe_strings(document);
  return config;
}

std::optional<Credential> DockerConfig::find(std::string_view registry,
                                             std::string_view repository) const {
  const Entry* best = nullptr;
  std::size_t best_fit = 0;
  for (const auto& entry : entries_) {
    const auto fit = entry.key.match(registry, repository);
    if (!fit || (best != nullptr && *fit <= best_fit)) continue;
    best = &entry;
    best_fit = *fit;
  }
  if (best == nullptr) return std::nullopt;
  if (best->broken) throw base::Error(*best->broken);
  return best->credential;
}

std::optional<std::string> DockerConfig::helper_for(std::string_view registry) const {
  const auto found = helpers_.find(canonical_registry(registry));
  if (found == helpers_.end()) return std::nullopt;
  return found->second;
}

}  // namespace auth
