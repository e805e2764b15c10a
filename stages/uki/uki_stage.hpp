// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>

#include "stages/architecture.hpp"
#include "stages/stage.hpp"
#include "stages/uki/uki_keys.hpp"

namespace stages::uki {

/// Makes what every signed medium holds, in a folder of the store, and checks it: the unified
/// kernel image of the whole tree and systemd's boot menu, both signed, and their settings.
/// Record: {"folder" (below the store), "files": [{"path", "size", "digest", "identity"}],
/// "certificate" (sha256, hex)}.
class UkiStage final : public Stage {
 public:
  struct Options {
    std::shared_ptr<const UkiKeys> keys;
    Architecture architecture = Architecture::kAmd64;
    std::int64_t epoch = 0;  ///< Date of everything, seconds since 1970.
    unsigned threads = 1;    ///< To compress with; no part of the result.
  };
  explicit UkiStage(Options options) : options_(std::move(options)) {}

  [[nodiscard]] std::string_view name() const override { return "uki"; }
  [[nodiscard]] int version() const override { return 1; }
  [[nodiscard]] std::vector<std::string> inputs() const override { return {"unpack"}; }
  [[nodiscard]] nlohmann::json parameters() const override;
  [[nodiscard]] bool still_valid(const Record& record, const oci::Store& store) const override;
  [[nodiscard]] Record run(const StageContext& context, const Inputs& inputs,
                           const oci::Digest& fingerprint) const override;

 private:
  Options options_;
};

/// The folder that an UkiStage's record names.
std::filesystem::path boot_folder_of(const oci::Store& store, const Record& uki_record);

/// {"path", "size", "digest", "identity"} of every file below `folder`.
nlohmann::json describe_files(const std::filesystem::path& folder, const std::stop_token& stop);

/// Whether all files of describe_files() are still the same ones.
bool are_same_files(const std::filesystem::path& folder, const nlohmann::json& files);

}  // namespace stages::uki
