// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "base/secret.hpp"
#include "oci/digest.hpp"
#include "stages/architecture.hpp"
#include "stages/artifact_tool.hpp"
#include "stages/disk_layout.hpp"
#include "stages/stage.hpp"
#include "stages/uki/uki_keys.hpp"

namespace stages {

/// What AuroraBoot is asked for.
enum class AuroraBootTask {
  kIso,      ///< build-iso
  kRawDisk,  ///< disk.efi, or disk.bios
  kUki,      ///< build-uki --output-type uki: the files of all signed media
  kNetboot,  ///< netboot: kernel, initrd and squashfs out of its ISO
};

/// Makes an artifact with AuroraBoot out of the tree, and checks it as if it were our own; what
/// comes of it takes the place of our stage of the same name. Records: those of IsoStage,
/// RawDiskStage and UkiStage; of kNetboot {"folder" (below the store)} with `kernel`, `initrd` and
/// `squashfs` in it.
class AuroraBootStage final : public Stage {
 public:
  struct Overlay {
    std::filesystem::path folder;
    oci::Digest digest;  ///< Of all it holds.
  };
  struct Options {
    AuroraBootTask task = AuroraBootTask::kIso;
    std::shared_ptr<const ArtifactTool> tool;
    bool tool_is_pulled = false;   ///< Its image is the input "tool".
    std::filesystem::path output;  ///< Of kIso and kRawDisk; empty: in the store.
    Architecture architecture = Architecture::kAmd64;
    DiskFirmware firmware = DiskFirmware::kUefi;  ///< kRawDisk.
    std::optional<std::uint64_t> disk_mib;        ///< kRawDisk; none: its own choice.
    base::Secret cloud_config;                    ///< kIso, kRawDisk; empty: none.
    std::optional<std::string> grub_config;       ///< kIso.
    std::optional<Overlay> overlay;               ///< kIso.
    std::filesystem::path keys_folder;            ///< kUki.
    std::shared_ptr<const uki::UkiKeys> keys;     ///< kUki: those of the folder.
  };
  explicit AuroraBootStage(Options options) : options_(std::move(options)) {}

  [[nodiscard]] std::string_view name() const override;
  [[nodiscard]] int version() const override { return 1; }
  [[nodiscard]] std::vector<std::string> inputs() const override;
  [[nodiscard]] nlohmann::json parameters() const override;
  [[nodiscard]] bool still_valid(const Record& record, const oci::Store& store) const override;
  [[nodiscard]] Record run(const StageContext& context, const Inputs& inputs,
                           const oci::Digest& fingerprint) const override;

 private:
  Options options_;
};

/// Throws base::Error kArtifactTool unless `program` says in its help that it knows what we ask of
/// it: AuroraBoot's version alone does not tell.
void check_auroraboot(base::ProcessRunner& process, const std::filesystem::path& program);

}  // namespace stages
