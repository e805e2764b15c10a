// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <span>
#include <stop_token>
#include <string_view>

#include "oci/digest.hpp"
#include "stages/file_change.hpp"

namespace stages {

/// sha256 of a file's bytes, as they will be with `changes`. Throws base::Error kIo.
oci::Digest digest_of_file(const std::filesystem::path& file, const std::stop_token& stop,
                           std::span<const FileChange> changes = {});

/// sha256 over everything a folder holds: names, types, modes, owners, times of files, link targets
/// and contents, in a fixed order. Throws base::Error kIo.
oci::Digest digest_of_folder(const std::filesystem::path& folder);

/// sha256 over what the file system says of all that a folder holds, without reading a file: names,
/// types, modes, owners, sizes, inodes, dates of content and of change. Another digest need not
/// mean that something changed. Throws base::Error kIo.
oci::Digest digest_of_metadata(const std::filesystem::path& folder);

/// What tells that a file is still the one that was written, without reading it: size, inode and
/// modification time. Throws base::Error kIo.
nlohmann::json identity_of_file(const std::filesystem::path& file);

/// Whether `identity_of_file` still gives the same; false when the file is gone.
bool is_same_file(const std::filesystem::path& file, const nlohmann::json& identity);

/// The record of a finished artifact: {"type", "path", "size", "digest", "identity"}.
nlohmann::json describe_artifact(std::string_view type, const std::filesystem::path& file,
                                 const std::stop_token& stop);
/// The same of one whose digest is known.
nlohmann::json describe_artifact(std::string_view type, const std::filesystem::path& file,
                                 const oci::Digest& digest);

}  // namespace stages
