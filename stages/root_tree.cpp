// SPDX-License-Identifier: Apache-2.0
#include "stages/root_tree.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cerrno>

#include "base/error.hpp"
#include "base/files.hpp"
#include "oci/folder_entries.hpp"

namespace stages {
namespace {

int open_in_root(int root, const std::filesystem::path& path, int flags) {
  ::open_how how{};
  how.flags = static_cast<std::uint64_t>(flags | O_CLOEXEC);
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  // The kernel asks for another try when somebody renames beside us.
  for (int attempt = 0; attempt < 16; ++attempt) {
    const auto fd = ::syscall(SYS_openat2, root, path.c_str(), &how, sizeof how);
    if (fd >= 0 || errno != EAGAIN) return static_cast<int>(fd);
  }
  return -1;
}

/// The path that the kernel knows an open file by.
std::filesystem::path path_of(int fd) {
  return std::filesystem::read_symlink(fmt::format("/proc/self/fd/{}", fd));
}

bool means_absent(int error) { return error == ENOENT || error == ENOTDIR || error == ELOOP; }

}  // namespace

RootTree::RootTree(const std::filesystem::path& root)
    : fd_(::open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)) {
  if (!fd_) base::throw_system_error(errno, fmt::format("cannot open folder {}", root.string()));
  root_ = path_of(fd_.get());
}

std::optional<base::FileDescriptor> RootTree::open(const std::filesystem::path& path,
                                                   int flags) const {
  base::FileDescriptor fd(open_in_root(fd_.get(), path, flags));
  if (fd) return fd;
  if (means_absent(errno)) return std::nullopt;
  base::throw_system_error(errno,
                           fmt::format("cannot open {} of {}", path.string(), root_.string()));
}

std::optional<std::filesystem::path> RootTree::file(const std::filesystem::path& path) const {
  const auto fd = open(path, O_PATH);
  if (!fd) return std::nullopt;
  struct stat status {};
  if (::fstat(fd->get(), &status) != 0 || !S_ISREG(status.st_mode) || status.st_size == 0) {
    return std::nullopt;
  }
  return "/" / path_of(fd->get()).lexically_relative(root_);
}

bool RootTree::has_name(const std::filesystem::path& path) const {
  return open(path, O_PATH | O_NOFOLLOW).has_value();
}

std::vector<std::string> RootTree::names(const std::filesystem::path& folder) const {
  const auto fd = open(folder, O_RDONLY | O_DIRECTORY);
  if (!fd) return {};
  return oci::names_in(fd->get(), folder.relative_path().string());
}

std::optional<std::string> RootTree::head(const std::filesystem::path& path,
                                          std::size_t limit) const {
  const auto inside = file(path);
  if (!inside) return std::nullopt;
  const auto fd = open(*inside, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (!fd) return std::nullopt;
  struct stat status {};
  if (::fstat(fd->get(), &status) != 0) {
    base::throw_system_error(errno, fmt::format("cannot read {}", path.string()));
  }
  std::string content(std::min(limit, static_cast<std::size_t>(status.st_size)), '\0');
  std::size_t filled = 0;
  while (filled < content.size()) {
    const auto count = ::read(fd->get(), content.data() + filled, content.size() - filled);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) base::throw_system_error(errno, fmt::format("cannot read {}", path.string()));
    if (count == 0) break;
    filled += static_cast<std::size_t>(count);
  }
  content.resize(filled);
  return content;
}

std::filesystem::path RootTree::on_host(const std::filesystem::path& inside) const {
  return root_ / inside.relative_path();
}

}  // namespace stages
