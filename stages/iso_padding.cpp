// SPDX-License-Identifier: Apache-2.0
#include "stages/iso_padding.hpp"

#include <algorithm>
#include <string>

#include "stages/disk_bytes.hpp"

namespace stages {
namespace {

constexpr std::uint64_t kSector = 512;
constexpr std::uint64_t kMostPadding = 64U << 20;
constexpr std::string_view kSignature = "EFI PART";

/// Where the file should end, by its first GPT; 0: it does not say.
std::uint64_t end_by_gpt(const DiskBytes& iso) {
  if (iso.size() < 2 * kSector) return 0;
  const auto header = iso.read(kSector, kSector);
  if (!header.starts_with(kSignature)) return 0;
  const auto backup = little_endian(header, 32, 8);
  if (backup <= 1 || backup >= iso.size() / kSector) return 0;
  const bool there = iso.read(backup * kSector, kSignature.size()) == kSignature;
  return there ? (backup + 1) * kSector : 0;
}

}  // namespace

std::uint64_t cut_padding(const std::filesystem::path& path) {
  std::uint64_t end = 0;
  std::uint64_t padding = 0;
  {
    const DiskBytes iso(path);
    end = end_by_gpt(iso);
    if (end == 0 || end == iso.size() || iso.size() - end > kMostPadding) return 0;
    padding = iso.size() - end;
    const auto rest = iso.read(end, padding);
    if (!std::all_of(rest.begin(), rest.end(), [](char byte) { return byte == 0; })) return 0;
  }
  std::filesystem::resize_file(path, end);
  return padding;
}

}  // namespace stages
