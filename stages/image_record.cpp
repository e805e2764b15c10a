// SPDX-License-Identifier: Apache-2.0
#include "stages/image_record.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "oci/pull.hpp"

namespace stages {

Record record_of_image(const oci::Descriptor& image, const std::string& reference) {
  return {{"reference", reference},
          {"digest", image.digest.text()},
          {"mediaType", image.media_type},
          {"size", image.size},
          {"content", image.digest.text()}};
}

oci::Descriptor image_of(const Record& record) {
  return {.media_type = record.at("mediaType").get<std::string>(),
          .digest = oci::Digest::parse(record.at("digest").get<std::string>()).value(),
          .size = record.at("size").get<std::uint64_t>(),
          .annotations = {},
          .platform = {},
          .urls = {}};
}

bool has_image(const Record& record, const oci::Store& store) {
  const auto image = image_of(record);
  if (!store.contains(image)) return false;
  try {
    const auto manifest = oci::read_manifest(store, image);
    return store.contains(manifest.config) &&
           std::all_of(manifest.layers.begin(), manifest.layers.end(),
                       [&](const oci::Descriptor& layer) { return store.contains(layer); });
  } catch (const base::Error&) {
    return false;  // It is made again.
  }
}

}  // namespace stages
