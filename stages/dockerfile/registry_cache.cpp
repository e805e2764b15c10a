// SPDX-License-Identifier: Apache-2.0
#include "stages/dockerfile/registry_cache.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <set>

#include "base/error.hpp"
#include "base/format.hpp"
#include "oci/pull.hpp"
#include "oci/push.hpp"

namespace stages::dockerfile {
namespace {

using nlohmann::json;

constexpr const char* kStepsType = "application/vnd.osartifact.steps.v1+json";
constexpr const char* kSteps = "steps";

json descriptor_json(std::string_view media_type, const oci::Digest& digest, std::uint64_t size) {
  return {{"mediaType", media_type}, {"digest", digest.text()}, {"size", size}};
}

std::map<std::string, StepResult> read(const StageContext& context, const oci::Reference& reference,
                                       const std::stop_token& stop) {
  const auto document = context.registry->manifest(reference, stop);
  const auto name = reference.text();
  const auto manifest = oci::parse_manifest(document.bytes, document.descriptor.media_type, name);
  if (manifest.config.media_type != kStepsType) {
    throw base::Error({.code = base::ErrorCode::kIntegrity,
                       .what = fmt::format("{} holds no results of steps", name),
                       .why = fmt::format("its config is {}", manifest.config.media_type),
                       .hint = "name another tag for --cache-from"});
  }
  oci::pull_blobs(*context.registry, context.store, reference, {manifest.config}, 1, {}, stop);
  const auto text = context.store.read_blob(manifest.config.digest, oci::kMaxConfigBytes);
  const auto parsed = json::parse(text.value_or(""), nullptr, false);
  std::map<std::string, StepResult> steps;
  if (!parsed.is_object() || !parsed.contains(kSteps)) return steps;
  for (const auto& [key, record] : parsed.at(kSteps).items()) {
    if (auto result = step_result_of(record)) steps.emplace(key, *std::move(result));
  }
  return steps;
}

}  // namespace

std::map<std::string, StepResult> read_registry_cache(const StageContext& context,
                                                      const oci::Reference& reference,
                                                      const std::stop_token& stop) {
  const auto name = reference.text();
  if (context.registry == nullptr) {
    context.observer.warning(fmt::format("{} is not looked into: nothing may be fetched", name));
    return {};
  }
  try {
    auto steps = read(context, reference, stop);
    context.observer.fact(fmt::format("{} has results of {} steps", name, steps.size()));
    return steps;
  } catch (const base::Error& error) {
    if (error.code() == base::ErrorCode::kInterrupted) throw;
    const auto& facts = error.facts();
    context.observer.warning(fmt::format("no cache from {}: {}{}{}", name, facts.what,
                                         facts.why.empty() ? "" : ": ", facts.why));
    return {};
  }
}

void write_registry_cache(const StageContext& context, const oci::Reference& reference,
                          const std::map<std::string, StepResult>& steps,
                          const std::stop_token& stop) {
  json records = json::object();
  json layers = json::array();
  std::set<std::string> seen;
  for (const auto& [key, result] : steps) {
    records[key] = record_of_step(result);
    if (!result.layer || !seen.insert(result.layer->blob.digest.text()).second) continue;
    const auto& blob = result.layer->blob;
    layers.push_back(descriptor_json(blob.media_type, blob.digest, blob.size));
  }
  auto& store = context.store;
  const auto config = json({{kSteps, std::move(records)}}).dump();
  const auto manifest =
      json({{"schemaVersion", 2},
            {"mediaType", oci::media_type::kOciManifest},
            {"artifactType", kStepsType},
            {"config", descriptor_json(kStepsType, store.put_blob(config), config.size())},
            {"layers", std::move(layers)}})
          .dump();
  const oci::Descriptor top{.media_type = std::string(oci::media_type::kOciManifest),
                            .digest = store.put_blob(manifest),
                            .size = manifest.size(),
                            .annotations = {},
                            .platform = std::nullopt,
                            .urls = {}};
  const auto sent = oci::push_image(*context.registry, store, top, reference, {}, {}, stop);
  context.observer.fact(fmt::format("results of {} steps kept in {}, {} sent", steps.size(),
                                    reference.text(), base::format_bytes(sent.sent_bytes)));
}

}  // namespace stages::dockerfile
