// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>

#include "oci/byte_source.hpp"
#include "oci/layer_options.hpp"

namespace stages::dockerfile {

/// The tar that an open file holds: plain, or packed with gzip, bzip2, xz or zstd, told by its
/// first bytes. Reads from the file's start. `name` is for messages. Damaged data throw base::Error
/// kIntegrity as they are met.
std::unique_ptr<oci::ByteSource> open_archive(int fd, const std::string& name);

/// Whether an open regular file is a tar with something in it, as ADD unpacks it; whatever its
/// name.
bool is_archive(int fd);

/// Unpacks what open_archive() gives into the open folder `to`, as layers are unpacked but without
/// whiteouts: nothing outside `to` is touched. `owner`: user and group of all entries. Throws
/// base::Error kIntegrity, kIo, kNoSpace, kInterrupted.
void unpack_archive(int fd, const std::string& name, int to,
                    std::optional<std::pair<std::uint32_t, std::uint32_t>> owner,
                    const std::stop_token& stop);

/// A build context that came as a tar, unpacked into the empty folder `to` in the same way; devices
/// are left out, with a warning. Throws likewise, and kIntegrity when it is no tar.
void unpack_context(oci::ByteSource& tar, const std::string& name, const std::filesystem::path& to,
                    const oci::Warning& warn, const std::stop_token& stop);

}  // namespace stages::dockerfile
