// SPDX-License-Identifier: Apache-2.0
#include "stages/vhd.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/error.hpp"
#include "base/files.hpp"
#include "oci/digest.hpp"
#include "stages/copy_file.hpp"
#include "stages/disk_bytes.hpp"
#include "stages/gpt_check.hpp"

namespace stages {
namespace {

constexpr std::uint64_t kMiB = 1U << 20;
constexpr std::uint64_t kSector = 512;
constexpr std::int64_t kYear2000 = 946684800;
constexpr std::size_t kChecksumAt = 64;
constexpr std::uint64_t kFixed = 2;
// Who made it decides whether QEMU believes the size or the geometry, which is too small for most
// sizes: of this one it believes the size. Source: QEMU, block/vpc.c.
constexpr std::string_view kCreator = "qem2";
constexpr std::string_view kCreatorSystem = "Wi2k";

void put(std::string& text, std::size_t at, std::uint64_t value, std::size_t width) {
  for (std::size_t index = 0; index < width; ++index) {
    text[at + index] = static_cast<char>(value >> (8 * (width - 1 - index)) & 0xffU);
  }
}

/// Cylinders, heads, sectors per track in the form of the footer's field.
std::uint64_t geometry_of(std::uint64_t bytes) {
  constexpr std::uint64_t kMostCylinders = 65535;
  const auto sectors = std::min(bytes / kSector, kMostCylinders * 16 * 255);
  std::uint64_t per_track = 255;
  std::uint64_t heads = 16;
  std::uint64_t tracks = sectors / per_track;
  if (sectors < kMostCylinders * 16 * 63) {
    per_track = 17;
    tracks = sectors / per_track;
    heads = std::max<std::uint64_t>((tracks + 1023) / 1024, 4);
    if (tracks >= heads * 1024 || heads > 16) {
      per_track = 31;
      heads = 16;
      tracks = sectors / per_track;
    }
    if (tracks >= heads * 1024) {
      per_track = 63;
      heads = 16;
      tracks = sectors / per_track;
    }
  }
  return (tracks / heads) << 16U | heads << 8U | per_track;
}

/// The complement of the sum of all bytes but the checksum's own.
std::uint32_t checksum_of(std::string_view footer) {
  std::uint32_t sum = 0;
  for (std::size_t at = 0; at < footer.size(); ++at) {
    if (at < kChecksumAt || at >= kChecksumAt + 4) sum += static_cast<unsigned char>(footer[at]);
  }
  return ~sum;
}

void append(const std::filesystem::path& file, std::uint64_t offset, std::string_view bytes) {
  const base::FileDescriptor fd(::open(file.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd) base::throw_system_error(errno, fmt::format("cannot open {}", file.string()));
  base::write_all_at(fd.get(), offset, bytes, file.string());
}

/// From the identifiers of the file systems, which are made from what they hold.
Uuid id_of(const DiskBytes& disk, std::int64_t epoch) {
  constexpr std::uint64_t kHeadBytes = 4096;
  oci::Hasher hasher;
  for (const auto& partition : check_gpt(disk)) {
    hasher.update(disk.read(partition.offset, std::min(partition.bytes, kHeadBytes)));
  }
  return uuid_of_name(
      fmt::format("osartifact VHD {} {} {}", disk.size(), epoch, hasher.finish().text()));
}

std::string footer_of(const DiskBytes& file) {
  return file.size() < kVhdFooterBytes ? std::string()
                                       : file.read(file.size() - kVhdFooterBytes, kVhdFooterBytes);
}

}  // namespace

std::string vhd_footer(const VhdFooter& footer) {
  std::string text(kVhdFooterBytes, '\0');
  const auto put_text = [&](std::size_t at, std::string_view word) {
    text.replace(at, word.size(), word);
  };
  put_text(0, "conectix");
  put(text, 8, 2, 4);            // Features: the bit that is always set.
  put(text, 12, 0x00010000, 4);  // Version of the format.
  put(text, 16, ~std::uint64_t{0}, 8);
  put(text, 24, static_cast<std::uint64_t>(std::max<std::int64_t>(footer.epoch - kYear2000, 0)), 4);
  put_text(28, kCreator);
  put(text, 32, 0x00010000, 4);
  put_text(36, kCreatorSystem);
  put(text, 40, footer.bytes, 8);
  put(text, 48, footer.bytes, 8);
  put(text, 56, geometry_of(footer.bytes), 4);
  put(text, 60, kFixed, 4);
  std::copy(footer.id.begin(), footer.id.end(), text.begin() + 68);
  put(text, kChecksumAt, checksum_of(text), 4);
  return text;
}

void make_vhd(const std::filesystem::path& raw, const std::filesystem::path& output,
              std::int64_t epoch, const std::stop_token& stop, const ReviewFile& review) {
  const DiskBytes disk(raw);
  disk.require(disk.size() % kMiB == 0, "it is not whole MiB long, as Azure wants it");
  PartialFile partial(output);
  copy_file(raw, partial.path(), stop);
  append(partial.path(), disk.size(),
         vhd_footer({.bytes = disk.size(), .id = id_of(disk, epoch), .epoch = epoch}));
  partial.commit(review);
}

bool is_vhd(const DiskBytes& file) { return footer_of(file).starts_with("conectix"); }

VhdFooter check_vhd(const DiskBytes& file) {
  const auto text = footer_of(file);
  file.require(text.starts_with("conectix"), "it does not end with the footer of a VHD");
  file.require(big_endian(text, kChecksumAt, 4) == checksum_of(text),
               "its footer has a wrong checksum");
  file.require(big_endian(text, 60, 4) == kFixed, "it is no fixed VHD");
  VhdFooter footer{.bytes = big_endian(text, 48, 8),
                   .id = {},
                   .epoch = static_cast<std::int64_t>(big_endian(text, 24, 4)) + kYear2000};
  std::copy_n(text.begin() + 68, footer.id.size(), footer.id.begin());
  file.require(footer.bytes == file.size() - kVhdFooterBytes,
               fmt::format("its footer says {} bytes, and there are {}", footer.bytes,
                           file.size() - kVhdFooterBytes));
  file.require(footer.bytes % kMiB == 0, "its disk is not whole MiB long");
  file.require(footer.id != Uuid{}, "it has no identifier");
  file.require(big_endian(text, 56, 4) == geometry_of(footer.bytes), "its geometry is wrong");
  check_gpt(DiskBytes(file.path(), footer.bytes));
  return footer;
}

}  // namespace stages
