// SPDX-License-Identifier: Apache-2.0
#include "stages/ext2_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/error.hpp"
#include "stages/ext2_within.hpp"
#include "stages/uuid.hpp"

namespace stages {

void Ext2Reader::Free::operator()(struct_ext2_filsys* file_system) const noexcept {
  ::ext2fs_free(file_system);
}

Ext2Reader::Ext2Reader(const std::filesystem::path& disk, std::uint64_t offset,
                       std::optional<Ext2Blocks> within)
    : disk_(disk) {
  ::initialize_ext2_error_table();
  ::ext2_filsys opened = nullptr;
  const auto manager = ext2_manager_for({.offset = offset, .within = std::move(within)});
  check(::ext2fs_open(disk.c_str(), EXT2_FLAG_64BITS | EXT2_FLAG_JOURNAL_DEV_OK, 0, 0, manager,
                      &opened),
        fmt::format("open the file system at byte {}", offset));
  file_system_.reset(opened);
}

void Ext2Reader::check(long status, std::string_view doing) const {
  if (status == 0) return;
  throw base::Error({.code = base::ErrorCode::kArtifactTool,
                     .what = fmt::format("{} is not right", disk_.string()),
                     .why = fmt::format("cannot {}: {}", doing, ::error_message(status)),
                     .hint = ""});
}

std::string Ext2Reader::label() const {
  const auto* name = reinterpret_cast<const char*>(file_system_->super->s_volume_name);
  return {name, ::strnlen(name, EXT2_LABEL_LEN)};
}

std::string Ext2Reader::uuid() const {
  Uuid uuid{};
  std::memcpy(uuid.data(), &file_system_->super->s_uuid, uuid.size());
  return text_of(uuid);
}

std::string Ext2Reader::kind() const {
  auto* super = file_system_->super;
  if (::ext2fs_has_feature_extents(super) != 0) return "ext4";
  return ::ext2fs_has_feature_journal(super) != 0 ? "ext3" : "ext2";
}

std::uint64_t Ext2Reader::bytes() const {
  return ::ext2fs_blocks_count(file_system_->super) * file_system_->blocksize;
}

std::uint64_t Ext2Reader::free_bytes() const {
  return ::ext2fs_free_blocks_count(file_system_->super) * file_system_->blocksize;
}

bool Ext2Reader::is_clean() const {
  return (file_system_->super->s_state & EXT2_VALID_FS) != 0 &&
         (file_system_->super->s_state & EXT2_ERROR_FS) == 0;
}

std::optional<Ext2Reader::Inode> Ext2Reader::find(const std::string& path) const {
  ext2_ino_t inode = 0;
  const auto status =
      ::ext2fs_namei_follow(file_system_.get(), EXT2_ROOT_INO, EXT2_ROOT_INO, path.c_str(), &inode);
  if (status == EXT2_ET_FILE_NOT_FOUND || status == EXT2_ET_NO_DIRECTORY ||
      status == EXT2_ET_SYMLINK_LOOP) {
    return std::nullopt;
  }
  check(status, fmt::format("look for {}", path));
  return inode;
}

std::uint64_t Ext2Reader::size_of(Inode inode) const {
  ::ext2_inode node{};
  check(::ext2fs_read_inode(file_system_.get(), inode, &node), "read an inode");
  return EXT2_I_SIZE(&node);
}

std::string Ext2Reader::head(Inode inode, std::size_t limit) const {
  ::ext2_file_t opened = nullptr;
  check(::ext2fs_file_open(file_system_.get(), inode, 0, &opened), "open a file");
  const std::unique_ptr<::ext2_file, decltype(&::ext2fs_file_close)> file(opened,
                                                                          &::ext2fs_file_close);
  std::string content(limit, '\0');
  std::size_t filled = 0;
  while (filled < limit) {
    unsigned count = 0;
    check(::ext2fs_file_read(opened, content.data() + filled, static_cast<unsigned>(limit - filled),
                             &count),
          "read a file");
    if (count == 0) break;
    filled += count;
  }
  content.resize(filled);
  return content;
}

Ext2Blocks Ext2Reader::blocks_of(Inode inode) const {
  const auto count = (size_of(inode) + Ext2Image::kBlockBytes - 1) / Ext2Image::kBlockBytes;
  if (file_system_->blocksize != Ext2Image::kBlockBytes) {
    check(EXT2_ET_UNSUPP_FEATURE, "find the blocks of a file");
  }
  Ext2Blocks blocks(count, 0);
  const auto note = [](::ext2_filsys /*fs*/, blk64_t* block, e2_blkcnt_t index, blk64_t /*ref*/,
                       int /*offset*/, void* data) -> int {
    auto& found = *static_cast<Ext2Blocks*>(data);
    if (index >= 0 && static_cast<std::size_t>(index) < found.size()) {
      found[static_cast<std::size_t>(index)] = static_cast<std::uint32_t>(*block);
    }
    return 0;
  };
  check(::ext2fs_block_iterate3(file_system_.get(), inode, BLOCK_FLAG_READ_ONLY, nullptr, note,
                                &blocks),
        "find the blocks of a file");
  if (std::find(blocks.begin(), blocks.end(), 0U) != blocks.end()) {
    check(EXT2_ET_FILE_NOT_FOUND, "find the blocks of a file that has holes");
  }
  return blocks;
}

std::vector<std::string> Ext2Reader::names(Inode folder) const {
  std::vector<std::string> names;
  const auto note = [](::ext2_dir_entry* entry, int /*offset*/, int /*blocksize*/, char* /*buffer*/,
                       void* data) -> int {
    const std::string name(entry->name, static_cast<std::size_t>(::ext2fs_dirent_name_len(entry)));
    if (name != "." && name != "..") static_cast<std::vector<std::string>*>(data)->push_back(name);
    return 0;
  };
  check(::ext2fs_dir_iterate(file_system_.get(), folder, 0, nullptr, note, &names),
        "read a folder");
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace stages
