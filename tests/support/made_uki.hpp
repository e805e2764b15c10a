// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace tests {

/// A PE program that does nothing.
struct MadePe {
  std::uint16_t machine = 0x8664;  ///< amd64.
  std::uint16_t subsystem = 10;    ///< EFI application.
  /// Names that its data holds, as a stub's does; systemd 252's are these.
  std::vector<std::string> knows = {".linux",  ".osrel", ".cmdline", ".initrd",
                                    ".splash", ".dtb",   ".pcrsig",  ".pcrpkey"};
  std::string magic = "#### LoaderInfo: systemd-stub 252.39-1 ####";
};

/// Three sections: .text, .data and .sbat, in a file that is as tight as real stubs are.
std::string made_pe(const MadePe& program = {});

/// The keys of one machine owner, made for this run: db.key, db.pem, tpm2-pcr-private.pem, PK.auth,
/// KEK.auth, db.auth. Firmware would not take the last three: they hold no real signature.
void write_made_keys(const std::filesystem::path& folder, const std::string& owner = "test");

}  // namespace tests
