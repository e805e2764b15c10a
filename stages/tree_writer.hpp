// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/handle.hpp"
#include "stages/root_tree.hpp"

namespace stages {

/// An open folder of a tree that keeps its dates though names in it come and go.
class KeptFolder {
 public:
  /// Throws base::Error kIo when `path` is no folder inside the root.
  KeptFolder(const RootTree& tree, const std::filesystem::path& path);
  KeptFolder(const KeptFolder&) = delete;
  KeptFolder& operator=(const KeptFolder&) = delete;
  KeptFolder(KeptFolder&&) = delete;
  KeptFolder& operator=(KeptFolder&&) = delete;
  ~KeptFolder();

  [[nodiscard]] int fd() const { return fd_.get(); }
  /// A path to a name in this folder that no link of the tree can lead astray.
  [[nodiscard]] std::string path_of(std::string_view name) const;

 private:
  base::FileDescriptor fd_;
  struct stat before_ {};
};

/// The name under which something is made before it is renamed into place.
inline constexpr const char* kUnfinishedName = ".osartifact-unfinished";

/// Renames `kUnfinishedName` in `folder` to `name`. Throws base::Error kArtifactTool when a folder
/// has that name, else kIo.
void put_in_place(const KeptFolder& folder, const std::string& name);

/// Writes a file inside the root where the links of `path` lead, or at `path` itself when they lead
/// nowhere. A file that is there keeps its mode and owner. Throws base::Error kIo or kNoSpace.
void write_in_tree(const RootTree& tree, const std::filesystem::path& path,
                   std::string_view content, std::int64_t epoch);

/// Makes one folder, unless `path` leads to one already; then nothing changes and it returns false.
/// Whatever else has the name is replaced. Throws base::Error kIo or kNoSpace.
bool make_folder_in_tree(const RootTree& tree, const std::filesystem::path& path, unsigned mode,
                         std::int64_t epoch);

}  // namespace stages
