// SPDX-License-Identifier: Apache-2.0
#include "stages/dockerfile/step_cache.hpp"

#include <nlohmann/json.hpp>
#include <string>

namespace stages::dockerfile {
namespace {

constexpr int kVersion = 1;  // Raised when the same step gives another layer than before.

std::optional<StepResult> result_of(const nlohmann::json& record) {
  StepResult result{.layer = std::nullopt, .created = record.value("created", std::int64_t{0})};
  if (!record.contains("layer")) return result;
  const auto& layer = record.at("layer");
  const auto blob = oci::Digest::parse(layer.value("digest", ""));
  const auto diff_id = oci::Digest::parse(layer.value("diffId", ""));
  if (!blob || !diff_id) return std::nullopt;
  result.layer = {.blob = {.media_type = layer.value("mediaType", ""),
                           .digest = *blob,
                           .size = layer.value("size", std::uint64_t{0}),
                           .annotations = {},
                           .platform = std::nullopt,
                           .urls = {}},
                  .diff_id = *diff_id};
  return result;
}

}  // namespace

oci::Digest StepCache::key_of(const nlohmann::json& parts) {
  return oci::Digest::of(nlohmann::json{{"dockerfile step", kVersion}, {"parts", parts}}.dump(
      -1, ' ', false, nlohmann::json::error_handler_t::replace));
}

std::optional<StepResult> StepCache::find(const oci::Digest& key) const {
  if (!use_) return std::nullopt;
  const auto record = store_.result(key);
  if (!record || !record->is_object()) return std::nullopt;
  const auto result = result_of(*record);
  if (result && result->layer && !store_.contains(result->layer->blob)) return std::nullopt;
  return result;
}

void StepCache::put(const oci::Digest& key, const StepResult& result) {
  nlohmann::json record = {{"created", result.created}};
  if (result.layer) {
    record["layer"] = {{"mediaType", result.layer->blob.media_type},
                       {"digest", result.layer->blob.digest.text()},
                       {"size", result.layer->blob.size},
                       {"diffId", result.layer->diff_id.text()}};
  }
  store_.put_result(key, record);
}

}  // namespace stages::dockerfile
