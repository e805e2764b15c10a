// SPDX-License-Identifier: Apache-2.0
#include "tests/support/made_image.hpp"

#include <nlohmann/json.hpp>

#include "oci/layout_index.hpp"
#include "tests/support/packing.hpp"

namespace tests {
namespace {

oci::Descriptor put(oci::Store& store, std::string_view media_type, const std::string& bytes) {
  return {.media_type = std::string(media_type),
          .digest = store.put_blob(bytes),
          .size = bytes.size(),
          .annotations = {},
          .platform = std::nullopt,
          .urls = {}};
}

}  // namespace

MadeImage make_image(oci::Store& store, const std::vector<std::string>& tars) {
  nlohmann::json config = {{"os", "linux"},
                           {"architecture", "amd64"},
                           {"rootfs", {{"type", "layers"}, {"diff_ids", nlohmann::json::array()}}}};
  nlohmann::json manifest = {{"schemaVersion", 2},
                             {"mediaType", oci::media_type::kOciManifest},
                             {"layers", nlohmann::json::array()}};
  for (const auto& tar : tars) {
    config["rootfs"]["diff_ids"].push_back(oci::Digest::of(tar).text());
    manifest["layers"].push_back(
        oci::to_json(put(store, oci::media_type::kOciLayerGzip, gzip(tar))));
  }
  manifest["config"] = oci::to_json(put(store, oci::media_type::kOciConfig, config.dump()));
  return {.manifest = oci::parse_manifest(manifest.dump(), "", "the manifest"),
          .config = oci::parse_config(config.dump(), "the config"),
          .descriptor = put(store, oci::media_type::kOciManifest, manifest.dump())};
}

oci::Descriptor make_index(oci::Store& store,
                           const std::vector<std::pair<std::string, oci::Descriptor>>& images) {
  nlohmann::json index = {{"schemaVersion", 2},
                          {"mediaType", oci::media_type::kOciIndex},
                          {"manifests", nlohmann::json::array()}};
  for (auto [platform, descriptor] : images) {
    descriptor.platform = oci::Platform::parse(platform);
    index["manifests"].push_back(oci::to_json(descriptor));
  }
  return put(store, oci::media_type::kOciIndex, index.dump());
}

}  // namespace tests
