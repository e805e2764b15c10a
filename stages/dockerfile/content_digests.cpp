// SPDX-License-Identifier: Apache-2.0
#include "stages/dockerfile/content_digests.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>
#include <sstream>
#include <vector>

#include "base/error.hpp"
#include "base/files.hpp"
#include "stages/stage.hpp"

namespace stages::dockerfile {
namespace {

constexpr std::string_view kHead = "osartifact content digests 1";
constexpr std::size_t kMaxFileBytes = 256U << 20;
constexpr std::size_t kMaxUnused = 200'000;
constexpr std::size_t kBufferBytes = 1U << 20;
/// A file that changed just now may change again within the same tick of the file system's clock.
constexpr std::int64_t kSettledSeconds = 2;

}  // namespace

ContentDigests::ContentDigests(std::filesystem::path file) : file_(std::move(file)) {
  const auto text = base::read_file_if_exists(file_, kMaxFileBytes);
  if (!text) return;
  std::istringstream lines(*text);
  std::string line;
  if (!std::getline(lines, line) || line != kHead) return;
  while (std::getline(lines, line)) {
    std::istringstream fields(line);
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    std::int64_t size = 0;
    std::int64_t changed = 0;
    std::int64_t changed_part = 0;
    std::int64_t modified = 0;
    std::int64_t modified_part = 0;
    std::string hex;
    fields >> device >> inode >> size >> changed >> changed_part >> modified >> modified_part >>
        hex;
    if (!fields || !oci::Digest::parse("sha256:" + hex)) continue;
    known_[{device, inode, size, changed, changed_part, modified, modified_part}] = {.hex = hex};
  }
}

ContentDigests::Key ContentDigests::key_of(const struct stat& status) {
  return {status.st_dev,         status.st_ino,          status.st_size,
          status.st_ctim.tv_sec, status.st_ctim.tv_nsec, status.st_mtim.tv_sec,
          status.st_mtim.tv_nsec};
}

oci::Digest ContentDigests::digest_of(int fd, const struct stat& status, const std::string& name,
                                      const std::stop_token& stop) {
  const auto key = key_of(status);
  {
    const std::lock_guard lock(mutex_);
    const auto found = known_.find(key);
    if (found != known_.end()) {
      found->second.used = true;
      if (auto digest = oci::Digest::parse("sha256:" + found->second.hex)) return *digest;
    }
    files_read_ += 1;
  }
  oci::Hasher hasher;
  std::vector<std::byte> buffer(kBufferBytes);
  off_t at = 0;
  // No further than its size was: a file that grows while it is read has no end.
  while (at < status.st_size) {
    check_stop(stop);
    const auto wanted = std::min<off_t>(status.st_size - at, static_cast<off_t>(buffer.size()));
    const auto count = ::pread(fd, buffer.data(), static_cast<std::size_t>(wanted), at);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) base::throw_system_error(errno, fmt::format("cannot read {}", name));
    if (count == 0) break;
    hasher.update(std::span(buffer).first(static_cast<std::size_t>(count)));
    at += count;
  }
  auto digest = hasher.finish();
  if (std::time(nullptr) - status.st_ctim.tv_sec > kSettledSeconds) {
    const std::lock_guard lock(mutex_);
    known_[key] = {.hex = std::string(digest.hex()), .used = true};
  }
  return digest;
}

void ContentDigests::save() const {
  if (file_.empty()) return;
  auto text = fmt::format("{}\n", kHead);
  const std::lock_guard lock(mutex_);
  std::size_t unused = 0;
  for (const auto& [key, known] : known_) {
    if (!known.used && ++unused > kMaxUnused) continue;
    std::apply([&](auto... fields) { ((text += fmt::format("{} ", fields)), ...); }, key);
    text += known.hex + "\n";
  }
  base::write_file_atomically(file_, text);
}

std::uint64_t ContentDigests::files_read() const {
  const std::lock_guard lock(mutex_);
  return files_read_;
}

}  // namespace stages::dockerfile
