// SPDX-License-Identifier: Apache-2.0
#include "stages/dockerfile/rooted_folders.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <string_view>

#include "base/error.hpp"
#include "base/files.hpp"
#include "oci/folder_entries.hpp"
#include "oci/rooted_directory.hpp"

namespace stages::dockerfile {
namespace {

constexpr int kMaxLinks = 40;  // As the kernel: see path_resolution(7).
constexpr mode_t kMode = 0755;

[[noreturn]] void fail(int error_number, const std::string& path) {
  if (error_number == ENOSPC || error_number == EDQUOT || error_number == EIO) {
    base::throw_system_error(error_number, fmt::format("cannot make the folder /{}", path));
  }
  throw base::Error({.code = base::ErrorCode::kBuildStep,
                     .what = fmt::format("cannot make the folder /{} in the image", path),
                     .why = std::generic_category().message(error_number),
                     .hint = ""});
}

/// Makes `name` in the open folder `parent`; where a symlink to nothing has that name, returns what
/// it leads to.
std::optional<std::string> make_one(int parent, const std::string& name, const std::string& path,
                                    Ownership owner) {
  if (::mkdirat(parent, name.c_str(), kMode) != 0) {
    const int problem = errno;
    const auto target = problem == EEXIST ? oci::link_target(parent, name) : std::nullopt;
    if (!target) fail(problem == EEXIST ? ENOTDIR : problem, path);
    return target;
  }
  const base::FileDescriptor made(
      ::openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!made || ::fchown(made.get(), owner.user, owner.group) != 0 ||
      ::fchmod(made.get(), kMode) != 0) {
    fail(errno, path);
  }
  return std::nullopt;
}

}  // namespace

void make_folder_in(const std::filesystem::path& root, const std::string& path, Ownership owner) {
  const auto root_fd = base::open_for_reading(root);
  const oci::RootedDirectory rooted(root_fd.get(), root.string());
  auto names = oci::clean_path(path);
  int links = 0;
  for (std::size_t made = 0; made < names.size(); ++made) {
    const oci::PathNames before(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(made));
    const auto& name = names[made];
    const auto full = oci::join(before) + (before.empty() ? "" : "/") + name;
    if (rooted.try_open_folder(full)) continue;
    if (errno != ENOENT) fail(errno, full);
    const auto parent = rooted.try_open(oci::join(before), O_RDONLY | O_DIRECTORY);
    if (!parent) fail(errno, oci::join(before));
    const auto target = make_one(parent.get(), name, full, owner);
    if (!target) continue;
    if (++links > kMaxLinks) fail(ELOOP, full);
    auto next = target->starts_with('/') ? *target : oci::join(before) + "/" + *target;
    for (std::size_t i = made + 1; i < names.size(); ++i) next += "/" + names[i];
    names = oci::clean_path(next);
    made = static_cast<std::size_t>(-1);  // From the root again.
  }
}

}  // namespace stages::dockerfile
