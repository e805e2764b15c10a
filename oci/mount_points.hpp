// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/stat.h>

#include <filesystem>
#include <string>
#include <vector>

#include "base/handle.hpp"
#include "oci/rooted_directory.hpp"

namespace oci {

/// Places in a root folder where something of the host is shown, made where they were missing and
/// taken away again when this dies. Whatever ran in between, nothing outside the root is touched
/// (CVE-2024-23652): each name is removed from the folder that it was made in, by descriptor, and
/// only while it is still the empty file or folder that was made. Nobody else changes the root
/// while add() runs.
class MountPoints {
 public:
  enum class Kind { kFolder, kFile };

  /// Throws base::Error kIo when `root` is no folder.
  explicit MountPoints(const std::filesystem::path& root);
  MountPoints(const MountPoints&) = delete;
  MountPoints& operator=(const MountPoints&) = delete;
  MountPoints(MountPoints&&) = delete;
  MountPoints& operator=(MountPoints&&) = delete;
  ~MountPoints();

  /// Where `target` leads inside the root, every symlink of the root worked off beneath it: an
  /// absolute path with no link in it. Throws base::Error kBuildStep when links loop.
  [[nodiscard]] std::string resolve(const std::string& target) const;

  /// The same, and a folder or empty file is made there if there is none. Throws base::Error
  /// kBuildStep when something of another kind is there or it is the root itself; kIo.
  std::string add(const std::string& target, Kind kind);

  /// An open folder of the root (O_PATH), by a path that resolve() gave. None with errno set.
  [[nodiscard]] base::FileDescriptor open_folder(const std::string& resolved) const;

 private:
  struct Made {
    base::FileDescriptor folder;  ///< That it was made in.
    std::string name;
    struct stat status {};
    struct stat folder_before {};
  };
  void make(int folder, const std::string& name, Kind kind, const std::string& path);
  void remove(const Made& made) noexcept;

  base::FileDescriptor root_fd_;
  RootedDirectory root_;
  std::vector<Made> made_;
};

}  // namespace oci
