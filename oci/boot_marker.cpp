// SPDX-License-Identifier: Apache-2.0
#include "oci/boot_marker.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <string>

#include "base/error.hpp"
#include "base/files.hpp"

namespace oci {
namespace {

constexpr const char* kMarker = "finished";
constexpr const char* kBootId = "/proc/sys/kernel/random/boot_id";
constexpr std::string_view kSynced = "synced\n";
constexpr std::size_t kMarkerBytes = 100;
constexpr std::chrono::seconds kWrittenBack{60};  // vm.dirty_expire_centisecs is 30 s.

std::string boot_id() { return base::read_file(kBootId, kMarkerBytes); }

/// Not flushed: it lasts as long as what it says.
void write_marker(const std::filesystem::path& path, std::string_view text) {
  const base::FileDescriptor fd(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644));
  if (!fd) base::throw_system_error(errno, fmt::format("cannot write {}", path.string()));
  base::write_all(fd.get(), std::as_bytes(std::span(text)), path.string());
}

bool is_old(const std::filesystem::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return false;
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::seconds(status.st_mtim.tv_sec) + kWrittenBack < now;
}

void sync_file_system(const std::filesystem::path& folder) {
  const auto fd = base::open_for_reading(folder);
  if (::syncfs(fd.get()) != 0) {
    base::throw_system_error(errno, fmt::format("cannot sync {}", folder.string()));
  }
}

}  // namespace

void mark_finished(const std::filesystem::path& folder) {
  write_marker(folder / kMarker, boot_id());
}

bool is_finished(const std::filesystem::path& folder) {
  const auto path = folder / kMarker;
  const auto text = base::read_file_if_exists(path, kMarkerBytes);
  if (!text) return false;
  if (*text == kSynced) return true;
  if (*text != boot_id()) return false;
  if (is_old(path)) {
    sync_file_system(folder);
    base::write_file_atomically(path, kSynced);
  }
  return true;
}

}  // namespace oci
