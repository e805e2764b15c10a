// SPDX-License-Identifier: Apache-2.0
#include "stages/inspect_file.hpp"

#include <fmt/format.h>

#include <array>

#include "base/error.hpp"
#include "stages/disk_bytes.hpp"
#include "stages/uki/pe_image.hpp"
#include "stages/uki/uki_check.hpp"

namespace stages {
namespace {

/// A kind of file: how it is told from others, and what it has to tell.
struct FileKind {
  bool (*is)(const DiskBytes& file);
  nlohmann::json (*describe)(const std::filesystem::path& file, const std::stop_token& stop);
};

constexpr std::array<FileKind, 1> kFileKinds = {{
    {&uki::looks_like_pe, &uki::describe_pe},
}};

}  // namespace

nlohmann::json inspect_file(const std::filesystem::path& path, const std::stop_token& stop) {
  const DiskBytes file(path);
  for (const auto& kind : kFileKinds) {
    if (!kind.is(file)) continue;
    auto description = kind.describe(path, stop);
    description["size"] = file.size();
    return description;
  }
  throw base::Error({.code = base::ErrorCode::kUsage,
                     .what = fmt::format("cannot inspect {}", path.string()),
                     .why = "it is no kind of file that we know",
                     .hint =
                         "EFI programs and unified kernel images are known; images are named as "
                         "REF, oci:DIR, oci-archive:FILE or docker-archive:FILE"});
}

}  // namespace stages
