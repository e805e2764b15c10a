// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <stop_token>

#include "base/process.hpp"

namespace stages {

/// Called with how much is done, from 0 to 1, now and then.
using ProgressSink = std::function<void(double fraction)>;

struct SquashfsOptions {
  /// zstd's level. Measured on a Debian root: 6 takes a third of the time of gzip and gives less.
  int compression_level = 6;
  unsigned memory_mib = 256;  ///< For mksquashfs's caches; its threads come on top.
  unsigned processors = 0;    ///< 0: all there are.
  /// Seconds since 1970: the date of the image; later dates of files become this.
  std::int64_t epoch = 0;
};

/// Writes the tree in `root` as a squashfs (zstd, 1 MiB blocks, xattrs) to `output`, by way of
/// `output`.partial. What lies in /mnt, /proc, /sys, /dev, /tmp, /host and /run is left out, the
/// folders themselves stay. Same tree, same options: same bytes. Throws base::Error kArtifactTool,
/// or kInterrupted on `stop`, and leaves nothing then.
void make_squashfs(base::ProcessRunner& runner, const std::filesystem::path& root,
                   const std::filesystem::path& output, const SquashfsOptions& options,
                   const ProgressSink& progress, std::stop_token stop);

}  // namespace stages
