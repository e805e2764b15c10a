// SPDX-License-Identifier: Apache-2.0
#include "oci/layout_index.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "oci/json.hpp"
#include "oci/store_paths.hpp"

namespace oci {
namespace {

std::string name_of_entry(const nlohmann::json& entry) {
  const auto annotations = entry.find("annotations");
  if (annotations == entry.end() || !annotations->is_object()) return "";
  const auto name = annotations->find(kRefNameAnnotation);
  return name != annotations->end() && name->is_string() ? name->get<std::string>() : "";
}

}  // namespace

nlohmann::json to_json(const Descriptor& descriptor) {
  nlohmann::json object = {{"mediaType", descriptor.media_type},
                           {"digest", descriptor.digest.text()},
                           {"size", descriptor.size}};
  if (!descriptor.annotations.empty()) object["annotations"] = descriptor.annotations;
  if (descriptor.platform) {
    auto& platform = object["platform"];
    platform = {{"os", descriptor.platform->os},
                {"architecture", descriptor.platform->architecture}};
    if (!descriptor.platform->variant.empty()) platform["variant"] = descriptor.platform->variant;
  }
  if (!descriptor.urls.empty()) object["urls"] = descriptor.urls;
  return object;
}

std::string with_name(std::string_view index, std::string_view name, const Descriptor& manifest,
                      std::string_view what) {
  static_cast<void>(parse_index(index, "", what));
  auto document = parse_json(index, what);
  auto entries = nlohmann::json::array();
  for (auto& entry : document["manifests"]) {
    if (name_of_entry(entry) != name) entries.push_back(std::move(entry));
  }
  auto named = manifest;
  named.annotations.erase(kRefNameAnnotation);
  if (!name.empty()) named.annotations[kRefNameAnnotation] = name;
  entries.push_back(to_json(named));
  document["manifests"] = std::move(entries);
  return document.dump();
}

std::optional<Descriptor> find_name(std::string_view index, std::string_view name,
                                    std::string_view what) {
  std::optional<Descriptor> found;
  for (auto& descriptor : parse_index(index, "", what).manifests) {
    const auto annotation = descriptor.annotations.find(kRefNameAnnotation);
    if (annotation == descriptor.annotations.end() || annotation->second != name) continue;
    if (found && found->digest != descriptor.digest) {
      throw base::Error({.code = base::ErrorCode::kIntegrity,
                         .what = fmt::format("the name '{}' is ambiguous in {}", name, what),
                         .why = fmt::format("it leads to {} and to {}", found->digest.text(),
                                            descriptor.digest.text()),
                         .hint = ""});
    }
    found = std::move(descriptor);
  }
  return found;
}

}  // namespace oci
