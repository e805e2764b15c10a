// SPDX-License-Identifier: Apache-2.0
#include "oci/layer_blob.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "base/error.hpp"
#include "oci/decompressor.hpp"
#include "oci/layer_writer.hpp"
#include "oci/tar_reader.hpp"

namespace oci {
namespace {

constexpr std::uint64_t kRatioFreeBytes = 1ULL << 30;

constexpr std::array<std::string_view, 9> kLayerTypes = {
    media_type::kOciLayer,
    media_type::kOciLayerGzip,
    media_type::kOciLayerZstd,
    "application/vnd.oci.image.layer.nondistributable.v1.tar",
    "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
    "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
    media_type::kDockerLayerGzip,
    "application/vnd.docker.image.rootfs.diff.tar",
    "application/vnd.docker.image.rootfs.diff.tar.zstd"};

void check_type(const ImageLayer& layer) {
  if (std::find(kLayerTypes.begin(), kLayerTypes.end(), layer.blob.media_type) !=
      kLayerTypes.end()) {
    return;
  }
  throw base::Error({.code = base::ErrorCode::kUnsupported,
                     .what = fmt::format("cannot unpack {}", layer.name),
                     .why = fmt::format("its type is {}", layer.blob.media_type),
                     .hint = "tar layers, plain or with gzip or zstd, can be unpacked"});
}

[[noreturn]] void fail_integrity(const ImageLayer& layer, std::string why, std::string hint) {
  throw base::Error({.code = base::ErrorCode::kIntegrity,
                     .what = fmt::format("cannot unpack {}", layer.name),
                     .why = std::move(why),
                     .hint = std::move(hint)});
}

/// One layer on its way: file, digest of the blob, unpacking, digest of the tar.
class LayerFlow {
 public:
  LayerFlow(Store& store, const ImageLayer& layer, const UnpackContext& context)
      : store_(store),
        layer_(layer),
        max_ratio_(context.options.max_ratio),
        file_(store.open_blob(layer.blob.digest), layer.name),
        blob_(file_, layer.blob.digest.algorithm(), context.progress) {}

  void apply(int root, LayerUsage& usage, const UnpackContext& context) {
    Decompressor unpacked(blob_, layer_.name);
    HashingSource tar(unpacked, layer_.diff_id.algorithm(),
                      [this, &tar](std::uint64_t) { check_ratio(tar.bytes()); });
    TarReader reader(tar, layer_.name);
    apply_layer(reader, root, layer_.name, context.options, usage, context.warn, context.stop);
    const auto found = tar.finish();
    check_blob();
    if (found != layer_.diff_id) {
      fail_integrity(layer_,
                     fmt::format("its tar has the digest {}, and the image's config says {}",
                                 found.text(), layer_.diff_id.text()),
                     "the image itself is wrong; it must be built or pushed again");
    }
  }

  /// Reads the rest of the blob. A corrupt one goes.
  void check_blob() {
    if (std::exchange(checked_, true)) return;
    const auto found = blob_.finish();
    if (found == layer_.blob.digest && blob_.bytes() == layer_.blob.size) return;
    store_.remove_blob(layer_.blob.digest);
    fail_integrity(layer_,
                   fmt::format("the stored blob has {} bytes and the digest {}, it should have {}",
                               blob_.bytes(), found.text(), layer_.blob.size),
                   "it was removed; the same command will fetch it again");
  }

 private:
  void check_ratio(std::uint64_t tar_bytes) const {
    if (tar_bytes <= kRatioFreeBytes || tar_bytes / max_ratio_ <= blob_.bytes()) return;
    fail_integrity(layer_,
                   fmt::format("{} bytes unpack to more than {}, over {} times as much",
                               blob_.bytes(), tar_bytes, max_ratio_),
                   "");
  }

  Store& store_;
  const ImageLayer& layer_;
  std::uint64_t max_ratio_;
  FileSource file_;
  HashingSource blob_;
  bool checked_ = false;
};

}  // namespace

std::vector<ImageLayer> layers_of(const Manifest& manifest, const ImageConfig& config) {
  check_layers_match(manifest, config, "the image");
  std::vector<ImageLayer> layers;
  for (std::size_t i = 0; i < manifest.layers.size(); ++i) {
    const auto& blob = manifest.layers[i];
    layers.push_back({.name = fmt::format("layer {} of {} ({})", i + 1, manifest.layers.size(),
                                          blob.digest.text()),
                      .blob = blob,
                      .diff_id = config.diff_ids[i]});
    check_type(layers.back());
  }
  return layers;
}

void unpack_layer(Store& store, const ImageLayer& layer, int root, LayerUsage& usage,
                  const UnpackContext& context) {
  LayerFlow flow(store, layer, context);
  try {
    flow.apply(root, usage, context);
  } catch (const base::Error& error) {
    // Damage shows first as a bad tar or a bad checksum; the digest tells whether it is our copy.
    if (error.code() == base::ErrorCode::kIntegrity) flow.check_blob();
    throw;
  }
}

}  // namespace oci
