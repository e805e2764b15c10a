// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>

#include "stages/disk_bytes.hpp"
#include "stages/uki/pe_image.hpp"
#include "stages/uki/uki_keys.hpp"

namespace stages::uki {

/// Signs an EFI program in place with SHA-256, instead of whatever signature it has, and writes its
/// checksum. The same program, key and date give the same bytes. Throws base::Error kArtifactTool,
/// kIo, kNoSpace, or kInterrupted on `stop`. Sources: Microsoft, "Windows Authenticode Portable
/// Executable Signature Format"; UEFI 2.10, 32.2.4.
void sign_pe(const std::filesystem::path& file, const SecureBootKey& key, std::int64_t epoch,
             const std::stop_token& stop);

/// What is known of a signature.
struct PeSignature {
  std::string signer;       ///< Subject of its certificate: "CN=Example db".
  std::string fingerprint;  ///< sha256 of that certificate, hex.
  bool valid = false;       ///< It signs just these bytes, with the key of that certificate.
};

/// The first signature of an EFI program; nullopt when it has none. Whether to trust the signer is
/// not asked. Throws base::Error kArtifactTool for one that cannot be read.
std::optional<PeSignature> read_signature(const DiskBytes& file, const PeImage& image,
                                          const std::stop_token& stop);

/// sha256 of a certificate, hex.
std::string fingerprint_of(X509* certificate);

}  // namespace stages::uki
