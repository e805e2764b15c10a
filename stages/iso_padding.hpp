// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>

namespace stages {

/// Cuts off the zeros that mkisofs's habits put behind the backup GPT of an ISO, which belongs into
/// the last sector; returns how many bytes. A file without such a GPT, or with anything else there,
/// stays as it is. Throws base::Error kIo. Source: UEFI 2.10, 5.3; xorriso(1), -padding.
std::uint64_t cut_padding(const std::filesystem::path& iso);

}  // namespace stages
