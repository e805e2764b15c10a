// SPDX-License-Identifier: Apache-2.0
#include "stages/uki/uki_iso_stage.hpp"

#include "base/files.hpp"
#include "stages/file_digest.hpp"
#include "stages/uki/uki_iso.hpp"
#include "stages/uki/uki_stage.hpp"

namespace stages::uki {

nlohmann::json UkiIsoStage::parameters() const {
  nlohmann::json parameters = {
      {"output", options_.output.string()},
      {"cloudConfig", oci::Digest::of(options_.cloud_config.reveal()).text()},
      {"epoch", options_.epoch}};
  if (options_.overlay) parameters["overlay"] = options_.overlay->digest.text();
  return parameters;
}

bool UkiIsoStage::still_valid(const Record& record, const oci::Store& /*store*/) const {
  return is_same_file(options_.output, record.at("identity"));
}

Record UkiIsoStage::run(const StageContext& context, const Inputs& inputs,
                        const oci::Digest& /*fingerprint*/) const {
  const auto work = context.store.make_temp_dir("uki-iso");
  UkiIsoContents contents{.boot_folder = boot_folder_of(context.store, inputs.at("uki")),
                          .cloud_config = options_.cloud_config.reveal(),
                          .overlay = {},
                          .epoch = options_.epoch,
                          .work = work.path()};
  if (options_.overlay) contents.overlay = options_.overlay->folder;
  base::make_directories(options_.output.parent_path());
  make_uki_iso(context.process, contents, options_.output, context.stop,
               [&](const std::filesystem::path& iso) {
                 check_uki_iso(context.process, iso, contents.boot_folder, work.path(),
                               context.stop);
               });
  base::wipe(contents.cloud_config);
  return describe_artifact("uki-iso", options_.output, context.stop);
}

}  // namespace stages::uki
