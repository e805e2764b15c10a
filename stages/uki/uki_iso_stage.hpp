// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include "base/secret.hpp"
#include "stages/stage.hpp"

namespace stages::uki {

/// Makes NAME-uki.iso from what UkiStage made, and checks it.
/// Record: {"type": "uki-iso", "path", "size", "digest", "identity"}.
class UkiIsoStage final : public Stage {
 public:
  struct Overlay {
    std::filesystem::path folder;
    oci::Digest digest;  ///< Of all it holds.
  };
  struct Options {
    std::filesystem::path output;  ///< Absolute path of the ISO.
    base::Secret cloud_config;     ///< /config.yaml; empty when there is none.
    std::optional<Overlay> overlay;
    std::int64_t epoch = 0;  ///< Date of everything, seconds since 1970.
  };
  explicit UkiIsoStage(Options options) : options_(std::move(options)) {}

  [[nodiscard]] std::string_view name() const override { return "uki-iso"; }
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
