// SPDX-License-Identifier: Apache-2.0
#include "stages/iso_volume.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "stages/disk_bytes.hpp"

namespace stages {

std::string iso_date(std::int64_t epoch) {
  return fmt::format("{:%Y%m%d%H%M%S}00", fmt::gmtime(static_cast<std::time_t>(epoch)));
}

void cut_to_iso_volume(const std::filesystem::path& iso) {
  constexpr std::uint64_t kBlock = 2048;
  const DiskBytes bytes(iso);
  const auto volume = little_endian(bytes.read(16 * kBlock, kBlock), 80, 4) * kBlock;
  bytes.require(volume <= bytes.size(), "it is shorter than its volume says");
  std::filesystem::resize_file(iso, volume);
}

}  // namespace stages
