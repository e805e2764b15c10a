// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <map>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "stages/disk_bytes.hpp"
#include "stages/uki/openssl.hpp"
#include "stages/uki/pe_image.hpp"

namespace stages::uki {

/// The PCR that systemd's stub measures a unified kernel image into.
inline constexpr int kKernelPcr = 11;

/// Values of PCR 11, raw, by bank: "sha1", "sha256", "sha384", "sha512".
using PcrValues = std::map<std::string, std::string>;

/// The sections that a stub measures, in its order: those of the known ones whose names it carries.
/// Older stubs know fewer (systemd 252 neither .uname nor .sbat). Source: systemd,
/// src/fundamental/tpm-pcr.h and uki.h; systemd-stub(7).
std::vector<std::string> measured_sections(const DiskBytes& file, const PeImage& image);

/// What PCR 11 holds in each bank when the stub of `file` hands over to the kernel. Throws
/// base::Error kIo, or kInterrupted on `stop`.
PcrValues predict_pcrs(const DiskBytes& file, const PeImage& image, const std::stop_token& stop);

/// The content of .pcrsig: for every bank the policies of the four phases of a boot, signed.
/// Sources: systemd-measure(1); TPM 2.0 Part 3, TPM2_PolicyPCR.
std::string sign_pcr_policies(const PcrValues& values, EVP_PKEY* key);

/// What is wrong with a .pcrsig, given what is predicted and the key of .pcrpkey; empty when every
/// signature is there and right.
std::string problem_of_policies(std::string_view pcrsig, const PcrValues& values,
                                std::string_view public_key_pem);

}  // namespace stages::uki
