// SPDX-License-Identifier: Apache-2.0
#include "stages/ext2_within.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <utility>

namespace stages {
namespace {

// Given to the next channel.
thread_local Ext2Place next_place;

/// What stands behind the channel: the file itself, with libext2fs's cache, and the map.
struct Within {
  io_channel disk = nullptr;
  std::optional<Ext2Blocks> blocks;
};

Within& within(io_channel channel) { return *static_cast<Within*>(channel->private_data); }

/// Calls `piece(block of the disk, count, data)` for every run of neighbours among `count` blocks
/// (of the channel's present size) from `block` on. A negative count is one of bytes, as in
/// libext2fs.
template <typename Data, typename Piece>
errcode_t for_each_run(io_channel channel, unsigned long long block, int count, Data* data,
                       const Piece& piece) {
  if (!within(channel).blocks) return piece(block, count, data);
  const auto& blocks = *within(channel).blocks;
  const auto size = static_cast<unsigned long long>(channel->block_size);
  const auto parts = Ext2Image::kBlockBytes / size;
  const auto place = [&](unsigned long long at) { return blocks[at / parts] * parts + at % parts; };
  const auto wanted = count < 0 ? (static_cast<unsigned long long>(-count) + size - 1) / size
                                : static_cast<unsigned long long>(count);
  if ((block + wanted + parts - 1) / parts > blocks.size()) return EXT2_ET_INVALID_ARGUMENT;
  if (count < 0) return wanted == 1 ? piece(place(block), count, data) : EXT2_ET_INVALID_ARGUMENT;
  for (unsigned long long done = 0; done < wanted;) {
    unsigned long long run = 1;
    while (done + run < wanted && place(block + done + run) == place(block + done) + run) ++run;
    if (const auto status = piece(place(block + done), static_cast<int>(run), data + done * size)) {
      return status;
    }
    done += run;
  }
  return 0;
}

errcode_t read_blocks(io_channel channel, unsigned long long block, int count, void* data) {
  return for_each_run(channel, block, count, static_cast<char*>(data),
                      [&](unsigned long long at, int blocks, char* part) {
                        return io_channel_read_blk64(within(channel).disk, at, blocks, part);
                      });
}

errcode_t write_blocks(io_channel channel, unsigned long long block, int count, const void* data) {
  return for_each_run(channel, block, count, static_cast<const char*>(data),
                      [&](unsigned long long at, int blocks, const char* part) {
                        return io_channel_write_blk64(within(channel).disk, at, blocks, part);
                      });
}

errcode_t read_blocks_32(io_channel channel, unsigned long block, int count, void* data) {
  return read_blocks(channel, block, count, data);
}

errcode_t write_blocks_32(io_channel channel, unsigned long block, int count, const void* data) {
  return write_blocks(channel, block, count, data);
}

errcode_t set_block_size(io_channel channel, int bytes) {
  channel->block_size = bytes;
  return io_channel_set_blksize(within(channel).disk, bytes);
}

errcode_t flush(io_channel channel) { return io_channel_flush(within(channel).disk); }

errcode_t close(io_channel channel) {
  if (--channel->refcount > 0) return 0;
  const std::unique_ptr<Within> state(&within(channel));
  const auto status = io_channel_close(state->disk);
  ext2fs_free_mem(&channel->name);
  ext2fs_free_mem(&channel);
  return status;
}

errcode_t open(const char* name, int flags, io_channel* result);

struct_io_manager make_manager() {
  struct_io_manager made{};
  made.magic = EXT2_ET_MAGIC_IO_MANAGER;
  made.name = "osartifact: within another file system";
  made.open = &open;
  made.close = &close;
  made.set_blksize = &set_block_size;
  made.read_blk = &read_blocks_32;
  made.write_blk = &write_blocks_32;
  made.flush = &flush;
  made.read_blk64 = &read_blocks;
  made.write_blk64 = &write_blocks;
  return made;
}

struct_io_manager instance = make_manager();

/// libext2fs frees a channel's memory itself in places, so it must be of its own kind.
errcode_t open(const char* name, int flags, io_channel* result) {
  const auto place = std::exchange(next_place, {});
  io_channel channel = nullptr;
  if (const auto status = ext2fs_get_memzero(sizeof(struct_io_channel), &channel)) return status;
  auto state = std::make_unique<Within>();
  auto status = unix_io_manager->open(name, flags, &state->disk);
  const auto length = std::char_traits<char>::length(name) + 1;
  if (status == 0) {
    status = io_channel_set_options(state->disk, fmt::format("offset={}", place.offset).c_str());
  }
  if (status == 0) status = ext2fs_get_mem(length, &channel->name);
  if (status != 0) {
    if (state->disk != nullptr) io_channel_close(state->disk);
    ext2fs_free_mem(&channel);
    return status;
  }
  std::copy_n(name, length, channel->name);
  state->blocks = place.within;
  channel->magic = EXT2_ET_MAGIC_IO_CHANNEL;
  channel->manager = &instance;
  channel->block_size = state->disk->block_size;
  channel->refcount = 1;
  channel->private_data = state.release();
  *result = channel;
  return 0;
}

}  // namespace

io_manager ext2_manager_for(Ext2Place place) {
  next_place = std::move(place);
  return &instance;
}

}  // namespace stages
