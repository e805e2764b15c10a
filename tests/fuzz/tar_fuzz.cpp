// SPDX-License-Identifier: Apache-2.0
// Archives of foreign origin: read or refused, and the same however the bytes come.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/error.hpp"
#include "oci/tar_reader.hpp"
#include "tests/fuzz/tar_repair.hpp"
#include "tests/support/text_source.hpp"

namespace {

constexpr std::size_t kMaxEntries = 1000;
constexpr std::size_t kMaxBlocks = 1000;

/// All that was read, in one line per entry, and how it ended.
std::string read_all(const std::string& tar, std::size_t step) {
  std::string text;
  tests::TextSource source(tar, step);
  oci::TarReader reader(source, "it");
  try {
    for (std::size_t entries = 0; entries < kMaxEntries; ++entries) {
      const auto entry = reader.next();
      if (!entry) return text + "end";
      text += entry->path + '>' + entry->link_target + ' ' + std::to_string(entry->bytes) + ' ' +
              std::to_string(entry->mtime_seconds) + ' ' + std::to_string(entry->mode);
      for (const auto& [name, value] : entry->xattrs) text += ' ' + name + '=' + value;
      std::uint64_t end = 0;
      for (std::size_t blocks = 0; blocks < kMaxBlocks; ++blocks) {
        const auto block = reader.next_block();
        if (!block) break;
        if (block->data.empty()) continue;
        if (block->offset < end) std::abort();
        end = block->offset + block->data.size();
      }
      text += ' ' + std::to_string(end) + '\n';
    }
  } catch (const base::Error& error) {
    if (error.code() != base::ErrorCode::kIntegrity) std::abort();
    text += "refused";
  }
  return text;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string raw(reinterpret_cast<const char*>(data), size);
  static_cast<void>(read_all(raw, SIZE_MAX));
  const auto repaired = tests::with_right_checksums(raw);
  if (read_all(repaired, SIZE_MAX) != read_all(repaired, 509)) std::abort();
  return 0;
}
