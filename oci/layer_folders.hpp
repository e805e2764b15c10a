// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/handle.hpp"
#include "oci/rooted_directory.hpp"
#include "oci/whiteouts.hpp"

namespace oci {

/// A folder that entries are written into.
struct Folder {
  base::FileDescriptor fd;  ///< O_PATH.
  ino_t inode = 0;
};

/// The folders of a layer being written: finds and makes them, keeps the last ones open (one
/// openat2 per folder and not per file), and gives them their times when all is in them.
class LayerFolders {
 public:
  /// `privileged`: implied folders are given to root, and no folder need be opened up to write
  /// into.
  LayerFolders(RootedDirectory root, bool privileged, LayerContents& contents)
      : root_(std::move(root)), privileged_(privileged), contents_(contents) {}

  /// The folder, resolved inside the root; what is missing is made (0755, `mtime`), a file in the
  /// way goes. Throws base::Error kIntegrity for loops of symlinks, kIo.
  std::shared_ptr<Folder> make(const PathNames& path, const timespec& mtime);
  /// How many folders were made that have no entry of their own.
  [[nodiscard]] std::uint64_t implied() const { return implied_; }
  /// As it is, or null when there is none.
  std::shared_ptr<Folder> find(const PathNames& path);

  /// A folder or symlink went: what was resolved before may lead elsewhere now.
  void forget() { open_.clear(); }

  /// What finish() gives the folder `inode`, whose path is `path`.
  void set_mtime(ino_t inode, const PathNames& path, const timespec& mtime);
  /// For the unprivileged: the mode is given in finish(), lest it keeps us out before.
  void set_mode(ino_t inode, mode_t mode);

  /// Gives every folder written to its time, deepest first: those of the layer's entries, and
  /// others the time they had before. Throws base::Error kIo.
  void finish();

 private:
  struct End {
    std::string path;
    timespec mtime{};
    std::optional<mode_t> mode;
  };

  std::shared_ptr<Folder> open(const std::string& path, std::size_t bytes_below = 0);
  std::shared_ptr<Folder> adopt(const std::string& path, base::FileDescriptor fd);
  void note(ino_t inode, End end);
  void check_depth(int fd, const std::string& path, std::size_t bytes_below) const;
  void make_missing(const PathNames& path, const timespec& mtime, int links_followed);
  std::shared_ptr<Folder> step(int parent, const std::string& name, const std::string& path,
                               std::size_t bytes_below);
  std::shared_ptr<Folder> make_one(int parent, const std::string& name, const std::string& path,
                                   const timespec& mtime);
  std::optional<PathNames> behind_symlink(int parent, const PathNames& path, std::size_t count);
  [[noreturn]] void fail(const std::string& path) const;
  [[noreturn]] void refuse(const std::string& path, std::string why) const;

  RootedDirectory root_;
  bool privileged_;
  LayerContents& contents_;
  std::uint64_t implied_ = 0;
  std::uint64_t path_bytes_ = 0;  ///< Of all that went into ends_.
  std::unordered_map<std::string, std::shared_ptr<Folder>> open_;
  std::unordered_map<ino_t, End> ends_;
};

}  // namespace oci
