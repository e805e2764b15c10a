// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/secrets.hpp"

#include <fmt/format.h>

#include <array>

#include "base/error.hpp"
#include "base/files.hpp"

namespace orchestrator {
namespace {

constexpr std::size_t kMaxSecretBytes = 1U << 20;  // Kubernetes takes no larger Secret.

/// Keys of registry Secrets, in order. Source: Kubernetes, "Secret types"; config.json is what
/// people name it in Opaque ones.
constexpr std::array<const char*, 3> kRegistryKeys = {".dockerconfigjson", ".dockercfg",
                                                      "config.json"};

bool is_plain_name(const std::string& name) {
  return !name.empty() && name != "." && name != ".." && name.find('/') == std::string::npos;
}

/// DIR/NAME/KEY, or NAME_KEY or NAME as systemd names its credentials.
std::optional<base::Secret> value_in(const std::filesystem::path& folder, const std::string& name,
                                     const std::string& key) {
  if (!is_plain_name(name) || (!key.empty() && !is_plain_name(key))) return std::nullopt;
  std::vector<std::filesystem::path> places;
  if (!key.empty()) places = {folder / name / key, folder / (name + "_" + key)};
  std::error_code error;
  if (std::filesystem::is_regular_file(folder / name, error)) places.push_back(folder / name);
  for (const auto& place : places) {
    if (auto text = base::read_file_if_exists(place, kMaxSecretBytes)) {
      return base::Secret(std::move(*text));
    }
  }
  return std::nullopt;
}

/// The keys of a Secret or ConfigMap, as Kubernetes mounts it.
std::optional<std::map<std::string, base::Secret>> keys_in(const std::filesystem::path& folder) {
  std::error_code error;
  if (!std::filesystem::is_directory(folder, error)) return std::nullopt;
  std::map<std::string, base::Secret> values;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const auto key = entry.path().filename().string();
    // Kubernetes keeps its own folders (..data, ..2026_...) beside the keys.
    if (key.starts_with("..") || !std::filesystem::is_regular_file(entry.path())) continue;
    values.emplace(key, base::Secret(base::read_file(entry.path(), kMaxSecretBytes)));
  }
  return values;
}

}  // namespace

std::vector<std::filesystem::path> SecretFinder::folders() const {
  std::vector<std::filesystem::path> folders;
  if (!session_.options().secrets.empty()) folders.push_back(session_.options().secrets);
  const auto systemd = base::value_of(session_.environment().variables, "CREDENTIALS_DIRECTORY");
  if (!systemd.empty()) folders.emplace_back(systemd);
  return folders;
}

void SecretFinder::fail(const manifest::Resource& resource, const std::string& what,
                        const std::string& field) const {
  const auto position = resource.position_of(field);
  std::string places = fmt::format("{} (namespace {})", file_, resource.namespace_);
  for (const auto& folder : folders()) places += ", " + folder.string();
  throw base::Error(
      {.code = base::ErrorCode::kManifest,
       .what = fmt::format("{}:{}:{}: {}: {}", file_, position.line, position.column, field, what),
       .why = fmt::format("looked in {}", places),
       .hint = fmt::format("put the Secret beside the {}, or in a folder given by --secrets DIR "
                           "(DIR/NAME/KEY)",
                           resource.kind)});
}

base::Secret SecretFinder::value(const manifest::Resource& resource,
                                 const manifest::SecretKeySelector& selector,
                                 const std::string& field) const {
  if (const auto* document = documents_.find_secret(resource.namespace_, selector.name)) {
    if (const auto* found = document->find(selector.key)) return *found;
    fail(resource,
         selector.key.empty()
             ? fmt::format("secret '{}' has not exactly one key, so a key must be named",
                           selector.name)
             : fmt::format("secret '{}' has no key '{}'", selector.name, selector.key),
         field);
  }
  for (const auto& folder : folders()) {
    if (auto found = value_in(folder, selector.name, selector.key)) return *found;
  }
  fail(resource,
       fmt::format("there is no secret '{}'{}", selector.name,
                   selector.key.empty() ? "" : fmt::format(" with a key '{}'", selector.key)),
       field);
}

std::optional<std::map<std::string, base::Secret>> SecretFinder::all_values(
    const manifest::Resource& resource, const std::string& name) const {
  if (const auto* document = documents_.find_secret(resource.namespace_, name)) {
    return document->data;
  }
  if (!is_plain_name(name)) return std::nullopt;
  for (const auto& folder : folders()) {
    if (auto values = keys_in(folder / name)) return values;
  }
  return std::nullopt;
}

std::optional<std::map<std::string, base::Secret>> SecretFinder::config_map_values(
    const manifest::Resource& resource, const std::string& name) const {
  if (const auto* map = documents_.find_config_map(resource.namespace_, name)) {
    std::map<std::string, base::Secret> values;
    for (const auto& [key, value] : map->data) values.emplace(key, base::Secret(value));
    return values;
  }
  const auto& folder = session_.options().secrets;
  if (folder.empty() || !is_plain_name(name)) return std::nullopt;
  return keys_in(folder / "configmaps" / name);
}

std::optional<auth::SecretText> SecretFinder::registry_secret(
    const manifest::Resource& resource, const manifest::SecretKeySelector& selector) const {
  const auto origin = fmt::format("secret '{}' ({})", selector.name, file_);
  if (const auto* document = documents_.find_secret(resource.namespace_, selector.name)) {
    if (!selector.key.empty()) {
      const auto* found = document->find(selector.key);
      return found == nullptr ? std::nullopt : std::optional(auth::fixed_secret(origin, *found));
    }
    for (const auto* key : kRegistryKeys) {
      if (const auto* found = document->find(key)) return auth::fixed_secret(origin, *found);
    }
    return std::nullopt;
  }
  for (const auto& folder : folders()) {
    if (!selector.key.empty()) {
      const auto file = folder / selector.name / selector.key;
      if (is_plain_name(selector.name) && is_plain_name(selector.key) &&
          std::filesystem::exists(file)) {
        return auth::SecretText{
            .origin = fmt::format("secret '{}' ({})", selector.name, file.string()),
            .read = [file] { return auth::read_credentials(file, true); }};
      }
    }
    if (auto found = auth::find_secret(folder, selector.name)) return found;
  }
  return std::nullopt;
}

std::map<std::string, base::Secret> SecretFinder::required_values(
    const manifest::Resource& resource, const std::string& name, const std::string& field) const {
  if (auto values = all_values(resource, name)) return std::move(*values);
  fail(resource, fmt::format("there is no secret '{}'", name), field);
}

std::vector<auth::SecretText> SecretFinder::image_credentials(
    const manifest::OSArtifact& artifact) const {
  std::vector<auth::SecretText> secrets;
  if (const auto& selector = artifact.image.image_credentials_secret_ref) {
    auto found = registry_secret(artifact, *selector);
    if (!found) {
      fail(artifact,
           fmt::format("there is no secret '{}' with registry credentials", selector->name),
           "spec.image.imageCredentialsSecretRef");
    }
    secrets.push_back(std::move(*found));
  }
  return secrets;
}

std::vector<auth::SecretText> SecretFinder::pull_credentials(const manifest::OSArtifact& artifact,
                                                             Session& session) const {
  auto secrets = image_credentials(artifact);
  add_pull_secrets(artifact, artifact.image_pull_secrets, session, secrets);
  return secrets;
}

std::vector<auth::SecretText> SecretFinder::tool_credentials(const manifest::OSArtifact& artifact,
                                                             const std::vector<std::string>& more,
                                                             Session& session) const {
  std::vector<auth::SecretText> secrets;
  add_pull_secrets(artifact, artifact.image_pull_secrets, session, secrets);
  add_pull_secrets(artifact, more, session, secrets);
  if (const auto& selector = artifact.image.image_credentials_secret_ref) {
    if (auto found = registry_secret(artifact, *selector)) secrets.push_back(std::move(*found));
  }
  return secrets;
}

std::vector<auth::SecretText> SecretFinder::pull_secrets(const manifest::Resource& resource,
                                                         const std::vector<std::string>& names,
                                                         Session& session) const {
  std::vector<auth::SecretText> secrets;
  add_pull_secrets(resource, names, session, secrets);
  return secrets;
}

void SecretFinder::add_pull_secrets(const manifest::Resource& resource,
                                    const std::vector<std::string>& names, Session& session,
                                    std::vector<auth::SecretText>& secrets) const {
  for (const auto& name : names) {
    auto found = registry_secret(resource, {.name = name, .key = ""});
    if (found) {
      secrets.push_back(std::move(*found));
    } else {
      session.warn_once(
          fmt::format("the pull secret '{}' of {} '{}' is not to be found; going on "
                      "without it",
                      name, resource.kind, resource.name));
    }
  }
}

}  // namespace orchestrator
