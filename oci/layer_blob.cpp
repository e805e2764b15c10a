// SPDX-License-Identifier: Apache-2.0
#include "oci/layer_blob.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "oci/decompressor.hpp"
#include "oci/layer_writer.hpp"
#include "oci/read_ahead.hpp"
#include "oci/tar_reader.hpp"

namespace oci {
namespace {

constexpr std::size_t kRestBytes = 64U << 10;
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

/// The tar of a layer, from its blob in the store: waits for that, reads and decompresses it. One
/// thread reads; the counts may be asked by another.
class LayerTar final : public ByteSource {
 public:
  LayerTar(const Store& store, const ImageLayer& layer, const BlobReady& ready,
           std::stop_token stop)
      : store_(store), layer_(layer), ready_(ready), stop_(std::move(stop)) {}

  std::size_t read(std::span<std::byte> buffer) override {
    if (!flow_) flow_.emplace(store_, layer_, ready_, stop_);
    const auto count = flow_->unpacked.read(buffer);
    blob_bytes_ = flow_->blob.offset();
    tar_bytes_ += count;
    return count;
  }

  [[nodiscard]] std::uint64_t blob_bytes() const { return blob_bytes_; }
  [[nodiscard]] std::uint64_t tar_bytes() const { return tar_bytes_; }

  /// Of a blob that was in the store before; others are checked by who fetches them.
  std::optional<Digest> blob_digest() {
    if (flow_->blob.is_fetched()) return std::nullopt;
    auto digest = flow_->hashed.finish();
    blob_bytes_ = flow_->blob.offset();
    return digest;
  }
  [[nodiscard]] bool was_read() const { return flow_.has_value(); }

 private:
  struct Flow {
    Flow(const Store& store, const ImageLayer& layer, const BlobReady& ready, std::stop_token stop)
        : blob(store, layer.blob, layer.name, ready, std::move(stop)),
          hashed(blob, layer.blob.digest.algorithm(), {}),
          unpacked(blob.is_fetched() ? static_cast<ByteSource&>(blob) : hashed, layer.name) {}
    ArrivingBlob blob;
    HashingSource hashed;
    Decompressor unpacked;
  };

  const Store& store_;
  const ImageLayer& layer_;
  const BlobReady& ready_;
  std::stop_token stop_;
  std::atomic<std::uint64_t> blob_bytes_ = 0;
  std::atomic<std::uint64_t> tar_bytes_ = 0;
  std::optional<Flow> flow_;
};

/// Counts what passes from the reading thread to the writing one.
class CountedSource final : public ByteSource {
 public:
  CountedSource(ByteSource& source, std::function<void()> passed)
      : source_(source), passed_(std::move(passed)) {}
  std::size_t read(std::span<std::byte> buffer) override {
    const auto count = source_.read(buffer);
    passed_();
    return count;
  }

 private:
  ByteSource& source_;
  std::function<void()> passed_;
};

}  // namespace

/// One layer on its way: decompressed in one thread, hashed in another, unpacked in ours.
class LayerQueue::Flow {
 public:
  Flow(Store& store, const ImageLayer& layer, const UnpackContext& context)
      : store_(store),
        layer_(layer),
        context_(context),
        forward_(context.stop, [this] { stop_.request_stop(); }),
        tar_(store, layer, context.ready, stop_.get_token()),
        tar_hasher_(layer.diff_id.algorithm()),
        ahead_(tar_, [this](std::span<const std::byte> data) { tar_hasher_.update(data); }) {}
  ~Flow() { stop_.request_stop(); }
  Flow(const Flow&) = delete;
  Flow& operator=(const Flow&) = delete;
  Flow(Flow&&) = delete;
  Flow& operator=(Flow&&) = delete;

  void apply(int root, LayerUsage& usage) {
    CountedSource counted(ahead_, [this] { count(); });
    TarReader reader(counted, layer_.name);
    apply_layer(reader, root, layer_.name, context_.options, usage, context_.warn, context_.stop);
    for (std::vector<std::byte> rest(kRestBytes); counted.read(rest) > 0;) continue;
    ahead_.stop();
    const auto found = tar_hasher_.finish();
    if (const auto blob = tar_.blob_digest()) check_blob(*blob, tar_.blob_bytes());
    if (found != layer_.diff_id) {
      fail_integrity(layer_,
                     fmt::format("its tar has the digest {}, and the image's config says {}",
                                 found.text(), layer_.diff_id.text()),
                     "the image itself is wrong; it must be built or pushed again");
    }
  }

  /// After a failure, which damage of the stored blob may have caused: then that is the error.
  void check_stored_blob() {
    ahead_.stop();
    const auto& blob = layer_.blob;
    if (checked_ || !tar_.was_read()) return;
    if (context_.ready && !context_.ready(blob, blob.size, stop_.get_token())) return;
    FileSource file(store_.open_blob(blob.digest), layer_.name);
    HashingSource hashed(file, blob.digest.algorithm(), {});
    const auto found = hashed.finish();
    check_blob(found, hashed.bytes());
  }

 private:
  void count() {
    const auto blob_bytes = tar_.blob_bytes();
    const auto tar_bytes = tar_.tar_bytes();
    if (context_.progress && blob_bytes > reported_) context_.progress(blob_bytes - reported_);
    reported_ = blob_bytes;
    if (tar_bytes <= kRatioFreeBytes || tar_bytes / context_.options.max_ratio <= blob_bytes) {
      return;
    }
    fail_integrity(layer_,
                   fmt::format("{} bytes unpack to more than {}, over {} times as much", blob_bytes,
                               tar_bytes, context_.options.max_ratio),
                   "");
  }

  /// A corrupt blob goes from the store.
  void check_blob(const Digest& found, std::uint64_t bytes) {
    checked_ = true;
    const auto& blob = layer_.blob;
    if (found == blob.digest && bytes == blob.size) return;
    store_.remove_blob(blob.digest);
    fail_integrity(layer_,
                   fmt::format("the stored blob has {} bytes and the digest {}, it should have {}",
                               bytes, found.text(), blob.size),
                   "it was removed; the same command will fetch it again");
  }

  Store& store_;
  const ImageLayer& layer_;
  const UnpackContext& context_;
  std::stop_source stop_;
  std::stop_callback<std::function<void()>> forward_;
  LayerTar tar_;
  Hasher tar_hasher_;
  ReadAhead ahead_;
  std::uint64_t reported_ = 0;
  bool checked_ = false;
};

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

LayerQueue::LayerQueue(Store& store, const UnpackContext& context, std::vector<ImageLayer> layers)
    : store_(store), context_(context), layers_(std::move(layers)) {}

LayerQueue::~LayerQueue() = default;

std::unique_ptr<LayerQueue::Flow> LayerQueue::begin(std::size_t index) {
  if (next_ && next_index_ == index) return std::move(next_);
  return std::make_unique<Flow>(store_, layers_.at(index), context_);
}

void LayerQueue::unpack(std::size_t index, int root) {
  const auto flow = begin(index);
  if (index + 1 < layers_.size()) {
    next_ = begin(index + 1);
    next_index_ = index + 1;
  }
  try {
    flow->apply(root, usage_);
  } catch (const base::Error& error) {
    // Damage shows first as a bad tar or a bad checksum; the digest tells whether it is our copy.
    if (error.code() == base::ErrorCode::kIntegrity) flow->check_stored_blob();
    throw;
  }
}

}  // namespace oci
