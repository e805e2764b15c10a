// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

namespace stages {

/// Bytes that a file gets in place of those it has.
struct FileChange {
  std::uint64_t at = 0;  ///< Of the first one, from the begin of the file.
  std::string bytes;
};

/// Puts `changes` into the existing file. Throws base::Error kIo or kNoSpace.
void write_changes(const std::filesystem::path& file, std::span<const FileChange> changes);

/// Puts into `piece`, what a file holds from byte `begin` on, the parts of `changes` that lie in
/// it; true where there are any.
bool change_piece(std::span<std::byte> piece, std::uint64_t begin,
                  std::span<const FileChange> changes);

}  // namespace stages
