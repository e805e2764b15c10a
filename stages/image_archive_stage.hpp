// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

#include "stages/stage.hpp"

namespace stages {

/// Writes NAME.tar, a docker-archive of the image.
/// Record: {"type": "image-archive", "path", "size", "digest", "identity"}.
class ImageArchiveStage final : public Stage {
 public:
  struct Options {
    std::filesystem::path output;  ///< Absolute path of the archive.
    std::string name;              ///< What the image is called in it: a reference with a tag.
  };
  explicit ImageArchiveStage(Options options) : options_(std::move(options)) {}

  [[nodiscard]] std::string_view name() const override { return "image-archive"; }
  [[nodiscard]] int version() const override { return 1; }
  [[nodiscard]] std::vector<std::string> inputs() const override { return {"image"}; }
  [[nodiscard]] nlohmann::json parameters() const override;
  [[nodiscard]] bool still_valid(const Record& record, const oci::Store& store) const override;
  [[nodiscard]] Record run(const StageContext& context, const Inputs& inputs,
                           const oci::Digest& fingerprint) const override;

 private:
  Options options_;
};

}  // namespace stages
