// SPDX-License-Identifier: Apache-2.0
#include "stages/push_stage.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/format.hpp"
#include "oci/push.hpp"
#include "stages/image_record.hpp"

namespace stages {

nlohmann::json PushStage::parameters() const {
  return {{"destination", options_.destination.text()}};
}

bool PushStage::still_valid(const Record& /*record*/, const oci::Store& /*store*/) const {
  return false;
}

bool PushStage::is_there(const StageContext& context, const oci::Digest& digest) const {
  try {
    return context.registry->resolve(options_.destination, context.stop).digest == digest;
  } catch (const base::Error& error) {
    // A right to push need not be one to pull: the push itself tells what is wrong.
    const bool refused = error.code() == base::ErrorCode::kUnauthorized;
    if (refused || error.code() == base::ErrorCode::kNotFound) return false;
    throw;
  }
}

Record PushStage::run(const StageContext& context, const Inputs& inputs,
                      const oci::Digest& /*fingerprint*/) const {
  const auto image = image_of(inputs.at("image"));
  const auto& destination = options_.destination;
  oci::PushResult result;
  if (is_there(context, image.digest)) {
    context.observer.fact(fmt::format("{} is {} already", destination.text(), image.digest.text()));
  } else {
    const oci::PushOptions options{.mount_from = "", .parallel = options_.parallel};
    result = oci::push_image(
        *context.registry, context.store, image, destination, options,
        [&](std::uint64_t done, std::uint64_t total) { context.observer.progress(done, total); },
        context.stop);
    context.observer.fact(fmt::format("{}: {} sent in {} blobs, {} were there", destination.text(),
                                      base::format_bytes(result.sent_bytes), result.sent_blobs,
                                      result.present_blobs));
  }
  return {{"pushed", fmt::format("{}@{}", destination.text(), image.digest.text())},
          {"digest", image.digest.text()},
          {"sentBytes", result.sent_bytes},
          {"content", image.digest.text()}};
}

}  // namespace stages
