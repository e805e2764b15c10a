// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "base/secret.hpp"
#include "oci/digest.hpp"
#include "stages/architecture.hpp"
#include "stages/iso_image.hpp"
#include "stages/stage.hpp"

namespace stages {

/// Makes NAME.iso from the tree and its squashfs, and checks it. Where the last one of the same
/// inputs is still there and only the cloud-config is another, from a copy of that one.
/// Record: {"type": "iso", "path", "size", "digest", "identity"}.
class IsoStage final : public Stage {
 public:
  struct Overlay {
    std::filesystem::path folder;
    oci::Digest digest;  ///< Of all it holds.
  };
  struct Options {
    std::filesystem::path output;  ///< Absolute path of the ISO.
    Architecture architecture = Architecture::kAmd64;
    base::Secret cloud_config;  ///< /config.yaml; empty when there is none.
    std::optional<std::string> grub_config;
    std::optional<Overlay> overlay;
    std::int64_t epoch = 0;  ///< Date of everything, seconds since 1970.
    bool may_revise = true;  ///< Whether the last ISO may serve.
  };
  explicit IsoStage(Options options) : options_(std::move(options)) {}

  [[nodiscard]] std::string_view name() const override { return "iso"; }
  [[nodiscard]] int version() const override { return 1; }
  [[nodiscard]] std::vector<std::string> inputs() const override { return {"unpack", "squashfs"}; }
  [[nodiscard]] nlohmann::json parameters() const override;
  [[nodiscard]] bool still_valid(const Record& record, const oci::Store& store) const override;
  [[nodiscard]] Record run(const StageContext& context, const Inputs& inputs,
                           const oci::Digest& fingerprint) const override;

 private:
  void make(const StageContext& context, const Inputs& inputs, const ReviewFile& review) const;
  [[nodiscard]] std::optional<oci::Digest> revise(const StageContext& context,
                                                  const oci::Digest& frame) const;
  [[nodiscard]] oci::Digest frame_of(const Inputs& inputs) const;

  Options options_;
};

}  // namespace stages
