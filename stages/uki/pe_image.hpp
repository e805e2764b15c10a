// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "stages/architecture.hpp"
#include "stages/disk_bytes.hpp"

namespace stages::uki {

/// A row of a PE section table. Offsets and sizes in bytes.
struct PeSection {
  std::string name;  ///< ".linux"; at most eight characters.
  std::uint32_t virtual_size = 0;
  std::uint32_t virtual_address = 0;
  std::uint32_t raw_size = 0;
  std::uint32_t raw_offset = 0;
  std::uint32_t characteristics = 0;
};

/// Where the certificates of a signed image lie; they are no part of what is loaded.
struct PeCertificates {
  std::uint32_t offset = 0;
  std::uint32_t size = 0;
};

/// The headers of a 64-bit EFI program (PE32+). Source: Microsoft, PE Format.
struct PeImage {
  std::uint32_t pe_offset = 0;  ///< Of the signature "PE\0\0".
  std::uint16_t machine = 0;
  std::uint16_t subsystem = 0;
  std::uint64_t image_base = 0;
  std::uint32_t section_alignment = 0;
  std::uint32_t file_alignment = 0;
  std::uint32_t size_of_image = 0;
  std::uint32_t size_of_headers = 0;
  std::uint32_t checksum = 0;
  std::uint32_t section_table = 0;  ///< Offset of its first row.
  PeCertificates certificates;
  std::vector<PeSection> sections;

  /// Offsets of fields that a signature leaves out or that change when sections are added.
  [[nodiscard]] std::uint32_t optional_header() const { return pe_offset + 24; }
  [[nodiscard]] std::uint32_t checksum_field() const { return optional_header() + 64; }
  [[nodiscard]] std::uint32_t certificates_field() const { return optional_header() + 144; }

  [[nodiscard]] const PeSection* find(std::string_view name) const;
  [[nodiscard]] std::optional<Architecture> architecture() const;
};

inline constexpr std::uint32_t kSectionRowBytes = 40;
inline constexpr std::uint16_t kEfiApplication = 10;  ///< PeImage::subsystem.

/// Whether a file begins as a PE program does. Never throws for a short one.
bool looks_like_pe(const DiskBytes& file);

/// Reads and checks the headers: everything they point at lies inside the file, sections neither
/// overlap nor leave the image. (Real stubs do not keep to their alignment.) Throws base::Error
/// kArtifactTool as DiskBytes does.
PeImage read_pe(const DiskBytes& file);

/// The contents of a section as it is in memory: virtual_size bytes, zeros past the end of the raw
/// data. Throws base::Error kArtifactTool when it is longer than `limit`.
std::string section_content(const DiskBytes& file, const PeSection& section, std::size_t limit);

/// The checksum of a PE file: the sum of its 16-bit words with its checksum field taken as zero, in
/// any order. Source: ImageHlp's CheckSumMappedFile; UEFI firmware does not look at it.
class PeChecksum {
 public:
  /// Bytes that begin at an even offset of the file.
  void update(std::string_view bytes);
  [[nodiscard]] std::uint32_t value(std::uint64_t file_bytes) const;

 private:
  std::uint64_t sum_ = 0;
};

}  // namespace stages::uki
