// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "oci/digest.hpp"
#include "oci/platform.hpp"

namespace oci {

inline constexpr std::size_t kMaxManifestBytes = 4U << 20;
inline constexpr std::size_t kMaxConfigBytes = 4U << 20;

namespace media_type {
inline constexpr std::string_view kOciManifest = "application/vnd.oci.image.manifest.v1+json";
inline constexpr std::string_view kOciIndex = "application/vnd.oci.image.index.v1+json";
inline constexpr std::string_view kOciConfig = "application/vnd.oci.image.config.v1+json";
inline constexpr std::string_view kOciLayer = "application/vnd.oci.image.layer.v1.tar";
inline constexpr std::string_view kOciLayerGzip = "application/vnd.oci.image.layer.v1.tar+gzip";
inline constexpr std::string_view kOciLayerZstd = "application/vnd.oci.image.layer.v1.tar+zstd";
inline constexpr std::string_view kDockerManifest =
    "application/vnd.docker.distribution.manifest.v2+json";
inline constexpr std::string_view kDockerList =
    "application/vnd.docker.distribution.manifest.list.v2+json";
inline constexpr std::string_view kDockerConfig = "application/vnd.docker.container.image.v1+json";
inline constexpr std::string_view kDockerLayerGzip =
    "application/vnd.docker.image.rootfs.diff.tar.gzip";
}  // namespace media_type

bool is_index(std::string_view media_type);
bool is_manifest(std::string_view media_type);
/// Manifests of schema 1, withdrawn by everybody.
bool is_schema1(std::string_view media_type);
/// Layers that are to be had from their owner alone ("foreign" in Docker's words).
/// Source: OCI image-spec, layer.md, "Non-Distributable Layers".
bool is_nondistributable(std::string_view media_type);

/// Points at content. Source: OCI image-spec, descriptor.md.
struct Descriptor {
  std::string media_type;
  Digest digest;
  std::uint64_t size = 0;  ///< In bytes, of the content as stored.
  std::map<std::string, std::string> annotations;
  std::optional<Platform> platform;
  std::vector<std::string> urls;  ///< Where a foreign layer is to be had; never fetched by default.
  std::string data = {};  ///< The content, where it was embedded and is what size and digest say.
};

/// An image manifest. Source: OCI image-spec, manifest.md; Docker image manifest v2 schema 2.
struct Manifest {
  std::string media_type;
  Descriptor config;
  std::vector<Descriptor> layers;  ///< Base layer first.
  std::string artifact_type = {};  ///< What it is when it is no image; may be empty.
  std::optional<Descriptor> subject = std::nullopt;  ///< The manifest that this one is about.
  std::map<std::string, std::string> annotations = {};
};

/// An image index. Source: OCI image-spec, image-index.md.
struct Index {
  std::string media_type;
  std::vector<Descriptor> manifests;
  std::string artifact_type = {};
  std::optional<Descriptor> subject = std::nullopt;
  std::map<std::string, std::string> annotations = {};
};

/// What of an image config we use. Source: OCI image-spec, config.md.
struct ImageConfig {
  Platform platform;
  std::int64_t created = 0;      ///< Seconds since 1970; 0 when it does not say.
  std::vector<Digest> diff_ids;  ///< Digest of each uncompressed layer tar, base layer first.
};

/// Parses and checks a manifest. `media_type` is what the registry or descriptor says it is; empty
/// when nobody said. Throws base::Error kIntegrity: ambiguous documents (CVE-2021-41190), a
/// mediaType that differs, keys twice or in another case than ours, bad digests or sizes, schema 1.
Manifest parse_manifest(std::string_view json, std::string_view media_type, std::string_view what);
Index parse_index(std::string_view json, std::string_view media_type, std::string_view what);
ImageConfig parse_config(std::string_view json, std::string_view what);

/// The media type of a manifest or index document, from its own mediaType field or its shape.
std::string detect_media_type(std::string_view json, std::string_view what);

/// The entry of `index` that fits `platform` best (Platform::fit), the first of equals;
/// attestations are skipped. Throws base::Error kNotFound listing the platforms that are there.
const Descriptor& select_platform(const Index& index, const Platform& platform,
                                  std::string_view what);

/// Throws base::Error kIntegrity unless the config has one diff id per layer.
void check_layers_match(const Manifest& manifest, const ImageConfig& config, std::string_view what);

}  // namespace oci
