// SPDX-License-Identifier: Apache-2.0
#include "stages/finish_tree.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>

#include "base/error.hpp"
#include "stages/overlay_copy.hpp"
#include "stages/root_tree.hpp"
#include "stages/tree_writer.hpp"

namespace stages {
namespace {

// Parents first. An installed system mounts over them, with a root that is read-only.
constexpr std::array kNeededFolders = {"/run", "/dev",  "/boot", "/usr", "/usr/local",
                                       "/oem", "/proc", "/sys",  "/etc", "/tmp"};
constexpr unsigned kReadOnlyMode = 0555;
constexpr unsigned kUsualMode = 0755;
constexpr unsigned kTemporaryMode = 01777;

unsigned mode_of(std::string_view folder) {
  if (folder == "/tmp") return kTemporaryMode;
  return folder == "/usr" || folder == "/etc" ? kUsualMode : kReadOnlyMode;
}

void make_needed_folders(const RootTree& tree, std::int64_t epoch) {
  for (const char* folder : kNeededFolders) {
    make_folder_in_tree(tree, folder, mode_of(folder), epoch);
  }
  const auto temporary = tree.open("/tmp", O_RDONLY | O_DIRECTORY);
  if (!temporary || ::fchmod(temporary->get(), kTemporaryMode) != 0) {
    base::throw_system_error(errno, fmt::format("cannot chmod {}/tmp", tree.path().string()));
  }
}

}  // namespace

void finish_tree(const std::filesystem::path& root, const FinishTreeOptions& options,
                 const std::stop_token& stop) {
  const RootTree tree(root);
  make_needed_folders(tree, options.epoch);
  if (options.os_release) {
    write_in_tree(tree, "/etc/os-release", *options.os_release, options.epoch);
  }
  if (options.kairos_release) {
    write_in_tree(tree, "/etc/kairos-release", *options.kairos_release, options.epoch);
  }
  if (options.overlay) copy_overlay(*options.overlay, tree, stop);
}

}  // namespace stages
