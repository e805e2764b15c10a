// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "stages/architecture.hpp"
#include "stages/stage.hpp"

namespace stages::uki {

/// Makes NAME-uki.tar, a docker-archive of an image with one layer: what UkiStage made. Installed
/// machines upgrade from such an image. Record: {"type": "uki-container", "path", "size", "digest",
/// "identity"}.
class UkiContainerStage final : public Stage {
 public:
  struct Options {
    std::filesystem::path output;  ///< Absolute path of the archive.
    std::string name;              ///< What the image is called in it: a reference with a tag.
    Architecture architecture = Architecture::kAmd64;
    std::int64_t epoch = 0;  ///< Date of everything, seconds since 1970.
    unsigned threads = 1;    ///< To compress with; no part of the result.
  };
  explicit UkiContainerStage(Options options) : options_(std::move(options)) {}

  [[nodiscard]] std::string_view name() const override { return "uki-container"; }
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
