// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <stop_token>

#include "base/process.hpp"

namespace stages {

/// Called with how much is done, from 0 to 1, now and then; with 1 at the end.
using ProgressSink = std::function<void(double fraction)>;

/// Each takes 10 MB: with 32 of them mksquashfs took 459 MB in all, with 8 272 MB, with 2 161 MB.
inline constexpr unsigned kMaxSquashfsProcessors = 32;

struct SquashfsOptions {
  /// zstd's level. On a Debian root of 287 MB, two cores: 3 takes 0.8 s and gives 96.9 MB, 6 takes
  /// 1.5 s and 92.2 MB, 9 takes 2.4 s and 91.2 MB, 12 takes 3.4 s and 90.9 MB.
  int compression_level = 6;
  /// For mksquashfs's caches; its threads and tables come on top. It took 127 MB in all there.
  unsigned memory_mib = 256;
  unsigned processors = kMaxSquashfsProcessors;
  /// Seconds since 1970: the date of the image; later dates of files become this.
  std::int64_t epoch = 0;
};

/// Options with which mksquashfs takes half of `bytes` of memory at most, where that can be; 0: no
/// limit.
SquashfsOptions squashfs_options_within(std::uint64_t bytes);

/// Writes the tree in `root` as a squashfs (zstd, 1 MiB blocks, xattrs) to `output`, by way of
/// `output`.partial. What lies in /mnt, /proc, /sys, /dev, /tmp, /host and /run is left out, the
/// folders themselves stay. Same tree, same options: same bytes. Throws base::Error kArtifactTool,
/// or kInterrupted on `stop`, and leaves nothing then.
void make_squashfs(base::ProcessRunner& runner, const std::filesystem::path& root,
                   const std::filesystem::path& output, const SquashfsOptions& options,
                   const ProgressSink& progress, std::stop_token stop);

}  // namespace stages
