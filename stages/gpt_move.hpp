// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "stages/disk_bytes.hpp"

namespace stages {

/// Bytes that belong at a place of a disk.
struct BytesAt {
  std::uint64_t offset = 0;
  std::string bytes;
};

/// What must be written over a disk with a GPT when it becomes `bytes` bytes long, so that its
/// backup table lies in its last sectors again: in order, none over another. Empty when it is that
/// long already. Throws base::Error kArtifactTool as check_gpt() does.
std::vector<BytesAt> gpt_for_size(const DiskBytes& disk, std::uint64_t bytes);

}  // namespace stages
