// SPDX-License-Identifier: Apache-2.0
#include "stages/dockerfile/step_cache.hpp"

#include <nlohmann/json.hpp>

namespace stages::dockerfile {
namespace {

constexpr int kVersion = 1;  // Raised when the same step gives another layer than before.

}  // namespace

nlohmann::json record_of_step(const StepResult& result) {
  nlohmann::json record = {{"created", result.created}};
  if (!result.layer) return record;
  record["layer"] = {{"mediaType", result.layer->blob.media_type},
                     {"digest", result.layer->blob.digest.text()},
                     {"size", result.layer->blob.size},
                     {"diffId", result.layer->diff_id.text()}};
  return record;
}

std::optional<StepResult> step_result_of(const nlohmann::json& record) {
  try {
    StepResult result{.layer = std::nullopt, .created = record.at("created").get<std::int64_t>()};
    if (!record.contains("layer")) return result;
    const auto& layer = record.at("layer");
    const auto blob = oci::Digest::parse(layer.at("digest").get<std::string>());
    const auto diff_id = oci::Digest::parse(layer.at("diffId").get<std::string>());
    if (!blob || !diff_id) return std::nullopt;
    result.layer = {.blob = {.media_type = layer.at("mediaType").get<std::string>(),
                             .digest = *blob,
                             .size = layer.at("size").get<std::uint64_t>(),
                             .annotations = {},
                             .platform = std::nullopt,
                             .urls = {}},
                    .diff_id = *diff_id};
    return result;
  } catch (const nlohmann::json::exception&) {
    return std::nullopt;
  }
}

oci::Digest StepCache::key_of(const nlohmann::json& parts) {
  return oci::Digest::of(nlohmann::json{{"dockerfile step", kVersion}, {"parts", parts}}.dump(
      -1, ' ', false, nlohmann::json::error_handler_t::replace));
}

void StepCache::add_elsewhere(std::map<std::string, StepResult> results,
                              std::function<void(const oci::Descriptor& layer)> fetch) {
  elsewhere_.push_back({.results = std::move(results), .fetch = std::move(fetch)});
}

std::optional<StepResult> StepCache::find_here(const oci::Digest& key) const {
  const auto record = store_.result(key);
  if (!record) return std::nullopt;
  auto result = step_result_of(*record);
  if (result && result->layer && !store_.contains(result->layer->blob)) return std::nullopt;
  return result;
}

std::optional<StepResult> StepCache::find_elsewhere(const oci::Digest& key) const {
  for (const auto& [results, fetch] : elsewhere_) {
    const auto found = results.find(key.text());
    if (found == results.end()) continue;
    const auto& layer = found->second.layer;
    if (layer && !store_.contains(layer->blob)) fetch(layer->blob);
    return found->second;
  }
  return std::nullopt;
}

std::optional<StepResult> StepCache::find(const oci::Digest& key) {
  if (!use_) return std::nullopt;
  auto result = find_here(key);
  if (!result) {
    result = find_elsewhere(key);
    if (!result) return std::nullopt;
    put(key, *result);
  }
  const std::lock_guard lock(mutex_);
  used_.insert_or_assign(key.text(), *result);
  return result;
}

void StepCache::put(const oci::Digest& key, const StepResult& result) {
  store_.put_result(key, record_of_step(result));
  const std::lock_guard lock(mutex_);
  used_.insert_or_assign(key.text(), result);
}

std::map<std::string, StepResult> StepCache::used() const {
  const std::lock_guard lock(mutex_);
  return used_;
}

}  // namespace stages::dockerfile
