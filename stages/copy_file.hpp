// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <stop_token>

namespace stages {

/// Copies the bytes of `from` to `to`, which is made or emptied; holes stay holes, and blocks are
/// shared where the file system can. Throws base::Error kIo or kNoSpace, or kInterrupted on `stop`.
void copy_file(const std::filesystem::path& from, const std::filesystem::path& to,
               const std::stop_token& stop);

/// Copies what `from` holds besides holes into the existing file `to`, from byte `offset` of it on,
/// which must have been empty. Throws as copy_file does.
void copy_into(const std::filesystem::path& from, const std::filesystem::path& to,
               std::uint64_t offset, const std::stop_token& stop);

}  // namespace stages
