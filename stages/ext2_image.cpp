// SPDX-License-Identifier: Apache-2.0
#include "stages/ext2_image.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <limits>

#include "base/error.hpp"
#include "stages/ext2_within.hpp"
#include "stages/file_runs.hpp"
#include "stages/stage.hpp"
#include "stages/uuid.hpp"

// Numbers go to the disk as they lie in memory.
static_assert(std::endian::native == std::endian::little);

namespace stages {
namespace {

constexpr std::size_t kPointers = Ext2Image::kBlockBytes / sizeof(std::uint32_t);  // In a block.
constexpr std::size_t kPieceBytes = 1U << 20;                   // Read and written at once.
constexpr std::size_t kSectors = Ext2Image::kBlockBytes / 512;  // What i_blocks counts, in a block.
constexpr unsigned kMostLinks = EXT2_LINK_MAX;

std::uint64_t blocks_of(std::uint64_t bytes) {
  return (bytes + Ext2Image::kBlockBytes - 1) / Ext2Image::kBlockBytes;
}

std::uint8_t file_type_of(std::uint32_t mode) {
  switch (mode & S_IFMT) {
    case S_IFREG:
      return EXT2_FT_REG_FILE;
    case S_IFDIR:
      return EXT2_FT_DIR;
    case S_IFCHR:
      return EXT2_FT_CHRDEV;
    case S_IFBLK:
      return EXT2_FT_BLKDEV;
    case S_IFIFO:
      return EXT2_FT_FIFO;
    case S_IFSOCK:
      return EXT2_FT_SOCK;
    case S_IFLNK:
      return EXT2_FT_SYMLINK;
    default:
      return EXT2_FT_UNKNOWN;
  }
}

::ext2_inode_large node_of(const Ext2Attributes& attributes, unsigned links) {
  ::ext2_inode_large node{};
  const auto time = static_cast<std::uint32_t>(
      std::clamp<std::int64_t>(attributes.time, 0, std::numeric_limits<std::int32_t>::max()));
  node.i_mode = static_cast<std::uint16_t>(attributes.mode);
  node.i_uid = static_cast<std::uint16_t>(attributes.owner);
  node.osd2.linux2.l_i_uid_high = static_cast<std::uint16_t>(attributes.owner >> 16U);
  node.i_gid = static_cast<std::uint16_t>(attributes.group);
  node.osd2.linux2.l_i_gid_high = static_cast<std::uint16_t>(attributes.group >> 16U);
  node.i_atime = node.i_ctime = node.i_mtime = node.i_crtime = time;
  node.i_links_count = static_cast<std::uint16_t>(links);
  node.i_extra_isize = sizeof(::ext2_inode_large) - EXT2_GOOD_OLD_INODE_SIZE;
  return node;
}

::ext2_inode* small(::ext2_inode_large& node) { return reinterpret_cast<::ext2_inode*>(&node); }

/// The blocks of a folder: names of a block fill it up to its end, and none lies across two.
/// Source: Linux Documentation/filesystems/ext4/directory.rst, "Linear (Classic) Directories".
std::string folder_content(const std::vector<Ext2Image::Entry>& entries) {
  constexpr std::size_t kHead = 8;
  std::string content;
  std::size_t last = 0;  // Where the latest entry begins: it reaches to the end of its block.
  const auto set_length = [&](std::size_t at, std::size_t length) {
    const auto number = static_cast<std::uint16_t>(length);
    std::memcpy(content.data() + at + 4, &number, sizeof number);
  };
  for (const auto& entry : entries) {
    const auto length = (kHead + entry.name.size() + 3) / 4 * 4;
    const auto used = content.size() % Ext2Image::kBlockBytes;
    if (used != 0 && used + length > Ext2Image::kBlockBytes) {
      content.resize(blocks_of(content.size()) * Ext2Image::kBlockBytes);
      set_length(last, content.size() - last);
    }
    last = content.size();
    content.resize(last + length);
    std::memcpy(content.data() + last, &entry.inode, sizeof entry.inode);
    set_length(last, length);
    content[last + 6] = static_cast<char>(entry.name.size());
    content[last + 7] = static_cast<char>(file_type_of(entry.mode));
    entry.name.copy(content.data() + last + kHead, entry.name.size());
  }
  content.resize(blocks_of(content.size()) * Ext2Image::kBlockBytes);
  set_length(last, content.size() - last);
  return content;
}

void read_piece(int fd, std::uint64_t offset, std::span<std::byte> piece) {
  for (std::size_t filled = 0; filled < piece.size();) {
    const auto count = ::pread(fd, piece.data() + filled, piece.size() - filled,
                               static_cast<off_t>(offset + filled));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) base::throw_system_error(errno, "cannot read a file of the tree");
    if (count == 0) {
      throw base::Error({.code = base::ErrorCode::kIo,
                         .what = "cannot read a file of the tree",
                         .why = "it became shorter while it was read",
                         .hint = ""});
    }
    filled += static_cast<std::size_t>(count);
  }
}

}  // namespace

void Ext2Image::Free::operator()(struct_ext2_filsys* file_system) const noexcept {
  ::ext2fs_free(file_system);
}

Ext2Image::Ext2Image(const std::filesystem::path& disk, const Ext2Options& options,
                     std::optional<Ext2Blocks> within)
    : disk_(disk), label_(options.label) {
  ::initialize_ext2_error_table();
  ::ext2_super_block wanted{};
  ::ext2fs_blocks_count_set(&wanted, options.bytes / kBlockBytes);
  wanted.s_rev_level = EXT2_DYNAMIC_REV;
  wanted.s_log_block_size = std::countr_zero(kBlockBytes) - EXT2_MIN_BLOCK_LOG_SIZE;
  wanted.s_log_cluster_size = wanted.s_log_block_size;
  wanted.s_inode_size = 256;
  wanted.s_inodes_count = static_cast<std::uint32_t>(options.inodes + EXT2_GOOD_OLD_FIRST_INO + 1);
  wanted.s_feature_compat = EXT2_FEATURE_COMPAT_EXT_ATTR | EXT2_FEATURE_COMPAT_DIR_INDEX;
  wanted.s_feature_incompat = EXT2_FEATURE_INCOMPAT_FILETYPE;
  wanted.s_feature_ro_compat =
      EXT2_FEATURE_RO_COMPAT_SPARSE_SUPER | EXT2_FEATURE_RO_COMPAT_LARGE_FILE;
  ::ext2_filsys made = nullptr;
  const auto manager = ext2_manager_for({.offset = options.offset, .within = std::move(within)});
  check(::ext2fs_initialize(disk.c_str(), EXT2_FLAG_64BITS, &wanted, manager, &made), "begin");
  file_system_.reset(made);
  begin(options);
}

void Ext2Image::check(long status, std::string_view doing) const {
  if (status == 0) return;
  const auto what =
      fmt::format("cannot {} the file system {} of {}", doing, label_, disk_.string());
  if (status > 0 && status < EXT2_ET_BASE && status < 4096) {
    base::throw_system_error(static_cast<int>(status), what);
  }
  throw base::Error({.code = base::ErrorCode::kArtifactTool,
                     .what = what,
                     .why = ::error_message(status),
                     .hint = ""});
}

void Ext2Image::begin(const Ext2Options& options) {
  auto* made = file_system_.get();
  // 0 would mean the present.
  made->now = static_cast<time_t>(std::max<std::int64_t>(options.epoch, 1));
  auto& super = *made->super;
  const auto set_uuid = [&](auto& field, std::string_view what) {
    const auto uuid =
        uuid_of_name(fmt::format("osartifact {} {} {}", what, options.label, options.identity));
    std::memcpy(&field, uuid.data(), uuid.size());
  };
  set_uuid(super.s_uuid, "file system");
  set_uuid(super.s_hash_seed, "hash seed");
  super.s_def_hash_version = EXT2_HASH_HALF_MD4;
  super.s_flags |= EXT2_FLAGS_SIGNED_HASH;
  super.s_default_mount_opts = EXT2_DEFM_XATTR_USER | EXT2_DEFM_ACL;
  super.s_mkfs_time = super.s_lastcheck = super.s_wtime = static_cast<std::uint32_t>(made->now);
  super.s_max_mnt_count = -1;  // No check because of its age.
  super.s_checkinterval = 0;
  super.s_creator_os = EXT2_OS_LINUX;
  label_.copy(reinterpret_cast<char*>(super.s_volume_name), EXT2_LABEL_LEN);
  check(::ext2fs_allocate_tables(made), "lay out");
  ::ext2fs_inode_alloc_stats2(made, EXT2_BAD_INO, +1, 0);
  ::ext2fs_inode_alloc_stats2(made, EXT2_ROOT_INO, +1, 1);
  for (ext2_ino_t inode = EXT2_ROOT_INO + 1; inode < EXT2_FIRST_INODE(made->super); ++inode) {
    ::ext2fs_inode_alloc_stats2(made, inode, +1, 0);
  }
  check(::ext2fs_update_bb_inode(made, nullptr), "begin");
}

Ext2Image::Inode Ext2Image::new_inode(std::uint32_t mode) {
  ext2_ino_t inode = 0;
  check(::ext2fs_new_inode(file_system_.get(), kRoot, static_cast<int>(mode), nullptr, &inode),
        "add a name to");
  ::ext2fs_inode_alloc_stats2(file_system_.get(), inode, +1, S_ISDIR(mode) ? 1 : 0);
  return inode;
}

std::uint32_t Ext2Image::allocate() {
  blk64_t block = 0;
  check(::ext2fs_new_block2(file_system_.get(), next_block_, nullptr, &block), "find room in");
  ::ext2fs_block_alloc_stats2(file_system_.get(), block, +1);
  next_block_ = block + 1;
  return static_cast<std::uint32_t>(block);
}

void Ext2Image::write(std::uint32_t block, std::span<const std::byte> data) {
  check(::io_channel_write_blk64(file_system_->io, block,
                                 static_cast<int>(data.size() / kBlockBytes), data.data()),
        "write to");
}

struct Ext2Image::Map {
  std::uint64_t pointer_blocks = 0;
};

/// Writes the pointers to `blocks`, by way of `level` - 1 more levels of them; returns where, or 0
/// when all of it is a hole. Source: Linux Documentation/filesystems/ext4/blockmap.rst.
std::uint32_t Ext2Image::put_pointers(std::span<const std::uint32_t> blocks, unsigned level,
                                      Map& map) {
  if (std::all_of(blocks.begin(), blocks.end(), [](auto block) { return block == 0; })) return 0;
  std::size_t reach = 1;  // Blocks that one pointer leads to.
  for (unsigned above = 1; above < level; ++above) reach *= kPointers;
  std::vector<std::uint32_t> pointers(kPointers, 0);
  for (std::size_t index = 0; index * reach < blocks.size(); ++index) {
    const auto below =
        blocks.subspan(index * reach).first(std::min(reach, blocks.size() - index * reach));
    pointers[index] = level == 1 ? below.front() : put_pointers(below, level - 1, map);
  }
  const auto block = allocate();
  ++map.pointer_blocks;
  write(block, std::as_bytes(std::span(pointers)));
  return block;
}

void Ext2Image::put_content(Inode inode, const Ext2Attributes& attributes, std::uint64_t bytes,
                            std::span<const std::uint32_t> blocks, unsigned links) {
  auto node = node_of(attributes, links);
  const auto direct = std::min<std::size_t>(blocks.size(), EXT2_NDIR_BLOCKS);
  std::copy_n(blocks.begin(), direct, std::begin(node.i_block));
  Map map;
  auto rest = blocks.subspan(direct);
  std::size_t reach = 1;
  for (unsigned level = 1; level <= 3 && !rest.empty(); ++level) {
    reach *= kPointers;
    const auto part = rest.first(std::min(reach, rest.size()));
    node.i_block[EXT2_NDIR_BLOCKS + level - 1] = put_pointers(part, level, map);
    rest = rest.subspan(part.size());
  }
  const auto used = static_cast<std::uint64_t>(
      std::count_if(blocks.begin(), blocks.end(), [](auto block) { return block != 0; }));
  node.i_blocks = static_cast<std::uint32_t>((used + map.pointer_blocks) * kSectors);
  check(::ext2fs_inode_size_set(file_system_.get(), small(node), static_cast<ext2_off64_t>(bytes)),
        "write to");
  check(::ext2fs_write_inode_full(file_system_.get(), inode, small(node), sizeof node), "write to");
  put_xattrs(inode, attributes);
}

void Ext2Image::put_xattrs(Inode inode, const Ext2Attributes& attributes) {
  if (attributes.xattrs.empty()) return;
  ::ext2_xattr_handle* opened = nullptr;
  check(::ext2fs_xattrs_open(file_system_.get(), inode, &opened), "write xattrs to");
  const auto close = [](::ext2_xattr_handle* handle) { ::ext2fs_xattrs_close(&handle); };
  const std::unique_ptr<::ext2_xattr_handle, decltype(close)> handle(opened, close);
  for (const auto& [name, value] : attributes.xattrs) {
    check(::ext2fs_xattr_set(handle.get(), name.c_str(), value.data(), value.size()),
          fmt::format("write the xattr {} to", name));
  }
  check(::ext2fs_xattrs_write(handle.get()), "write xattrs to");
}

void Ext2Image::put_file(Inode inode, const Ext2Attributes& attributes, int fd,
                         const std::stop_token& stop) {
  const auto runs = runs_of(fd, "a file of the tree");
  const auto bytes = runs.empty() ? 0 : runs.back().offset + runs.back().bytes;
  std::vector<std::uint32_t> blocks(blocks_of(bytes), 0);
  std::vector<std::byte> piece;
  std::uint64_t done = 0;  // In whole blocks: a run may begin within one.
  for (const auto& run : runs) {
    if (run.is_hole) continue;
    done = std::max(done, run.offset / kBlockBytes * kBlockBytes);
    while (done < run.offset + run.bytes) {
      check_stop(stop);
      const auto wanted = std::min<std::uint64_t>(bytes - done, kPieceBytes);
      const auto count = std::min(blocks_of(run.offset + run.bytes - done), blocks_of(wanted));
      piece.assign(count * kBlockBytes, std::byte{0});
      read_piece(fd, done, std::span(piece).first(std::min<std::uint64_t>(wanted, piece.size())));
      write_new(std::span(blocks).subspan(done / kBlockBytes, count), piece);
      done += piece.size();
    }
  }
  put_content(inode, attributes, bytes, blocks, 1);
}

/// Finds a place for every block of `data` and writes it there, neighbours at once.
void Ext2Image::write_new(std::span<std::uint32_t> blocks, std::span<const std::byte> data) {
  for (auto& block : blocks) block = allocate();
  for (std::size_t first = 0; first < blocks.size();) {
    std::size_t count = 1;
    while (first + count < blocks.size() && blocks[first + count] == blocks[first] + count) ++count;
    write(blocks[first], data.subspan(first * kBlockBytes, count * kBlockBytes));
    first += count;
  }
}

std::vector<std::uint32_t> Ext2Image::write_all(std::string_view content) {
  std::vector<std::uint32_t> blocks(blocks_of(content.size()));
  std::vector<std::byte> data(blocks.size() * kBlockBytes, std::byte{0});
  if (!content.empty()) std::memcpy(data.data(), content.data(), content.size());
  write_new(blocks, data);
  return blocks;
}

void Ext2Image::put_bytes(Inode inode, const Ext2Attributes& attributes, std::string_view content) {
  put_content(inode, attributes, content.size(), write_all(content), 1);
}

void Ext2Image::put_symlink(Inode inode, const Ext2Attributes& attributes,
                            std::string_view target) {
  auto node = node_of(attributes, 1);
  if (target.size() >= sizeof node.i_block) return put_bytes(inode, attributes, target);
  std::memcpy(node.i_block, target.data(), target.size());
  node.i_size = static_cast<std::uint32_t>(target.size());
  check(::ext2fs_write_inode_full(file_system_.get(), inode, small(node), sizeof node), "write to");
  put_xattrs(inode, attributes);
}

void Ext2Image::put_special(Inode inode, const Ext2Attributes& attributes, std::uint64_t device) {
  auto node = node_of(attributes, 1);
  const std::uint32_t major = ::major(device);
  const std::uint32_t minor = ::minor(device);
  // Two ways to write a device number, as the kernel's old_encode_dev and new_encode_dev.
  if (major < 256 && minor < 256) {
    node.i_block[0] = major << 8U | minor;
  } else {
    node.i_block[1] = (minor & 0xffU) | major << 8U | (minor & ~0xffU) << 12U;
  }
  check(::ext2fs_write_inode_full(file_system_.get(), inode, small(node), sizeof node), "write to");
  put_xattrs(inode, attributes);
}

void Ext2Image::put_folder(Inode inode, Inode parent, const Ext2Attributes& attributes,
                           std::vector<Entry> entries) {
  const auto is_lost_and_found = [](const Entry& entry) { return entry.name == "lost+found"; };
  if (inode == kRoot && std::none_of(entries.begin(), entries.end(), is_lost_and_found)) {
    // Every checker wants it there.
    const auto lost = new_inode(S_IFDIR);
    put_folder(lost, kRoot, {.mode = S_IFDIR | 0700U, .time = attributes.time, .xattrs = {}}, {});
    entries.push_back({.name = "lost+found", .inode = lost, .mode = S_IFDIR});
  }
  const auto folders = static_cast<std::size_t>(std::count_if(
      entries.begin(), entries.end(), [](const Entry& entry) { return S_ISDIR(entry.mode); }));
  if (folders + 2 > kMostLinks) check(EXT2_ET_TOO_MANY_REFS, "add a folder to");
  std::sort(entries.begin(), entries.end(),
            [](const Entry& left, const Entry& right) { return left.name < right.name; });
  entries.insert(entries.begin(), {{.name = ".", .inode = inode, .mode = S_IFDIR},
                                   {.name = "..", .inode = parent, .mode = S_IFDIR}});
  const auto content = folder_content(entries);
  put_content(inode, attributes, content.size(), write_all(content),
              static_cast<unsigned>(folders) + 2);
}

void Ext2Image::add_link(Inode inode) {
  ::ext2_inode node{};
  check(::ext2fs_read_inode(file_system_.get(), inode, &node), "read");
  if (node.i_links_count >= kMostLinks) check(EXT2_ET_TOO_MANY_REFS, "add a hard link to");
  ++node.i_links_count;
  check(::ext2fs_write_inode(file_system_.get(), inode, &node), "write to");
}

Ext2Blocks Ext2Image::reserve(Inode inode, const Ext2Attributes& attributes, std::uint64_t bytes) {
  Ext2Blocks blocks(blocks_of(bytes));
  for (auto& block : blocks) block = allocate();
  put_content(inode, attributes, bytes, blocks, 1);
  return blocks;
}

void Ext2Image::finish() {
  auto* made = file_system_.get();
  made->super->s_state = EXT2_VALID_FS;
  ::ext2fs_mark_super_dirty(made);
  check(::ext2fs_write_bitmaps(made), "write to");
  check(::ext2fs_flush(made), "finish");
  file_system_.reset();
}

std::uint64_t ext2_blocks_for(std::uint64_t bytes) {
  const auto blocks = blocks_of(bytes);
  return blocks +
         (blocks > EXT2_NDIR_BLOCKS ? blocks / kPointers + blocks / kPointers / kPointers + 3 : 0);
}

}  // namespace stages
