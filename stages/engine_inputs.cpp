// SPDX-License-Identifier: Apache-2.0
#include "stages/engine_inputs.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "base/error.hpp"
#include "base/files.hpp"
#include "stages/build_image_stage.hpp"
#include "stages/dockerfile/outline.hpp"

namespace stages {
namespace {

constexpr unsigned kPrivate = 0600;

/// Whether a program of the containers tools or of Go takes the variable as its own.
bool is_programs_own(std::string_view name) {
  constexpr std::array<std::string_view, 8> kNames = {
      "PATH", "HOME", "USER", "LANG", "TERM", "TMPDIR", "TZ", "SOURCE_DATE_EPOCH"};
  constexpr std::array<std::string_view, 14> kPrefixes = {
      "LC_",     "LD_",       "XDG_",    "GO", "SSL_CERT_", "CONTAINER",  "BUILDAH_",
      "STORAGE", "REGISTRY_", "DOCKER_", "_",  "KANIKO_",   "FF_KANIKO_", "NOTIFY_"};
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end() ||
         std::any_of(kPrefixes.begin(), kPrefixes.end(),
                     [&](std::string_view prefix) { return name.starts_with(prefix); });
}

}  // namespace

ArgumentFlags argument_flags(const ImageBuild& build) {
  ArgumentFlags result;
  for (const auto& [name, value] : build.build_args) {
    if (is_programs_own(name)) {
      result.flags.push_back(fmt::format("--build-arg={}={}", name, value));
      continue;
    }
    result.environment.push_back(fmt::format("{}={}", name, value));
    if (!is_proxy_argument(name)) result.flags.push_back("--build-arg=" + name);
  }
  return result;
}

void refuse_caches(std::string_view engine, const ImageBuild& build) {
  if (build.cache_from.empty() && !build.cache_to) return;
  throw base::Error({.code = base::ErrorCode::kUnsupported,
                     .what = fmt::format("{} knows nothing of --cache-from and --cache-to", engine),
                     .why = "what a registry keeps of steps is the native engine's",
                     .hint = "leave them out, or use --image-engine native"});
}

std::vector<oci::Reference> images_of(const ImageBuild& build) {
  std::vector<oci::Reference> images;
  for (const auto& image : dockerfile::outline_of(build).images) {
    images.push_back(oci::Reference::parse(image.name));
  }
  return images;
}

void write_private_file(const std::filesystem::path& path, std::string_view text) {
  base::write_file_atomically(path, text, kPrivate);
}

}  // namespace stages
