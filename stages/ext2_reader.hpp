// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "stages/ext2_image.hpp"

namespace stages {

/// An ext2, ext3 or ext4 file system in a disk image, read without mounting it (libext2fs). Every
/// function throws base::Error kArtifactTool when what it reads is no sound file system.
class Ext2Reader {
 public:
  using Inode = Ext2Image::Inode;

  /// Opens what begins at byte `offset` of `disk`, or lies in `within` of what begins there.
  Ext2Reader(const std::filesystem::path& disk, std::uint64_t offset,
             std::optional<Ext2Blocks> within = std::nullopt);

  [[nodiscard]] std::string label() const;
  [[nodiscard]] std::string uuid() const;
  [[nodiscard]] std::string kind() const;  ///< "ext2", "ext3", "ext4": by its features.
  [[nodiscard]] std::uint64_t bytes() const;
  [[nodiscard]] std::uint64_t free_bytes() const;
  [[nodiscard]] bool is_clean() const;

  /// What a path leads to, links followed within the file system; nullopt when there is nothing.
  [[nodiscard]] std::optional<Inode> find(const std::string& path) const;
  [[nodiscard]] std::uint64_t size_of(Inode inode) const;
  /// The first `limit` bytes of a file.
  [[nodiscard]] std::string head(Inode inode, std::size_t limit) const;
  /// Where a file lies. Throws also when it has holes or blocks of another size than 4096 bytes.
  [[nodiscard]] Ext2Blocks blocks_of(Inode inode) const;
  /// The names in a folder, sorted, without "." and "..".
  [[nodiscard]] std::vector<std::string> names(Inode folder) const;

 private:
  struct Free {
    void operator()(struct_ext2_filsys* file_system) const noexcept;
  };
  void check(long status, std::string_view doing) const;

  std::filesystem::path disk_;
  std::unique_ptr<struct_ext2_filsys, Free> file_system_;
};

}  // namespace stages
