// SPDX-License-Identifier: Apache-2.0
#include "oci/unpack.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/files.hpp"
#include "oci/byte_source.hpp"
#include "oci/decompressor.hpp"
#include "oci/layer_writer.hpp"
#include "oci/tar_reader.hpp"

namespace oci {
namespace {

constexpr std::uint64_t kRatioMattersFrom = 1ULL << 30;

std::string layer_name(const UnpackRun& run, std::size_t index) {
  return fmt::format("layer {} ({})", index + 1, run.manifest.layers[index].digest.text());
}

[[noreturn]] void refuse(std::string what, std::string why, std::string hint) {
  throw base::Error({.code = base::ErrorCode::kIntegrity,
                     .what = std::move(what),
                     .why = std::move(why),
                     .hint = std::move(hint)});
}

/// Streams one blob through both digests into the tree.
class LayerStream {
 public:
  LayerStream(const UnpackRun& run, std::size_t index, std::uint64_t done)
      : run_(run),
        name_(layer_name(run, index)),
        blob_(run.manifest.layers[index]),
        diff_id_(run.config.diff_ids.at(index)),
        file_(base::open_for_reading(run.store.blob_path(blob_.digest)), name_),
        compressed_(file_, blob_.digest.algorithm(),
                    [this, done](std::uint64_t /*count*/) {
                      if (run_.progress) run_.progress(done + compressed_.bytes(), total_);
                    }),
        total_(layer_bytes(run.manifest)) {}

  void apply(int root, LayerUsage& usage) {
    Decompressor unpacked(compressed_, name_);
    const HashingSource* counted = nullptr;
    HashingSource tar_bytes(unpacked, diff_id_.algorithm(), [&](std::uint64_t /*count*/) {
      if (counted != nullptr) check_ratio(counted->bytes());
    });
    counted = &tar_bytes;
    {
      TarReader tar(tar_bytes, name_);
      apply_layer(tar, root, name_, run_.options, usage, run_.warn, run_.stop);
    }
    const auto found_diff_id = tar_bytes.finish();
    const auto found_digest = compressed_.finish();
    if (found_digest != blob_.digest) {
      refuse(fmt::format("{} is damaged", name_),
             fmt::format("its bytes are {}", found_digest.text()), "");
    }
    if (found_diff_id != diff_id_) {
      refuse(fmt::format("{} is not the layer that the image's config names", name_),
             fmt::format("its diff id is {}, the config says {}", found_diff_id.text(),
                         diff_id_.text()),
             "the image was built wrongly or altered: build and push it again");
    }
  }

 private:
  void check_ratio(std::uint64_t bytes) const {
    if (bytes < kRatioMattersFrom || bytes / run_.options.max_ratio <= blob_.size) return;
    refuse(fmt::format("{} expands to more than {} times its size", name_, run_.options.max_ratio),
           "it looks like a decompression bomb", "");
  }

  const UnpackRun& run_;
  std::string name_;
  const Descriptor& blob_;
  const Digest& diff_id_;
  FileSource file_;
  HashingSource compressed_;
  std::uint64_t total_;
};

/// Whether the blob in the store still is what its name says.
bool is_sound(const Store& store, const Descriptor& blob) {
  FileSource file(base::open_for_reading(store.blob_path(blob.digest)), blob.digest.text());
  HashingSource bytes(file, blob.digest.algorithm(), {});
  return bytes.finish() == blob.digest;
}

}  // namespace

void unpack_layer(const UnpackRun& run, std::size_t index, int root, std::uint64_t done,
                  LayerUsage& usage) {
  const auto& blob = run.manifest.layers.at(index);
  try {
    LayerStream(run, index, done).apply(root, usage);
  } catch (const base::Error& error) {
    if (error.code() != base::ErrorCode::kIntegrity || is_sound(run.store, blob)) throw;
    run.store.remove_blob(blob.digest);
    refuse(fmt::format("{} was damaged in the store", layer_name(run, index)), error.facts().what,
           "it was removed; the same command fetches it again");
  }
}

void unpack_layers(const UnpackRun& run, int root) {
  LayerUsage usage;
  std::uint64_t done = 0;
  for (std::size_t i = 0; i < run.manifest.layers.size(); ++i) {
    unpack_layer(run, i, root, done, usage);
    done += run.manifest.layers[i].size;
  }
}

std::uint64_t layer_bytes(const Manifest& manifest) {
  std::uint64_t bytes = 0;
  for (const auto& layer : manifest.layers) bytes += layer.size;
  return bytes;
}

}  // namespace oci
