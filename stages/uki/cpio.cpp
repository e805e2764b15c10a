// SPDX-License-Identifier: Apache-2.0
#include "stages/uki/cpio.hpp"

#include <fmt/format.h>

#include <cassert>
#include <limits>

#include "base/error.hpp"

namespace stages::uki {
namespace {

constexpr std::string_view kTrailer = "TRAILER!!!";
constexpr std::uint64_t kAlignment = 4;

}  // namespace

void CpioWriter::begin(const CpioEntry& entry, std::uint64_t bytes) {
  assert(left_ == 0);
  if (bytes > std::numeric_limits<std::uint32_t>::max()) {
    throw base::Error({.code = base::ErrorCode::kArtifactTool,
                       .what = fmt::format("cannot put {} into an initrd", entry.path),
                       .why = "a file of 4 GiB or more does not fit into its format (cpio newc)",
                       .hint = "make it smaller or leave it out of the image"});
  }
  put(
      fmt::format("070701{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}"
                  "{:08x}",
                  entry.inode, entry.mode, entry.user, entry.group, entry.links, entry.modified,
                  bytes, 0, 0, entry.device_major, entry.device_minor, entry.path.size() + 1, 0));
  put(entry.path);
  put(std::string_view("", 1));
  align();
  left_ = bytes;
}

void CpioWriter::write(std::span<const std::byte> data) {
  assert(data.size() <= left_);
  left_ -= data.size();
  put({reinterpret_cast<const char*>(data.data()), data.size()});
  if (left_ == 0) align();
}

void CpioWriter::add(const CpioEntry& entry, std::string_view content) {
  begin(entry, content.size());
  if (!content.empty()) write(std::as_bytes(std::span(content)));
}

void CpioWriter::finish() {
  add({.path = std::string(kTrailer), .mode = 0, .user = 0, .group = 0, .modified = 0});
}

void CpioWriter::put(std::string_view bytes) {
  bytes_ += bytes.size();
  output_(std::as_bytes(std::span(bytes)));
}

void CpioWriter::align() {
  constexpr std::string_view kZeros("\0\0\0", 3);
  put(kZeros.substr(0, (kAlignment - bytes_ % kAlignment) % kAlignment));
}

}  // namespace stages::uki
