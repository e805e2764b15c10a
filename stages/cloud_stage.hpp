// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>

#include "stages/stage.hpp"

namespace stages {

/// The clouds that want a disk in a form of their own.
enum class CloudFormat { kAzure, kGce };

/// Makes NAME.vhd or NAME.gce.tar.gz from the raw disk, which stays as it is; and checks it.
/// Record: {"type": "azure" | "gce", "path", "size", "digest", "identity"}.
class CloudStage final : public Stage {
 public:
  struct Options {
    CloudFormat format = CloudFormat::kAzure;
    std::filesystem::path output;  ///< Absolute path of the file.
    std::int64_t epoch = 0;        ///< Its date, seconds since 1970.
    unsigned threads = 1;          ///< Has no influence on the result.
  };
  explicit CloudStage(Options options) : options_(std::move(options)) {}

  [[nodiscard]] std::string_view name() const override;
  [[nodiscard]] int version() const override { return 1; }
  [[nodiscard]] std::vector<std::string> inputs() const override { return {"raw-disk"}; }
  [[nodiscard]] nlohmann::json parameters() const override;
  [[nodiscard]] bool still_valid(const Record& record, const oci::Store& store) const override;
  [[nodiscard]] Record run(const StageContext& context, const Inputs& inputs,
                           const oci::Digest& fingerprint) const override;

 private:
  Options options_;
};

}  // namespace stages
