// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <stop_token>

#include "stages/partial_file.hpp"

namespace stages {

/// Called with the bytes of the disk that are done, and of how many.
using ArchiveProgress = std::function<void(std::uint64_t done, std::uint64_t total)>;

struct GceOptions {
  std::int64_t epoch = 0;  ///< Date of the member, seconds since 1970.
  unsigned threads = 1;
};

/// Packs the disk `raw` as Google Compute Engine takes it: a tar in the old GNU format with one
/// member, disk.raw, whole GiB long, in gzip. A disk that is not whole GiB long becomes so in the
/// archive, its backup table at its new end; `raw` itself is only read. By way of `output`.partial,
/// which `review` sees. Same disk, same options but threads: same bytes. Throws base::Error
/// kArtifactTool, kIo or kNoSpace, or kInterrupted on `stop`. Source: Google Cloud, "Requirements
/// to build custom images".
void make_gce_archive(const std::filesystem::path& raw, const std::filesystem::path& output,
                      const GceOptions& options, const ArchiveProgress& progress,
                      const std::stop_token& stop, const ReviewFile& review = {});

/// Whether a file is a gzip whose first member is called disk.raw.
bool is_gce_archive(const std::filesystem::path& file);

/// What check_gce_archive() found.
struct GceArchive {
  std::uint64_t disk_bytes = 0;
};

/// Reads all of an archive and makes sure that it is one as above, whole, with sound partition
/// tables, the second one at the end of the disk; `work` is a folder for a small file. Throws
/// base::Error kArtifactTool.
GceArchive check_gce_archive(const std::filesystem::path& file, const std::filesystem::path& work,
                             const std::stop_token& stop);

}  // namespace stages
