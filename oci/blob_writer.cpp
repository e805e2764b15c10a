// SPDX-License-Identifier: Apache-2.0
#include "oci/blob_writer.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <thread>
#include <vector>

#include "base/error.hpp"
#include "base/files.hpp"

namespace oci {
namespace {

constexpr std::chrono::milliseconds kLockPoll{50};
constexpr std::size_t kReadBytes = 1U << 20;

[[noreturn]] void interrupted(const Digest& digest) {
  throw base::Error({.code = base::ErrorCode::kInterrupted,
                     .what = fmt::format("stopped before blob {} was written", digest.text()),
                     .why = "",
                     .hint = ""});
}

}  // namespace

FileBlobWriter::FileBlobWriter(Descriptor blob, BlobPlace place,
                               const std::function<bool()>& present, const std::stop_token& stop)
    : blob_(std::move(blob)), place_(std::move(place)), hasher_(blob_.digest.algorithm()) {
  while (!present()) {
    if (try_lock()) {
      hash_existing(stop);
      return;
    }
    if (stop.stop_requested()) interrupted(blob_.digest);
    std::this_thread::sleep_for(kLockPoll);
  }
  offset_ = blob_.size;
  complete_ = true;
}

/// The lock is on the file's inode: it counts only while the name still leads there, for a writer
/// that finished renamed the inode away.
bool FileBlobWriter::try_lock() {
  const auto& path = place_.partial;
  base::FileDescriptor fd(::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644));
  if (!fd) base::throw_system_error(errno, fmt::format("cannot open {}", path.string()));
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK || errno == EINTR) return false;
    base::throw_system_error(errno, fmt::format("cannot lock {}", path.string()));
  }
  struct stat opened {};
  struct stat named {};
  if (::fstat(fd.get(), &opened) != 0 || ::lstat(path.c_str(), &named) != 0) return false;
  if (opened.st_ino != named.st_ino || opened.st_dev != named.st_dev) return false;
  partial_ = std::move(fd);
  return true;
}

void FileBlobWriter::hash_existing(const std::stop_token& stop) {
  std::vector<std::byte> buffer(kReadBytes);
  while (true) {
    if (stop.stop_requested()) interrupted(blob_.digest);
    const auto count = ::read(partial_.get(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      base::throw_system_error(errno, fmt::format("cannot read {}", place_.partial.string()));
    }
    if (count == 0) return;
    offset_ += static_cast<std::uint64_t>(count);
    if (offset_ > blob_.size) return restart();
    hasher_.update(std::span(buffer).first(static_cast<std::size_t>(count)));
  }
}

void FileBlobWriter::restart() {
  if (complete_) return;
  if (::ftruncate(partial_.get(), 0) != 0 || ::lseek(partial_.get(), 0, SEEK_SET) != 0) {
    base::throw_system_error(errno, fmt::format("cannot empty {}", place_.partial.string()));
  }
  hasher_ = Hasher(blob_.digest.algorithm());
  offset_ = 0;
}

void FileBlobWriter::write(std::span<const std::byte> data) {
  if (complete_) return;
  if (data.size() > blob_.size - offset_) {
    reject(fmt::format("more than the {} bytes that its descriptor says arrived", blob_.size));
  }
  base::write_all(partial_.get(), data, place_.partial.string());
  hasher_.update(data);
  offset_ += data.size();
}

void FileBlobWriter::commit() {
  if (complete_) return;
  if (offset_ != blob_.size) {
    reject(fmt::format("{} bytes arrived where its descriptor says {}", offset_, blob_.size));
  }
  const auto found = hasher_.finish();
  if (found != blob_.digest) {
    reject(fmt::format("expected digest {}, found {}", blob_.digest.text(), found.text()));
  }
  if (::fsync(partial_.get()) != 0) {
    base::throw_system_error(errno, fmt::format("cannot sync {}", place_.partial.string()));
  }
  if (::rename(place_.partial.c_str(), place_.final.c_str()) != 0) {
    base::throw_system_error(errno,
                             fmt::format("cannot move {} into place", place_.final.string()));
  }
  partial_.reset();
  complete_ = true;
  base::sync_path(place_.final.parent_path());
}

void FileBlobWriter::reject(std::string why) {
  ::unlink(place_.partial.c_str());
  partial_.reset();
  throw base::Error({.code = base::ErrorCode::kIntegrity,
                     .what = fmt::format("blob {} is not what it should be", blob_.digest.text()),
                     .why = std::move(why),
                     .hint = "run the same command again; it will be fetched anew"});
}

}  // namespace oci
