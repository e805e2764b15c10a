// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "stages/squashfs.hpp"
#include "stages/stage.hpp"

namespace stages {

/// Writes the tree as a squashfs into the store, where all artifacts that hold one take it from.
/// Record: {"path" (below the store), "size", "digest"}.
class SquashfsStage final : public Stage {
 public:
  explicit SquashfsStage(SquashfsOptions options) : options_(options) {}

  [[nodiscard]] std::string_view name() const override { return "squashfs"; }
  [[nodiscard]] int version() const override { return 1; }
  [[nodiscard]] std::vector<std::string> inputs() const override { return {"unpack"}; }
  [[nodiscard]] nlohmann::json parameters() const override;
  [[nodiscard]] bool still_valid(const Record& record, const oci::Store& store) const override;
  [[nodiscard]] Record run(const StageContext& context, const Inputs& inputs,
                           const oci::Digest& fingerprint) const override;

 private:
  SquashfsOptions options_;
};

}  // namespace stages
