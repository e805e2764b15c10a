// SPDX-License-Identifier: Apache-2.0
#include "oci/file_contents.hpp"

#include <fmt/format.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <span>
#include <vector>

#include "base/error.hpp"
#include "base/files.hpp"

namespace oci {
namespace {

constexpr std::size_t kBufferBytes = 1U << 20;

class ContentCopy {
 public:
  ContentCopy(int from, int to, std::string_view name) : from_(from), to_(to), name_(name) {}

  void copy(off_t size) {
    for (off_t at = 0; at < size;) {
      const off_t begin = ::lseek(from_, at, SEEK_DATA);
      if (begin < 0 && errno == ENXIO) break;  // No data after this.
      const off_t data = begin < 0 ? at : begin;
      const off_t hole = begin < 0 ? size : ::lseek(from_, begin, SEEK_HOLE);
      if (hole < 0) fail();
      at = std::min(hole, size);
      if (!copy_range(data, at)) break;
    }
    if (::ftruncate(to_, size) != 0) fail();
  }

 private:
  [[noreturn]] void fail() const {
    base::throw_system_error(errno, fmt::format("cannot copy {}", name_));
  }

  /// False where the file ends before.
  bool copy_range(off_t begin, off_t end) {
    off_t written = begin;
    while (in_kernel_ && begin < end) {
      const auto wanted = static_cast<std::size_t>(end - begin);
      const auto count = ::copy_file_range(from_, &begin, to_, &written, wanted, 0);
      if (count < 0 && errno == EINTR) continue;
      // Two file systems, or one that cannot.
      if (count < 0 && errno != EXDEV && errno != EINVAL && errno != ENOSYS &&
          errno != EOPNOTSUPP) {
        fail();
      }
      if (count <= 0) in_kernel_ = false;
    }
    return begin >= end || copy_here(begin, end);
  }

  bool copy_here(off_t begin, off_t end) {
    if (::lseek(to_, begin, SEEK_SET) < 0) fail();
    buffer_.resize(kBufferBytes);
    while (begin < end) {
      const auto wanted = std::min<off_t>(end - begin, static_cast<off_t>(buffer_.size()));
      const auto count = ::pread(from_, buffer_.data(), static_cast<std::size_t>(wanted), begin);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) fail();
      if (count == 0) return false;
      base::write_all(to_, std::span(buffer_).first(static_cast<std::size_t>(count)), name_);
      begin += count;
    }
    return true;
  }

  int from_;
  int to_;
  std::string_view name_;
  bool in_kernel_ = true;
  std::vector<std::byte> buffer_;
};

}  // namespace

void copy_file_contents(int from, int to, off_t size, std::string_view name) {
  if (::ioctl(to, FICLONE, from) == 0) return;
  ContentCopy(from, to, name).copy(size);
}

}  // namespace oci
