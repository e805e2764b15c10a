// SPDX-License-Identifier: Apache-2.0
#include "stages/gce_archive.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <vector>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/temp_dir.hpp"
#include "oci/compressor.hpp"
#include "oci/decompressor.hpp"
#include "stages/disk_bytes.hpp"
#include "stages/file_runs.hpp"
#include "stages/gpt_check.hpp"
#include "stages/gpt_move.hpp"
#include "stages/stage.hpp"

namespace stages {
namespace {

constexpr std::uint64_t kGiB = 1ULL << 30;
constexpr std::size_t kTarBlock = 512;
constexpr std::size_t kTarRecord = 20 * kTarBlock;  // What GNU tar fills its archives up to.
constexpr std::size_t kPieceBytes = 1U << 20;
constexpr std::size_t kTableBytes = 1U << 20;  // Both ends of a disk, as much as a check reads.
constexpr std::string_view kMember = "disk.raw";
constexpr std::string_view kOldGnuMagic("ustar  \0", 8);

/// A number in octal digits and a zero, or, when it is too large for them, in the GNU way: 0x80,
/// then big-endian. Source: GNU tar manual, "Basic Tar Format".
void put_number(std::string& header, std::size_t at, std::size_t width, std::uint64_t value) {
  const auto digits = fmt::format("{:0{}o}", value, width - 1);
  if (digits.size() < width) {
    header.replace(at, digits.size(), digits);
    return;
  }
  for (std::size_t index = 0; index < 8; ++index) {
    header[at + width - 1 - index] = static_cast<char>(value >> (8 * index) & 0xffU);
  }
  header[at] = '\x80';
}

std::uint64_t number_in(std::string_view header, std::size_t at, std::size_t width) {
  std::uint64_t value = 0;
  if (header[at] == '\x80') {
    for (std::size_t index = at + width - 8; index < at + width; ++index) {
      value = value << 8U | static_cast<unsigned char>(header[index]);
    }
    return value;
  }
  std::from_chars(header.data() + at, header.data() + at + width, value, 8);
  return value;
}

std::uint64_t checksum_of(std::string_view header) {
  std::uint64_t sum = 0;
  for (std::size_t at = 0; at < header.size(); ++at) {
    const bool own = at >= 148 && at < 156;
    sum += own ? ' ' : static_cast<unsigned char>(header[at]);
  }
  return sum;
}

std::string header_of(std::uint64_t bytes, std::int64_t epoch) {
  std::string header(kTarBlock, '\0');
  header.replace(0, kMember.size(), kMember);
  put_number(header, 100, 8, 0644);
  put_number(header, 108, 8, 0);  // Owner and group.
  put_number(header, 116, 8, 0);
  put_number(header, 124, 12, bytes);
  put_number(header, 136, 12, static_cast<std::uint64_t>(std::max<std::int64_t>(epoch, 0)));
  header[156] = '0';  // A file.
  header.replace(257, kOldGnuMagic.size(), kOldGnuMagic);
  header.replace(148, 8, fmt::format("{:06o}", checksum_of(header)) + std::string("\0 ", 2));
  return header;
}

/// Gives the disk's bytes in order, those of `changes` instead of the file's.
class DiskStream {
 public:
  DiskStream(const std::filesystem::path& raw, std::uint64_t bytes, std::vector<BytesAt> changes)
      : name_(raw.string()),
        fd_(base::open_for_reading(raw)),
        runs_(runs_of(fd_.get(), name_)),
        bytes_(bytes),
        changes_(std::move(changes)) {}

  /// The bytes at `offset` into `piece`; those past the file's end are zeros.
  void read(std::uint64_t offset, std::span<std::byte> piece) const {
    std::fill(piece.begin(), piece.end(), std::byte{0});
    const auto end = offset + piece.size();
    for (const auto& run : runs_) {
      if (run.offset >= end) break;
      if (run.is_hole || run.offset + run.bytes <= offset) continue;
      const auto begin = std::max(offset, run.offset);
      read_file(begin,
                piece.subspan(begin - offset, std::min(end, run.offset + run.bytes) - begin));
    }
    for (const auto& change : changes_) {
      const auto begin = std::max(offset, change.offset);
      const auto stop = std::min(end, change.offset + change.bytes.size());
      if (begin < stop) {
        std::memcpy(&piece[begin - offset], &change.bytes[begin - change.offset], stop - begin);
      }
    }
  }
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

 private:
  void read_file(std::uint64_t offset, std::span<std::byte> piece) const {
    for (std::size_t done = 0; done < piece.size();) {
      const auto count = ::pread(fd_.get(), piece.data() + done, piece.size() - done,
                                 static_cast<off_t>(offset + done));
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) base::throw_system_error(errno, fmt::format("cannot read {}", name_));
      done += static_cast<std::size_t>(count);
    }
  }

  std::string name_;
  base::FileDescriptor fd_;
  std::vector<FileRun> runs_;
  std::uint64_t bytes_;
  std::vector<BytesAt> changes_;
};

/// One end of a disk, kept while the rest passes.
void keep(std::string& end, std::uint64_t from, std::uint64_t offset, std::string_view piece) {
  const auto begin = std::max(from, offset);
  const auto stop = std::min(from + end.size(), offset + piece.size());
  if (begin < stop) {
    piece.substr(begin - offset, stop - begin).copy(end.data() + (begin - from), stop - begin);
  }
}

void require(bool right, const std::filesystem::path& file, std::string problem) {
  if (right) return;
  throw base::Error({.code = base::ErrorCode::kArtifactTool,
                     .what = fmt::format("{} is not right", file.string()),
                     .why = std::move(problem),
                     .hint = ""});
}

bool is_member(std::string_view header) {
  return header.substr(0, kMember.size() + 1) == std::string(kMember).append(1, '\0');
}

std::uint64_t check_header(std::string_view header, const std::filesystem::path& file) {
  require(is_member(header), file, "its first member is not disk.raw");
  require(header.substr(257, kOldGnuMagic.size()) == kOldGnuMagic, file,
          "its tar is not in the old GNU format");
  require(number_in(header, 148, 8) == checksum_of(header), file,
          "its tar header has a wrong checksum");
  require(header[156] == '0', file, "its disk.raw is no file");
  const auto bytes = number_in(header, 124, 12);
  require(bytes > 0 && bytes % kGiB == 0, file,
          fmt::format("its disk is {} bytes long, which is not whole GiB", bytes));
  return bytes;
}

/// Partition tables by the two ends alone: they are put into a file with a hole between.
void check_ends(const std::string& head, const std::string& tail, std::uint64_t bytes,
                const std::filesystem::path& work) {
  const base::TempDir folder(work, "gce");
  const auto disk = folder.path() / "disk.raw";
  base::write_file_atomically(disk, head);
  std::filesystem::resize_file(disk, bytes);
  const base::FileDescriptor fd(::open(disk.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd) base::throw_system_error(errno, fmt::format("cannot open {}", disk.string()));
  base::write_all_at(fd.get(), bytes - tail.size(), tail, disk.string());
  check_gpt(DiskBytes(disk));
}

}  // namespace

void make_gce_archive(const std::filesystem::path& raw, const std::filesystem::path& output,
                      const GceOptions& options, const ArchiveProgress& progress,
                      const std::stop_token& stop, const ReviewFile& review) {
  const DiskBytes disk(raw);
  const auto bytes = (disk.size() + kGiB - 1) / kGiB * kGiB;
  const DiskStream stream(raw, bytes, gpt_for_size(disk, bytes));
  PartialFile partial(output);
  const base::FileDescriptor file(
      ::open(partial.path().c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!file) base::throw_system_error(errno, fmt::format("cannot make {}", output.string()));
  oci::GzipCompressor gzip(
      [&](std::span<const std::byte> data) { base::write_all(file.get(), data, output.string()); },
      options.threads);
  const auto header = header_of(bytes, options.epoch);
  gzip.write(std::as_bytes(std::span(header)));
  std::vector<std::byte> piece(kPieceBytes);
  for (std::uint64_t done = 0; done < bytes; done += piece.size()) {
    check_stop(stop);
    stream.read(done, piece);
    gzip.write(piece);
    if (progress) progress(done + piece.size(), bytes);
  }
  // Two empty blocks end a tar, and more of them its record.
  const auto used = (kTarBlock + bytes + 2 * kTarBlock) % kTarRecord;
  gzip.write(std::vector<std::byte>(2 * kTarBlock + (kTarRecord - used) % kTarRecord));
  gzip.finish();
  partial.commit(review);
}

bool is_gce_archive(const std::filesystem::path& file) {
  try {
    oci::FileSource source(base::open_for_reading(file), file.string());
    oci::Decompressor tar(source, file.string());
    std::string header(kTarBlock, '\0');
    return tar.compression() == oci::Compression::kGzip &&
           oci::read_fully(tar, std::as_writable_bytes(std::span(header))) == kTarBlock &&
           is_member(header);
  } catch (const base::Error& error) {
    if (error.code() != base::ErrorCode::kIntegrity) throw;
    return false;  // Some other gzip, and a broken one.
  }
}

GceArchive check_gce_archive(const std::filesystem::path& file, const std::filesystem::path& work,
                             const std::stop_token& stop) {
  try {
    oci::FileSource source(base::open_for_reading(file), file.string());
    oci::Decompressor tar(source, file.string());
    require(tar.compression() == oci::Compression::kGzip, file, "it is not in gzip");
    std::string piece(kPieceBytes, '\0');
    const auto next = [&](std::size_t most) {
      return std::string_view(piece).substr(
          0, oci::read_fully(tar, std::as_writable_bytes(std::span(piece).first(most))));
    };
    const auto header = next(kTarBlock);
    require(header.size() == kTarBlock, file, "it holds no tar");
    const auto bytes = check_header(header, file);
    std::string head(kTableBytes, '\0');
    std::string tail(kTableBytes, '\0');
    for (std::uint64_t done = 0; done < bytes;) {
      check_stop(stop);
      const auto part =
          next(static_cast<std::size_t>(std::min<std::uint64_t>(bytes - done, kPieceBytes)));
      require(!part.empty(), file, fmt::format("its disk.raw ends at byte {} of {}", done, bytes));
      keep(head, 0, done, part);
      keep(tail, bytes - tail.size(), done, part);
      done += part.size();
    }
    const auto end = next(kPieceBytes);
    require(end.size() >= 2 * kTarBlock && end.find_first_not_of('\0') == std::string_view::npos,
            file, "something follows its disk.raw, or its tar has no end");
    check_ends(head, tail, bytes, work);
    return {.disk_bytes = bytes};
  } catch (const base::Error& error) {
    if (error.code() != base::ErrorCode::kIntegrity) throw;
    require(false, file, error.facts().why);
    throw;
  }
}

}  // namespace stages
