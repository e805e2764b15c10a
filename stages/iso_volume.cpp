// SPDX-License-Identifier: Apache-2.0
#include "stages/iso_volume.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "stages/disk_bytes.hpp"

namespace stages {

std::vector<std::string> iso_arguments(const std::string& label,
                                       const std::filesystem::path& output, std::int64_t epoch) {
  const auto uuid = fmt::format("{:%Y%m%d%H%M%S}00", fmt::gmtime(static_cast<std::time_t>(epoch)));
  return {"-no_rc",
          "-abort_on",
          "FAILURE",
          "-outdev",
          output.string(),
          "-volid",
          label,
          "-compliance",
          "iso_9660_level=3",
          "-padding",
          "0",
          "-volume_date",
          "uuid",
          uuid,
          "-volume_date",
          "all_file_dates",
          fmt::format("={}", epoch),
          "-boot_image",
          "any",
          "gpt_disk_guid=volume_date_uuid"};
}

void cut_to_iso_volume(const std::filesystem::path& iso) {
  constexpr std::uint64_t kBlock = 2048;
  const DiskBytes bytes(iso);
  const auto volume = little_endian(bytes.read(16 * kBlock, kBlock), 80, 4) * kBlock;
  bytes.require(volume <= bytes.size(), "it is shorter than its volume says");
  std::filesystem::resize_file(iso, volume);
}

}  // namespace stages
