// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

struct struct_ext2_filsys;  // libext2fs's ext2_filsys points to one.

namespace stages {

struct Ext2Options {
  std::uint64_t offset = 0;  ///< Where it begins in the file, in bytes; a multiple of 4096.
  std::uint64_t bytes = 0;   ///< A multiple of 4096.
  std::string label;         ///< At most 16 bytes.
  std::string identity;      ///< Its UUID and hash seed are made from this and the label.
  std::int64_t epoch = 0;    ///< Its own dates, seconds since 1970.
  std::uint64_t inodes = 0;  ///< At least so many names that are no hard links.
};

/// What an inode says besides its contents.
struct Ext2Attributes {
  std::uint32_t mode = 0;  ///< Type and permissions, as st_mode.
  std::uint32_t owner = 0;
  std::uint32_t group = 0;
  std::int64_t time = 0;                                    ///< Of everything: seconds since 1970.
  std::vector<std::pair<std::string, std::string>> xattrs;  ///< As listxattr(2) names them.
};

/// Numbers of blocks of 4096 bytes within a file system, in the order of a file's contents.
using Ext2Blocks = std::vector<std::uint32_t>;

/// One new ext2 file system in a disk image, written by libext2fs: nothing is mounted, and every
/// byte is written once, in place. Blocks that nobody fills stay holes of the disk image, which
/// must be all zeros there. The same calls give the same bytes. Every function throws base::Error:
/// kArtifactTool when the file system is full or cannot be, kNoSpace or kIo when the disk fails.
///
/// Why not `mke2fs -d`: that of Debian 12 takes times of status change and the order of readdir(3)
/// over, can leave nothing out, and a file system within a file of another would be written twice.
class Ext2Image {
 public:
  using Inode = std::uint32_t;
  static constexpr std::uint64_t kBlockBytes = 4096;
  static constexpr Inode kRoot = 2;

  struct Entry {
    std::string name;
    Inode inode = 0;
    std::uint32_t mode = 0;
  };

  /// Begins a file system in the existing `disk`. With `within` it does not lie at `options.offset`
  /// in one piece, but in those blocks of another one that begins there: see reserve().
  Ext2Image(const std::filesystem::path& disk, const Ext2Options& options,
            std::optional<Ext2Blocks> within = std::nullopt);

  /// The number of a new inode, which one of the put functions must fill. A folder's comes first,
  /// then its entries', then put_folder(). kRoot is there already.
  Inode new_inode(std::uint32_t mode);

  /// A regular file with what `fd` holds; holes stay holes.
  void put_file(Inode inode, const Ext2Attributes& attributes, int fd, const std::stop_token& stop);
  void put_bytes(Inode inode, const Ext2Attributes& attributes, std::string_view content);
  void put_symlink(Inode inode, const Ext2Attributes& attributes, std::string_view target);
  /// Devices, pipes and sockets; `device` as st_rdev.
  void put_special(Inode inode, const Ext2Attributes& attributes, std::uint64_t device);
  /// Entries in any order, without "." and "..".
  void put_folder(Inode inode, Inode parent, const Ext2Attributes& attributes,
                  std::vector<Entry> entries);
  /// One more hard link to a file.
  void add_link(Inode inode);
  /// A regular file of `bytes` bytes (a multiple of 4096) whose blocks are set aside and not
  /// written: for a file system within.
  Ext2Blocks reserve(Inode inode, const Ext2Attributes& attributes, std::uint64_t bytes);

  /// Writes what is still in memory. Call once, last.
  void finish();

 private:
  struct Free {
    void operator()(struct_ext2_filsys* file_system) const noexcept;
  };
  struct Map;

  void check(long status, std::string_view doing) const;
  void begin(const Ext2Options& options);
  std::uint32_t allocate();
  void put_content(Inode inode, const Ext2Attributes& attributes, std::uint64_t bytes,
                   std::span<const std::uint32_t> blocks, unsigned links);
  std::uint32_t put_pointers(std::span<const std::uint32_t> blocks, unsigned level, Map& map);
  void put_xattrs(Inode inode, const Ext2Attributes& attributes);
  void write(std::uint32_t block, std::span<const std::byte> data);
  void write_new(std::span<std::uint32_t> blocks, std::span<const std::byte> data);
  std::vector<std::uint32_t> write_all(std::string_view content);

  std::filesystem::path disk_;
  std::string label_;
  std::unique_ptr<struct_ext2_filsys, Free> file_system_;
  std::uint64_t next_block_ = 0;  ///< Where to look for a free one.
};

/// Blocks that a file of `bytes` bytes takes, those of its block map included.
std::uint64_t ext2_blocks_for(std::uint64_t bytes);

}  // namespace stages
