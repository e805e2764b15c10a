// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "stages/stage.hpp"

namespace stages::supply_chain {

/// Writes what packages the tree has, as an SPDX document.
/// Record: {"type": "sbom", "path", "size", "digest", "identity"}.
class SbomStage final : public Stage {
 public:
  struct Options {
    std::filesystem::path output;  ///< Absolute.
    std::string name;              ///< Of the OSArtifact.
    std::string tool;              ///< "osartifact-0.3.0".
    std::int64_t epoch = 0;
  };
  explicit SbomStage(Options options) : options_(std::move(options)) {}

  [[nodiscard]] std::string_view name() const override { return "sbom"; }
  [[nodiscard]] int version() const override { return 2; }
  [[nodiscard]] std::vector<std::string> inputs() const override { return {"unpack"}; }
  [[nodiscard]] nlohmann::json parameters() const override;
  [[nodiscard]] bool still_valid(const Record& record, const oci::Store& store) const override;
  [[nodiscard]] Record run(const StageContext& context, const Inputs& inputs,
                           const oci::Digest& fingerprint) const override;

 private:
  Options options_;
};

}  // namespace stages::supply_chain
