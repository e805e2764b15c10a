// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/manifest/documents.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/base64.hpp"
#include "base/format.hpp"
#include "orchestrator/manifest/grammar.hpp"
#include "orchestrator/manifest/schema.hpp"

namespace orchestrator::manifest {
namespace {

constexpr std::size_t kMaxKeyBytes = 253;

template <typename Document>
const Document* find_in(const std::vector<Document>& documents, std::string_view namespace_name,
                        std::string_view name) {
  const auto found = std::find_if(documents.begin(), documents.end(), [&](const Document& d) {
    return d.name == name && d.namespace_ == namespace_name;
  });
  return found == documents.end() ? nullptr : &*found;
}

/// Kubernetes' rule for keys, which become file names.
bool is_data_key(std::string_view key) {
  return !key.empty() && key.size() <= kMaxKeyBytes && key != "." && !key.starts_with("..") &&
         std::all_of(key.begin(), key.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '-' || c == '_' || c == '.';
         });
}

template <typename Names>
void check_fields(const Node& document, const Names& names, Report& report) {
  for (const auto& member : document.members) {
    if (std::find(names.begin(), names.end(), member.key) != names.end()) continue;
    const auto meant = base::nearest(member.key, names);
    report.error(place_of(member, ""), fmt::format("unknown field \"{}\"", member.key),
                 meant.empty() ? "" : fmt::format("did you mean \"{}\"?", meant));
  }
}

/// Name and namespace, reporting what is wrong with them.
template <typename Document>
void read_metadata(const Node& document, Document& out, Report& report) {
  out.position = document.position;
  const auto* metadata = document.find("metadata");
  if (metadata) check_schema(*metadata, "ObjectMeta", "metadata", report);
  if (metadata) out.name = metadata->text_of("name");
  if (metadata && metadata->find("namespace")) out.namespace_ = metadata->text_of("namespace");
  if (!is_dns_subdomain(out.name)) {
    report.error({document.position, 1, "metadata.name"},
                 out.name.empty() ? "missing required field \"name\"" : "not a name of an object");
  }
}

/// Calls `take(key, text)` for each usable entry of the mapping `field`.
template <typename Take>
void read_entries(const Node& document, std::string_view field, Report& report, Take take) {
  const auto* entries = document.find(field);
  if (!entries) return;
  if (!entries->is_mapping()) {
    report.error(place_of(*document.find_member(field), std::string(field)), "must be a mapping");
    return;
  }
  for (const auto& member : entries->members) {
    const auto place = place_of(member, fmt::format("{}.{}", field, member.key));
    if (!is_data_key(member.key)) {
      report.error(place, "not a key of data",
                   "use at most 253 letters, digits, -, _ and ., not beginning with ..");
    } else if (!member.value.is_null() && !member.value.is_scalar()) {
      report.error(place, "must be a string");
    } else {
      take(member.key, member.value.scalar, place);
    }
  }
}

void check_type(const Node& document, const SecretDocument& secret, Report& report) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 2> kTypes = {
      {{"kubernetes.io/dockerconfigjson", ".dockerconfigjson"},
       {"kubernetes.io/dockercfg", ".dockercfg"}}};
  for (const auto& [type, key] : kTypes) {
    if (secret.type != type || secret.data.contains(std::string(key))) continue;
    report.error(
        place_of(*document.find_member("type"), "type"),
        fmt::format("secret \"{}\" is of type {} but has no key \"{}\"", secret.name, type, key));
  }
}

}  // namespace

const base::Secret* SecretDocument::find(std::string_view key) const {
  if (key.empty()) return data.size() == 1 ? &data.begin()->second : nullptr;
  const auto found = data.find(std::string(key));
  return found == data.end() ? nullptr : &found->second;
}

const SecretDocument* Documents::find_secret(std::string_view namespace_name,
                                             std::string_view name) const {
  return find_in(secrets, namespace_name, name);
}

const ConfigMapDocument* Documents::find_config_map(std::string_view namespace_name,
                                                    std::string_view name) const {
  return find_in(config_maps, namespace_name, name);
}

SecretDocument read_secret(const Node& document, Report& report) {
  constexpr std::array<std::string_view, 7> kFields = {
      "apiVersion", "kind", "metadata", "type", "data", "stringData", "immutable"};
  check_fields(document, kFields, report);
  SecretDocument secret;
  read_metadata(document, secret, report);
  if (auto type = document.text_of("type"); !type.empty()) secret.type = std::move(type);
  read_entries(document, "data", report,
               [&](const std::string& key, const std::string& text, const Report::Place& place) {
                 if (auto value = base::base64_decode_strict(text)) {
                   secret.data.insert_or_assign(key, base::Secret(std::move(*value)));
                 } else {
                   report.error(place, "not base64", "plain text goes under stringData");
                 }
               });
  read_entries(document, "stringData", report,
               [&](const std::string& key, const std::string& text, const Report::Place&) {
                 secret.data.insert_or_assign(key, base::Secret(text));
               });
  check_type(document, secret, report);
  return secret;
}

ConfigMapDocument read_config_map(const Node& document, Report& report) {
  constexpr std::array<std::string_view, 6> kFields = {"apiVersion", "kind",       "metadata",
                                                       "data",       "binaryData", "immutable"};
  check_fields(document, kFields, report);
  ConfigMapDocument map;
  read_metadata(document, map, report);
  read_entries(document, "data", report,
               [&](const std::string& key, const std::string& text, const Report::Place&) {
                 map.data.insert_or_assign(key, text);
               });
  read_entries(document, "binaryData", report,
               [&](const std::string& key, const std::string& text, const Report::Place& place) {
                 auto value = base::base64_decode_strict(text);
                 if (!value) {
                   report.error(place, "not base64", "plain text goes under data");
                 } else if (!map.data.try_emplace(key, std::move(*value)).second) {
                   report.error(place, "this key is given in data too");
                 }
               });
  return map;
}

}  // namespace orchestrator::manifest
