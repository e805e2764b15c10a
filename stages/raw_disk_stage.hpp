// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include "base/secret.hpp"
#include "stages/architecture.hpp"
#include "stages/disk_layout.hpp"
#include "stages/stage.hpp"

namespace stages {

/// Makes NAME.raw from the tree, and checks it.
/// Record: {"type": "raw-disk", "path", "size", "digest", "identity"}; of one in the store: "path"
/// (below the store), "size", "identity".
class RawDiskStage final : public Stage {
 public:
  struct Options {
    /// Absolute path of the disk; empty: in the store, for the cloud formats made of it.
    std::filesystem::path output;
    Architecture architecture = Architecture::kAmd64;
    DiskFirmware firmware = DiskFirmware::kUefi;
    std::optional<std::uint64_t> disk_mib;  ///< None: as small as can be.
    base::Secret cloud_config;              ///< /oem/90_custom.yaml; empty: a default user.
    std::int64_t epoch = 0;                 ///< Latest date of anything, seconds since 1970.
  };
  explicit RawDiskStage(Options options) : options_(std::move(options)) {}

  [[nodiscard]] std::string_view name() const override { return "raw-disk"; }
  [[nodiscard]] int version() const override { return 1; }
  [[nodiscard]] std::vector<std::string> inputs() const override { return {"unpack"}; }
  [[nodiscard]] nlohmann::json parameters() const override;
  [[nodiscard]] bool still_valid(const Record& record, const oci::Store& store) const override;
  [[nodiscard]] Record run(const StageContext& context, const Inputs& inputs,
                           const oci::Digest& fingerprint) const override;

 private:
  Options options_;
};

/// The disk that a raw-disk's record names.
std::filesystem::path raw_disk_file(const oci::Store& store, const Record& raw_disk_record);

}  // namespace stages
