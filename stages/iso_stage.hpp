// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "base/secret.hpp"
#include "oci/digest.hpp"
#include "stages/architecture.hpp"
#include "stages/stage.hpp"

namespace stages {

/// Makes NAME.iso from the tree and its squashfs, and checks it.
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
  Options options_;
};

}  // namespace stages
