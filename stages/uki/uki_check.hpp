// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <stop_token>

#include "stages/architecture.hpp"

namespace stages::uki {

/// What an EFI program is: {"type": "uki" | "efi-program", "architecture", "subsystem", "sections":
/// [{"name", "size"}], "signature": {"signer", "fingerprint", "valid"} or null}, and of a unified
/// kernel image "commandLine", "osRelease", "release", "pcrBanks": {NAME: policies},
/// "pcr11": {BANK: hex before any phase} and "pcrPolicies": "valid", or what is wrong with them.
/// Throws base::Error kArtifactTool when it is no EFI program, or is damaged.
nlohmann::json describe_pe(const std::filesystem::path& file, const std::stop_token& stop);

/// Makes sure that `file` is a unified kernel image that machines will start: an EFI application
/// for `architecture`, with kernel, initrd (zstd), command line, key and policies, a stub that
/// finds them, policies that fit what it will measure, and a valid signature by the certificate
/// whose sha256 is `fingerprint`. Throws base::Error kArtifactTool saying what is wrong.
void check_uki(const std::filesystem::path& file, Architecture architecture,
               const std::string& fingerprint, const std::stop_token& stop);

/// The same for any other signed EFI program.
void check_signed_pe(const std::filesystem::path& file, Architecture architecture,
                     const std::string& fingerprint, const std::stop_token& stop);

}  // namespace stages::uki
