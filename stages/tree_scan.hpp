// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "oci/digest.hpp"
#include "stages/ext2_image.hpp"

namespace stages {

/// One name of a root tree, and what lies below it, by name.
struct TreeNode {
  std::string name;  ///< Empty: the root itself.
  Ext2Attributes attributes;
  std::uint64_t bytes = 0;   ///< Of a file's contents, holes included.
  std::uint64_t stored = 0;  ///< Of these, no hole.
  std::uint64_t device = 0;  ///< Of a device: st_rdev.
  /// Device and inode of a file that has other names; else both 0.
  std::pair<std::uint64_t, std::uint64_t> hard_link;
  std::vector<TreeNode> children;
};

/// A root tree as an artifact holds it.
struct TreeScan {
  TreeNode root;
  std::uint64_t inodes = 0;  ///< Names, every file with several counted once.
  std::uint64_t bytes = 0;   ///< What they take in an ext2 file system, without inodes.
  oci::Digest digest = oci::Digest::of("");  ///< Of everything but the contents of files.
};

/// Reads the names of a tree, not its files: without the contents of kLeftOutFolders, dates after
/// `epoch` as `epoch`. Throws base::Error kIo, or kInterrupted on `stop`.
TreeScan scan_tree(const std::filesystem::path& root, std::int64_t epoch,
                   const std::stop_token& stop);

/// Called with the number of bytes of files written since the last call.
using BytesSink = std::function<void(std::uint64_t bytes)>;

/// Puts a scanned tree into a file system that has nothing in it yet: owners, modes, dates, xattrs,
/// hard links, holes and devices stay. Throws as Ext2Image does, or kInterrupted on `stop`.
void put_tree(const std::filesystem::path& root, const TreeScan& scan, Ext2Image& image,
              const BytesSink& written, const std::stop_token& stop);

}  // namespace stages
