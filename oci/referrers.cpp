// SPDX-License-Identifier: Apache-2.0
#include "oci/referrers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "oci/descriptor_json.hpp"
#include "oci/json.hpp"
#include "oci/layout_index.hpp"

namespace oci {
namespace {

constexpr std::size_t kMaxTagDigits = 64;

std::string empty_index() {
  return nlohmann::json{{"schemaVersion", 2},
                        {"mediaType", media_type::kOciIndex},
                        {"manifests", nlohmann::json::array()}}
      .dump();
}

Referral referral(Descriptor subject, std::string_view type, const Digest& digest, std::size_t size,
                  std::map<std::string, std::string> annotations, std::string artifact_type) {
  return {.subject = std::move(subject),
          .referrer = {.media_type = std::string(type),
                       .digest = digest,
                       .size = size,
                       .annotations = std::move(annotations),
                       .platform = std::nullopt,
                       .urls = {}},
          .artifact_type = std::move(artifact_type)};
}

}  // namespace

std::optional<Referral> referral_of(std::string_view document, std::string_view media_type,
                                    const Digest& digest, std::string_view what) {
  const auto json = parse_json(document, what);
  if (!json.is_object() || !json.contains("subject")) return std::nullopt;
  if (is_index(media_type)) {
    auto index = parse_index(document, media_type, what);
    if (!index.subject) return std::nullopt;
    return referral(*std::move(index.subject), media_type, digest, document.size(),
                    std::move(index.annotations), std::move(index.artifact_type));
  }
  auto manifest = parse_manifest(document, media_type, what);
  if (!manifest.subject) return std::nullopt;
  const bool named = !manifest.artifact_type.empty();
  return referral(*std::move(manifest.subject), media_type, digest, document.size(),
                  std::move(manifest.annotations),
                  named ? std::move(manifest.artifact_type) : manifest.config.media_type);
}

std::string referrers_tag(const Digest& subject) {
  return fmt::format("{}-{}", subject.algorithm(), subject.hex().substr(0, kMaxTagDigits));
}

std::optional<std::string> with_referral(std::string_view index, const Referral& referral,
                                         std::string_view what) {
  const auto text = index.empty() ? empty_index() : std::string(index);
  const auto listed = parse_index(text, "", what).manifests;
  const bool known = std::any_of(listed.begin(), listed.end(), [&](const Descriptor& entry) {
    return entry.digest == referral.referrer.digest;
  });
  if (known) return std::nullopt;
  auto document = parse_json(text, what);
  auto entry = to_json(referral.referrer);
  if (!referral.artifact_type.empty()) entry["artifactType"] = referral.artifact_type;
  document["manifests"].push_back(std::move(entry));
  return document.dump();
}

std::vector<Descriptor> referrers_in(std::string_view index, std::string_view artifact_type,
                                     std::string_view what) {
  const auto listed = parse_index(index, "", what).manifests;
  const auto document = parse_json(index, what);
  std::vector<Descriptor> found;
  for (std::size_t i = 0; i < listed.size(); ++i) {
    const auto type = text_field(document.at("manifests").at(i), "artifactType", what);
    if (type.empty() || type == artifact_type) found.push_back(listed[i]);
  }
  return found;
}

}  // namespace oci
