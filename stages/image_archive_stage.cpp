// SPDX-License-Identifier: Apache-2.0
#include "stages/image_archive_stage.hpp"

#include "base/files.hpp"
#include "oci/image_files.hpp"
#include "stages/file_digest.hpp"
#include "stages/image_record.hpp"

namespace stages {

nlohmann::json ImageArchiveStage::parameters() const {
  return {{"output", options_.output.string()}, {"name", options_.name}};
}

bool ImageArchiveStage::still_valid(const Record& record, const oci::Store& /*store*/) const {
  return is_same_file(options_.output, record.at("identity"));
}

Record ImageArchiveStage::run(const StageContext& context, const Inputs& inputs,
                              const oci::Digest& /*fingerprint*/) const {
  base::make_directories(options_.output.parent_path());
  oci::export_image(context.store, image_of(inputs.at("image")),
                    {.format = oci::ImageLocation::Format::kDockerArchive,
                     .path = options_.output,
                     .name = options_.name},
                    context.stop);
  return describe_artifact("image-archive", options_.output, context.stop);
}

}  // namespace stages
