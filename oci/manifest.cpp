// SPDX-License-Identifier: Apache-2.0
#include "oci/manifest.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <ctime>

#include "base/error.hpp"
#include "oci/descriptor_json.hpp"
#include "oci/json.hpp"

namespace oci {
namespace {

using nlohmann::json;

constexpr std::array<std::string_view, 10> kDocumentKeys = {
    "schemaVersion", "mediaType", "config",  "layers",       "manifests",
    "fsLayers",      "history",   "subject", "artifactType", "annotations"};

[[noreturn]] void refuse(std::string_view what, std::string why, std::string hint = "") {
  throw base::Error({.code = base::ErrorCode::kIntegrity,
                     .what = fmt::format("{} is not valid", what),
                     .why = std::move(why),
                     .hint = std::move(hint)});
}

json parse_document(std::string_view text, std::string_view what) {
  auto document = parse_json(text, what);
  if (!document.is_object()) refuse(what, "it is not a JSON object");
  refuse_lookalikes(document, kDocumentKeys, what);
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

std::optional<Descriptor> parse_subject(const json& document, std::string_view what) {
  const auto found = document.find("subject");
  if (found == document.end() || found->is_null()) return std::nullopt;
  return parse_descriptor(*found, what);
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

/// From its own mediaType field or, where it has none, from its shape.
std::string media_type_of(const json& document, std::string_view what) {
  auto own = text_field(document, "mediaType", what);
  if (!own.empty()) return own;
  if (document.contains("manifests")) return std::string(media_type::kOciIndex);
  if (document.contains("config") || document.contains("layers")) {
    return std::string(media_type::kOciManifest);
  }
  refuse(what, "it is neither an image manifest nor an index");
}

}  // namespace

bool is_index(std::string_view media_type) {
  return media_type == media_type::kOciIndex || media_type == media_type::kDockerList;
}

bool is_manifest(std::string_view media_type) {
  return media_type == media_type::kOciManifest || media_type == media_type::kDockerManifest;
}

bool is_schema1(std::string_view media_type) {
  return media_type.starts_with("application/vnd.docker.distribution.manifest.v1+");
}

bool is_nondistributable(std::string_view media_type) {
  return media_type.starts_with("application/vnd.oci.image.layer.nondistributable.v1.") ||
         media_type.starts_with("application/vnd.docker.image.rootfs.foreign.");
}

std::string detect_media_type(std::string_view text, std::string_view what) {
  return media_type_of(parse_document(text, what), what);
}

Manifest parse_manifest(std::string_view text, std::string_view media_type, std::string_view what) {
  const auto document = parse_document(text, what);
  check_media_type(document, media_type, what);
  if (!document.contains("config")) refuse(what, "it has no config");
  Manifest manifest{.media_type = media_type_of(document, what),
                    .config = parse_descriptor(document.at("config"), what),
                    .layers = parse_descriptors(document, "layers", what),
                    .artifact_type = text_field(document, "artifactType", what),
                    .subject = parse_subject(document, what),
                    .annotations = parse_annotations(document, what)};
  if (!is_manifest(manifest.media_type)) {
    refuse(what, fmt::format("its mediaType {} is not an image manifest's", manifest.media_type));
  }
  return manifest;
}

Index parse_index(std::string_view text, std::string_view media_type, std::string_view what) {
  const auto document = parse_document(text, what);
  check_media_type(document, media_type, what);
  if (!document.contains("manifests")) refuse(what, "it has no manifests");
  Index index{.media_type = media_type_of(document, what),
              .manifests = parse_descriptors(document, "manifests", what),
              .artifact_type = text_field(document, "artifactType", what),
              .subject = parse_subject(document, what),
              .annotations = parse_annotations(document, what)};
  if (!is_index(index.media_type)) {
    refuse(what, fmt::format("its mediaType {} is not an index's", index.media_type));
  }
  return index;
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
  const Descriptor* best = nullptr;
  int best_fit = 0;
  for (const auto& descriptor : index.manifests) {
    if (is_attestation(descriptor)) continue;
    const int fit = descriptor.platform ? platform.fit(*descriptor.platform) : 0;
    if (fit > best_fit) best = &descriptor;
    best_fit = std::max(fit, best_fit);
    offered.push_back(descriptor.platform ? descriptor.platform->text() : "(no platform)");
  }
  if (best != nullptr) return *best;
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
