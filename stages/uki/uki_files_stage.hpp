// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "stages/stage.hpp"

namespace stages::uki {

/// Makes the folder NAME-uki: the files of an EFI partition, as UkiStage made them. Record:
/// {"type": "uki-files", "path", "size" (of all), "digest" (of the list of files), "files":
/// [{"path", "size", "digest", "identity"}]}.
class UkiFilesStage final : public Stage {
 public:
  struct Options {
    std::filesystem::path output;  ///< Absolute path of the folder; what is there is replaced.
  };
  explicit UkiFilesStage(Options options) : options_(std::move(options)) {}

  [[nodiscard]] std::string_view name() const override { return "uki-files"; }
  [[nodiscard]] int version() const override { return 1; }
  [[nodiscard]] std::vector<std::string> inputs() const override { return {"uki"}; }
  [[nodiscard]] nlohmann::json parameters() const override;
  [[nodiscard]] bool still_valid(const Record& record, const oci::Store& store) const override;
  [[nodiscard]] Record run(const StageContext& context, const Inputs& inputs,
                           const oci::Digest& fingerprint) const override;

 private:
  Options options_;
};

}  // namespace stages::uki
