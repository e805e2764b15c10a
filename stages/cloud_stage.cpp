// SPDX-License-Identifier: Apache-2.0
#include "stages/cloud_stage.hpp"

#include "base/files.hpp"
#include "stages/file_digest.hpp"
#include "stages/gce_archive.hpp"
#include "stages/raw_disk_stage.hpp"
#include "stages/vhd.hpp"

namespace stages {

std::string_view CloudStage::name() const {
  switch (options_.format) {
    case CloudFormat::kAzure:
      return "azure";
    case CloudFormat::kGce:
      return "gce";
  }
  return "";
}

nlohmann::json CloudStage::parameters() const {
  return {{"output", options_.output.string()}, {"epoch", options_.epoch}};
}

bool CloudStage::still_valid(const Record& record, const oci::Store& /*store*/) const {
  return is_same_file(options_.output, record.at("identity"));
}

Record CloudStage::run(const StageContext& context, const Inputs& inputs,
                       const oci::Digest& /*fingerprint*/) const {
  const auto raw = raw_disk_file(context.store, inputs.at("raw-disk"));
  base::make_directories(options_.output.parent_path());
  switch (options_.format) {
    case CloudFormat::kAzure:
      make_vhd(raw, options_.output, options_.epoch, context.stop,
               [](const std::filesystem::path& file) { check_vhd(DiskBytes(file)); });
      break;
    case CloudFormat::kGce: {
      const auto work = context.store.make_temp_dir("gce");
      make_gce_archive(
          raw, options_.output, {.epoch = options_.epoch, .threads = options_.threads},
          [&](std::uint64_t done, std::uint64_t total) { context.observer.progress(done, total); },
          context.stop,
          [&](const std::filesystem::path& file) {
            check_gce_archive(file, work.path(), context.stop);
          });
      break;
    }
  }
  return describe_artifact(name(), options_.output, context.stop);
}

}  // namespace stages
