// SPDX-License-Identifier: Apache-2.0
#include "stages/file_change.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/handle.hpp"

namespace stages {

void write_changes(const std::filesystem::path& file, std::span<const FileChange> changes) {
  const base::FileDescriptor fd(::open(file.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd) base::throw_system_error(errno, fmt::format("cannot write {}", file.string()));
  for (const auto& change : changes) {
    base::write_all_at(fd.get(), change.at, change.bytes, file.string());
  }
}

bool change_piece(std::span<std::byte> piece, std::uint64_t begin,
                  std::span<const FileChange> changes) {
  bool changed = false;
  for (const auto& change : changes) {
    const auto from = std::max(begin, change.at);
    const auto to = std::min(begin + piece.size(), change.at + change.bytes.size());
    if (from >= to) continue;
    std::memcpy(piece.data() + (from - begin), change.bytes.data() + (from - change.at), to - from);
    changed = true;
  }
  return changed;
}

}  // namespace stages
