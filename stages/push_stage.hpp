// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "oci/reference.hpp"
#include "stages/stage.hpp"

namespace stages {

/// Sends an image of the store to a registry. It asks the registry each time: what is there already
/// costs one request.
/// Record: {"pushed" (registry/repository:tag@digest), "digest", "sentBytes", "content"}.
class PushStage final : public Stage {
 public:
  struct Options {
    oci::Reference destination;
    unsigned parallel = 4;  ///< Blobs at a time.
  };
  explicit PushStage(Options options) : options_(std::move(options)) {}

  [[nodiscard]] std::string_view name() const override { return "push"; }
  [[nodiscard]] int version() const override { return 1; }
  [[nodiscard]] std::vector<std::string> inputs() const override { return {"image"}; }
  [[nodiscard]] nlohmann::json parameters() const override;
  [[nodiscard]] bool still_valid(const Record& record, const oci::Store& store) const override;
  [[nodiscard]] Record run(const StageContext& context, const Inputs& inputs,
                           const oci::Digest& fingerprint) const override;

 private:
  [[nodiscard]] bool is_there(const StageContext& context, const oci::Digest& digest) const;

  Options options_;
};

}  // namespace stages
