// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>
#include <vector>

namespace stages {

/// A piece of a file: data, or a hole, which reads as zeros and need not be read.
struct FileRun {
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
  bool is_hole = false;
};

/// All of an open file, in order, from its first byte to its last. Moves the file's position.
/// Where the file system knows of no holes it is one run. Throws base::Error kIo; `name` is for
/// messages. Source: lseek(2), SEEK_DATA.
std::vector<FileRun> runs_of(int fd, std::string_view name);

/// Makes the file `path`, or empties it, and makes it one hole of `bytes`. Throws base::Error kIo
/// or kNoSpace.
void make_sparse_file(const std::filesystem::path& path, std::uint64_t bytes);

}  // namespace stages
