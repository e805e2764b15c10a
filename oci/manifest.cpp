// SPDX-License-Identifier: Apache-2.0
#include "oci/manifest.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdio>
#include <cstring>
#include <ctime>

#include "base/error.hpp"
#include "oci/json.hpp"

namespace oci {
namespace {

using nlohmann::json;

constexpr std::int64_t kMaxDescriptorBytes = std::int64_t{1} << 53;  // What JSON numbers can hold.

[[noreturn]] void refuse(std::string_view what, std::string why, std::string hint = "") {
  throw base::Error({.code = base::ErrorCode::kIntegrity,
                     .what = fmt::format("{} is not valid", what),
                     .why = std::move(why),
                     .hint = std::move(hint)});
}

std::string text_field(const json& object, const char* name, std::string_view what) {
  const auto found = object.find(name);
  if (found == object.end() || found->is_null()) return "";
  if (!found->is_string()) refuse(what, fmt::format("{} is not a string", name));
  return found->get<std::string>();
}

/// Refuses keys that differ from ours only in case: another parser may read them (CVE-2021-41190).
void refuse_lookalikes(const json& object, std::string_view what) {
  constexpr std::array<std::string_view, 8> kKeys = {"schemaVersion", "mediaType", "config",
                                                     "layers",        "manifests", "fsLayers",
                                                     "history",       "subject"};
  for (const auto& [key, value] : object.items()) {
    for (const auto known : kKeys) {
      const bool alike =
          key != known && std::equal(key.begin(), key.end(), known.begin(), known.end(),
                                     [](unsigned char left, unsigned char right) {
                                       return std::tolower(left) == std::tolower(right);
                                     });
      if (alike) refuse(what, fmt::format("the key \"{}\" is not \"{}\"", key, known));
    }
  }
}

json parse_document(std::string_view text, std::string_view what) {
  auto document = parse_json(text, what);
  if (!document.is_object()) refuse(what, "it is not a JSON object");
  refuse_lookalikes(document, what);
  if (document.contains("fsLayers") || document.value("schemaVersion", json(2)) == json(1)) {
    refuse(what, "it is a schema 1 manifest, which has been withdrawn",
           "push the image again with a current tool");
  }
  const bool image = document.contains("config") || document.contains("layers");
  if (image && document.contains("manifests")) {
    refuse(what, "it is an image manifest and an index at once (CVE-2021-41190)");
  }
  return document;
}

void check_media_type(const json& document, std::string_view expected, std::string_view what) {
  const auto own = text_field(document, "mediaType", what);
  if (!own.empty() && !expected.empty() && own != expected) {
    refuse(what, fmt::format("its mediaType is {} but it was sent as {}", own, expected));
  }
}

std::map<std::string, std::string> parse_annotations(const json& object, std::string_view what) {
  std::map<std::string, std::string> annotations;
  const auto found = object.find("annotations");
  if (found == object.end() || found->is_null()) return annotations;
  if (!found->is_object()) refuse(what, "annotations is not an object");
  for (const auto& [key, value] : found->items()) {
    if (!value.is_string()) refuse(what, fmt::format("the annotation {} is not a string", key));
    annotations.emplace(key, value.get<std::string>());
  }
  return annotations;
}

std::optional<Platform> parse_platform(const json& object, std::string_view what) {
  const auto found = object.find("platform");
  if (found == object.end() || !found->is_object()) return std::nullopt;
  return Platform{.os = text_field(*found, "os", what),
                  .architecture = text_field(*found, "architecture", what),
                  .variant = text_field(*found, "variant", what)};
}

Descriptor parse_descriptor(const json& object, std::string_view what) {
  if (!object.is_object()) refuse(what, "a descriptor is not an object");
  const auto digest_text = text_field(object, "digest", what);
  const auto digest = Digest::parse(digest_text);
  if (!digest) {
    refuse(what, fmt::format("'{}' is not a digest we support", digest_text),
           "sha256 and sha512 are supported");
  }
  const auto size = object.find("size");
  if (size == object.end() || !size->is_number_integer()) {
    refuse(what, fmt::format("the size of {} is not a whole number", digest_text));
  }
  const bool in_range = size->is_number_unsigned()
                            ? size->get<std::uint64_t>() <= std::uint64_t{kMaxDescriptorBytes}
                            : size->get<std::int64_t>() >= 0;
  if (!in_range) refuse(what, fmt::format("the size of {} is out of range", digest_text));
  Descriptor descriptor{.media_type = text_field(object, "mediaType", what),
                        .digest = *digest,
                        .size = size->get<std::uint64_t>(),
                        .annotations = parse_annotations(object, what),
                        .platform = parse_platform(object, what),
                        .urls = {}};
  if (const auto urls = object.find("urls"); urls != object.end() && urls->is_array()) {
    for (const auto& url : *urls) {
      if (url.is_string()) descriptor.urls.push_back(url.get<std::string>());
    }
  }
  return descriptor;
}

std::vector<Descriptor> parse_descriptors(const json& document, const char* name,
                                          std::string_view what) {
  std::vector<Descriptor> descriptors;
  const auto found = document.find(name);
  if (found == document.end() || found->is_null()) return descriptors;
  if (!found->is_array()) refuse(what, fmt::format("{} is not an array", name));
  for (const auto& object : *found) descriptors.push_back(parse_descriptor(object, what));
  return descriptors;
}

/// Seconds since 1970 of an RFC 3339 time with offset; 0 when it is none.
std::int64_t parse_time(const std::string& text) {
  std::tm parts{};
  const char* rest = ::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
  if (rest == nullptr) return 0;
  if (*rest == '.') rest += 1 + std::strspn(rest + 1, "0123456789");
  std::int64_t offset = 0;
  int hours = 0;
  int minutes = 0;
  char sign = '+';
  if (std::sscanf(rest, "%c%2d:%2d", &sign, &hours, &minutes) == 3) {
    offset = (std::int64_t{hours} * 60 + minutes) * 60 * (sign == '-' ? -1 : 1);
  }
  return std::max<std::int64_t>(0, std::int64_t{::timegm(&parts)} - offset);
}

bool is_attestation(const Descriptor& descriptor) {
  return descriptor.annotations.contains("vnd.docker.reference.type") ||
         (descriptor.platform && descriptor.platform->os == "unknown");
}

}  // namespace

bool is_index(std::string_view media_type) {
  return media_type == media_type::kOciIndex || media_type == media_type::kDockerList;
}

bool is_manifest(std::string_view media_type) {
  return media_type == media_type::kOciManifest || media_type == media_type::kDockerManifest;
}

std::string detect_media_type(std::string_view text, std::string_view what) {
  const auto document = parse_document(text, what);
  auto own = text_field(document, "mediaType", what);
  if (!own.empty()) return own;
  if (document.contains("manifests")) return std::string(media_type::kOciIndex);
  if (document.contains("config") || document.contains("layers")) {
    return std::string(media_type::kOciManifest);
  }
  refuse(what, "it is neither an image manifest nor an index");
}

Manifest parse_manifest(std::string_view text, std::string_view media_type, std::string_view what) {
  const auto document = parse_document(text, what);
  check_media_type(document, media_type, what);
  if (!document.contains("config")) refuse(what, "it has no config");
  Manifest manifest{.media_type = detect_media_type(text, what),
                    .config = parse_descriptor(document.at("config"), what),
                    .layers = parse_descriptors(document, "layers", what)};
  if (!is_manifest(manifest.media_type)) {
    refuse(what, fmt::format("its mediaType {} is not an image manifest's", manifest.media_type));
  }
  return manifest;
}

Index parse_index(std::string_view text, std::string_view media_type, std::string_view what) {
  const auto document = parse_document(text, what);
  check_media_type(document, media_type, what);
  if (!document.contains("manifests")) refuse(what, "it has no manifests");
  return {.media_type = detect_media_type(text, what),
          .manifests = parse_descriptors(document, "manifests", what)};
}

ImageConfig parse_config(std::string_view text, std::string_view what) {
  const auto document = parse_json(text, what);
  if (!document.is_object()) refuse(what, "it is not a JSON object");
  ImageConfig config{.platform = {.os = text_field(document, "os", what),
                                  .architecture = text_field(document, "architecture", what),
                                  .variant = text_field(document, "variant", what)},
                     .created = 0,
                     .diff_ids = {}};
  config.created = parse_time(text_field(document, "created", what));
  const auto rootfs = document.find("rootfs");
  if (rootfs == document.end() || !rootfs->is_object()) refuse(what, "it has no rootfs");
  const auto ids = rootfs->find("diff_ids");
  if (ids == rootfs->end() || ids->is_null()) return config;
  if (!ids->is_array()) refuse(what, "rootfs.diff_ids is not an array");
  for (const auto& id : *ids) {
    const auto digest = Digest::parse(id.is_string() ? id.get<std::string>() : "");
    if (!digest) refuse(what, fmt::format("{} is not a diff id", id.dump()));
    config.diff_ids.push_back(*digest);
  }
  return config;
}

const Descriptor& select_platform(const Index& index, const Platform& platform,
                                  std::string_view what) {
  std::vector<std::string> offered;
  for (const auto& descriptor : index.manifests) {
    if (is_attestation(descriptor)) continue;
    if (descriptor.platform && platform.accepts(*descriptor.platform)) return descriptor;
    offered.push_back(descriptor.platform ? descriptor.platform->text() : "(no platform)");
  }
  throw base::Error(
      {.code = base::ErrorCode::kNotFound,
       .what = fmt::format("{} has no image for {}", what, platform.text()),
       .why = offered.empty() ? "the index is empty"
                              : fmt::format("it has: {}", fmt::join(offered, ", ")),
       .hint = "choose one of these with --arch or spec.artifacts.arch, or another image"});
}

void check_layers_match(const Manifest& manifest, const ImageConfig& config,
                        std::string_view what) {
  if (manifest.layers.size() == config.diff_ids.size()) return;
  refuse(what, fmt::format("the manifest has {} layers and the config {} diff ids",
                           manifest.layers.size(), config.diff_ids.size()));
}

}  // namespace oci
