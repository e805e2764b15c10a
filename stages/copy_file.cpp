// SPDX-License-Identifier: Apache-2.0
#include "stages/copy_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/error.hpp"
#include "base/files.hpp"
#include "stages/stage.hpp"

namespace stages {
namespace {

constexpr off_t kStepBytes = 64 << 20;  // Between two looks at the stop token.

[[noreturn]] void fail(const std::filesystem::path& path) {
  base::throw_system_error(errno, fmt::format("cannot copy to {}", path.string()));
}

/// One piece by way of memory: what works where the kernel cannot copy between the two.
ssize_t copy_piece(int from, off_t& begin, int to, off_t& written, std::size_t bytes) {
  std::array<char, 1U << 20> buffer;
  const auto got = ::pread(from, buffer.data(), std::min(bytes, buffer.size()), begin);
  if (got <= 0) return got;
  const auto put = ::pwrite(to, buffer.data(), static_cast<std::size_t>(got), written);
  if (put <= 0) return put;
  begin += put;
  written += put;
  return put;
}

/// Copies data between files, within the kernel as long as it can.
class Copier {
 public:
  Copier(int from, int to) : from_(from), to_(to) {}

  /// As copy_file_range(2).
  ssize_t copy(off_t& begin, off_t& written, std::size_t bytes) {
    if (within_kernel_) {
      const auto count = ::copy_file_range(from_, &begin, to_, &written, bytes, 0);
      // EXDEV: two file systems of different kinds, as an overlay and the disk below it.
      if (count > 0 || (errno != EXDEV && errno != EINVAL && errno != EOPNOTSUPP)) return count;
      within_kernel_ = false;
    }
    return copy_piece(from_, begin, to_, written, bytes);
  }

 private:
  int from_;
  int to_;
  bool within_kernel_ = true;
};

/// From SEEK_DATA to SEEK_HOLE, piece by piece.
void copy_data(int from, int to, off_t offset, const std::filesystem::path& path,
               const std::stop_token& stop) {
  Copier copier(from, to);
  off_t begin = 0;
  while ((begin = ::lseek(from, begin, SEEK_DATA)) >= 0) {
    const off_t end = ::lseek(from, begin, SEEK_HOLE);
    if (end < 0) fail(path);
    while (begin < end) {
      check_stop(stop);
      off_t written = begin + offset;
      const auto bytes = static_cast<std::size_t>(std::min(end - begin, kStepBytes));
      const auto count = copier.copy(begin, written, bytes);
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) fail(path);
    }
  }
  if (errno != ENXIO) fail(path);  // ENXIO: no data after this.
}

}  // namespace

void copy_file(const std::filesystem::path& from, const std::filesystem::path& to,
               const std::stop_token& stop) {
  const auto source = base::open_for_reading(from);
  const base::FileDescriptor target(
      ::open(to.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!target) fail(to);
  if (::ioctl(target.get(), FICLONE, source.get()) == 0) return;
  copy_data(source.get(), target.get(), 0, to, stop);
  const auto bytes = static_cast<off_t>(std::filesystem::file_size(from));
  if (::ftruncate(target.get(), bytes) != 0) fail(to);
}

void copy_into(const std::filesystem::path& from, const std::filesystem::path& to,
               std::uint64_t offset, const std::stop_token& stop) {
  const auto source = base::open_for_reading(from);
  const base::FileDescriptor target(::open(to.c_str(), O_WRONLY | O_CLOEXEC));
  if (!target) fail(to);
  copy_data(source.get(), target.get(), static_cast<off_t>(offset), to, stop);
}

}  // namespace stages
