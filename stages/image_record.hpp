// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "oci/manifest.hpp"
#include "stages/stage.hpp"

namespace stages {

/// What every stage that gives an image has in its record: {"reference", "digest", "mediaType",
/// "size", "content"}. It is called "image" where another stage takes it.
Record record_of_image(const oci::Descriptor& image, const std::string& reference);

/// The descriptor of the image that such a record names.
oci::Descriptor image_of(const Record& record);

/// Whether the store holds all of the image that such a record names.
bool has_image(const Record& record, const oci::Store& store);

}  // namespace stages
