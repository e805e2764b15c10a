// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <stop_token>
#include <string>
#include <vector>

#include "stages/uki/systemd_boot.hpp"
#include "stages/uki/uki_keys.hpp"

namespace stages::uki {

/// The name of the one unified kernel image of a medium, which Kairos gives a role when it installs
/// it. Source: AuroraBoot, pkg/constants, ArtifactBaseName.
inline constexpr const char* kRole = "norole";

/// Where the unified kernel image lies in a folder made ready for a medium.
std::filesystem::path uki_place(const std::filesystem::path& folder);

/// Makes `folder` into what an EFI partition holds besides the unified kernel image: the signed
/// boot menu, its configuration and entry, and the files that enrol the keys. Source: AuroraBoot,
/// pkg/uki; Boot Loader Specification; loader.conf(5).
void write_boot_folder(const std::filesystem::path& folder, const SystemdBoot& systemd_boot,
                       const UkiKeys& keys, std::int64_t epoch, const std::stop_token& stop);

/// The files of a folder, as paths below it ("EFI/BOOT/BOOTX64.EFI"), in byte order. Throws
/// base::Error kIo.
std::vector<std::string> files_below(const std::filesystem::path& folder);

}  // namespace stages::uki
