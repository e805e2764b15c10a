// SPDX-License-Identifier: Apache-2.0
#include "oci/attachment.hpp"

#include <nlohmann/json.hpp>

namespace oci {
namespace {

// Source: OCI image-spec, manifest.md, "Guidance for an Empty Descriptor".
constexpr std::string_view kEmptyType = "application/vnd.oci.empty.v1+json";
constexpr std::string_view kEmpty = "{}";

Descriptor put(Store& store, std::string_view content, std::string_view media_type) {
  return {.media_type = std::string(media_type),
          .digest = store.put_blob(content),
          .size = content.size(),
          .annotations = {},
          .platform = std::nullopt,
          .urls = {}};
}

nlohmann::json entry(const Descriptor& blob) {
  return {{"mediaType", blob.media_type}, {"digest", blob.digest.text()}, {"size", blob.size}};
}

}  // namespace

Descriptor attach(Registry& registry, Store& store, const Reference& repository,
                  const Descriptor& image, const Attachment& attachment,
                  const std::stop_token& stop) {
  const auto config = put(store, kEmpty, kEmptyType);
  const auto content = put(store, attachment.content, attachment.media_type);
  for (const auto& blob : {config, content}) {
    registry.push_blob(repository, blob, store.blob_path(blob.digest), "", {}, stop);
  }
  nlohmann::json manifest = {{"schemaVersion", 2},
                             {"mediaType", media_type::kOciManifest},
                             {"artifactType", attachment.artifact_type},
                             {"config", entry(config)},
                             {"layers", nlohmann::json::array({entry(content)})},
                             {"subject", entry(image)}};
  if (!attachment.annotations.empty()) manifest["annotations"] = attachment.annotations;
  const auto text = manifest.dump();
  auto pushed = put(store, text, media_type::kOciManifest);
  auto place = repository;
  place.tag.clear();
  place.digest = pushed.digest;
  registry.push_manifest(place, pushed.media_type, text, stop);
  return pushed;
}

}  // namespace oci
