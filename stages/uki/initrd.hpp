// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>

#include "oci/tar_stream.hpp"
#include "stages/root_tree.hpp"

namespace stages::uki {

struct InitrdOptions {
  std::int64_t epoch = 0;     ///< Nothing is younger than this; seconds since 1970.
  int compression_level = 9;  ///< Of zstd, 1 to 19.
  unsigned threads = 1;       ///< Share the work of compressing; they do not show in the result.
};

/// What went into an initrd.
struct InitrdFacts {
  std::uint64_t entries = 0;
  std::uint64_t bytes = 0;              ///< Of all files, in bytes.
  std::uint64_t with_capabilities = 0;  ///< Files whose capabilities the format cannot hold.
  bool replaced_init = false;           ///< The image had an /init of its own.
};

/// Called now and then with the bytes of files read so far.
using InitrdProgress = std::function<void(std::uint64_t bytes)>;

/// Writes a whole root as an initrd (cpio newc, zstd) into `output`: owners, modes, device nodes
/// and hardlinks as they are, names in byte order, whole seconds. /boot is left out, and what
/// kLeftOutFolders hold; /init leads to /usr/bin/immucore, and /efi, /oem and
/// /usr/local/cloud-config are made where they are missing. The same tree gives the same bytes.
/// Throws base::Error kArtifactTool when the image has no /usr/bin/immucore or a file of 4 GiB,
/// kIo, or kInterrupted on `stop`; what `output` throws passes.
InitrdFacts write_initrd(const RootTree& root, const oci::ByteOutput& output,
                         const InitrdOptions& options, const InitrdProgress& progress,
                         const std::stop_token& stop);

}  // namespace stages::uki
