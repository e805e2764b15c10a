// SPDX-License-Identifier: Apache-2.0
#include "oci/pull.hpp"

#include <fmt/format.h>

#include <atomic>
#include <filesystem>
#include <map>
#include <mutex>
#include <set>
#include <vector>

#include "base/error.hpp"
#include "base/format.hpp"
#include "oci/parallel.hpp"
#include "oci/verified_registry.hpp"

namespace oci {
namespace {

constexpr int kMaxIndexDepth = 4;
constexpr std::uint64_t kTellBytes = 256U << 10;

std::string document_name(const Reference& reference, const Digest& digest) {
  return fmt::format("the manifest of {} ({})", reference.text(), digest.text());
}

Reference by_digest(const Reference& reference, const Digest& digest) {
  auto pinned = reference;
  pinned.digest = digest;
  return pinned;
}

/// Gives the bytes of a manifest or index by digest, asking the next place only when needed.
using DocumentSource = std::function<std::string(const Descriptor&)>;

ResolvedImage descend(Descriptor descriptor, const Reference& reference, const Platform& platform,
                      const DocumentSource& document) {
  for (int depth = 0; depth <= kMaxIndexDepth; ++depth) {
    const auto what = document_name(reference, descriptor.digest);
    const auto bytes = document(descriptor);
    if (descriptor.media_type.empty()) descriptor.media_type = detect_media_type(bytes, what);
    if (!is_index(descriptor.media_type)) {
      return {.descriptor = descriptor,
              .manifest = parse_manifest(bytes, descriptor.media_type, what)};
    }
    descriptor = select_platform(parse_index(bytes, descriptor.media_type, what), platform,
                                 reference.text());
  }
  throw base::Error({.code = base::ErrorCode::kIntegrity,
                     .what = fmt::format("cannot use {}", reference.text()),
                     .why = fmt::format("its indexes are nested deeper than {}", kMaxIndexDepth),
                     .hint = ""});
}

void check_layer_types(const Reference& reference, const Manifest& manifest) {
  const std::set<std::string_view> known = {media_type::kOciLayer,
                                            media_type::kOciLayerGzip,
                                            media_type::kOciLayerZstd,
                                            media_type::kDockerLayerGzip,
                                            "application/vnd.docker.image.rootfs.diff.tar",
                                            "application/vnd.docker.image.rootfs.diff.tar.zstd"};
  for (std::size_t i = 0; i < manifest.layers.size(); ++i) {
    const auto& type = manifest.layers[i].media_type;
    if (known.contains(type)) continue;
    throw base::Error({.code = base::ErrorCode::kIntegrity,
                       .what = fmt::format("cannot unpack layer {} of {}", i + 1, reference.text()),
                       .why = fmt::format("its media type is '{}'", type),
                       .hint = "encrypted, foreign and non-image layers are not supported"});
  }
}

void check_platform(const Reference& reference, const ImageConfig& config,
                    const Platform& platform) {
  if (platform.accepts(config.platform)) return;
  throw base::Error(
      {.code = base::ErrorCode::kIntegrity,
       .what = fmt::format("{} is not for {}", reference.text(), platform.text()),
       .why = fmt::format("its config says {}", config.platform.text()),
       .hint = "choose its architecture with --arch or spec.artifacts.arch, or another image"});
}

/// Writes what the registry sends into the store's partial blob.
class StoreSink final : public BlobSink {
 public:
  /// `advance` is told how many bytes more, or fewer, are there.
  StoreSink(BlobWriter& writer, const std::function<void(std::int64_t)>& advance)
      : writer_(writer), advance_(advance) {}
  [[nodiscard]] std::uint64_t offset() const override { return writer_.offset(); }
  void restart() override {
    advance_(-static_cast<std::int64_t>(writer_.offset()));
    writer_.restart();
  }
  void write(std::span<const std::byte> data) override {
    writer_.write(data);
    fetched_ += data.size();
    advance_(static_cast<std::int64_t>(data.size()));
  }
  [[nodiscard]] std::uint64_t fetched() const { return fetched_; }

 private:
  BlobWriter& writer_;
  const std::function<void(std::int64_t)>& advance_;
  std::uint64_t fetched_ = 0;
};

/// One pull: the layers still to do, shared by a few threads.
class LayerPull {
 public:
  LayerPull(Registry& registry, Store& store, const Reference& reference,
            const PullProgress& progress, LayerArrived arrived)
      : registry_(registry),
        store_(store),
        reference_(reference),
        progress_(progress),
        arrived_(std::move(arrived)) {}

  PullResult run(const std::vector<Descriptor>& layers, unsigned parallel,
                 const std::stop_token& stop) {
    collect(layers);
    check_space();
    for_each_parallel(wanted_.size(), parallel, stop,
                      [this](std::size_t index, const std::stop_token& ended) {
                        fetch_named(wanted_[index], ended);
                      });
    return {.fetched_bytes = fetched_bytes_,
            .fetched_layers = fetched_layers_,
            .reused_layers = reused_layers_};
  }

 private:
  struct Wanted {
    Descriptor blob;
    std::size_t number = 0;
  };

  /// A disk that cannot hold what is missing is better told of before the download.
  void check_space() const {
    std::uint64_t missing = 0;
    for (const auto& wanted : wanted_) missing += wanted.blob.size;
    std::error_code error;
    const auto space = std::filesystem::space(store_.root(), error);
    if (error || space.available >= missing) return;
    throw base::Error(
        {.code = base::ErrorCode::kNoSpace,
         .what = fmt::format("there is not enough space in {} for {}", store_.root().string(),
                             reference_.text()),
         .why = fmt::format("its layers need {} more, {} are free", base::format_bytes(missing),
                            base::format_bytes(space.available)),
         .hint = "free space there (osartifact store prune), or use another --store"});
  }

  void collect(const std::vector<Descriptor>& layers) {
    std::set<Digest> seen;
    for (std::size_t i = 0; i < layers.size(); ++i) {
      const auto& blob = layers[i];
      if (!seen.insert(blob.digest).second) continue;
      total_ += blob.size;
      if (store_.contains(blob)) {
        ++reused_layers_;
        done_ += static_cast<std::int64_t>(blob.size);
        tell(blob, {.bytes = blob.size, .whole = true, .fetched = false});
      } else {
        wanted_.push_back({.blob = blob, .number = i + 1});
      }
    }
    report(0);
  }

  void fetch_named(const Wanted& wanted, const std::stop_token& stop) {
    try {
      fetch(wanted, stop);
    } catch (base::Error& error) {
      error.add_context(fmt::format("fetching layer {} ({}) of {}", wanted.number,
                                    wanted.blob.digest.text(), reference_.text()));
      throw;
    }
  }

  void fetch(const Wanted& wanted, const std::stop_token& stop) {
    for (int attempt = 0;; ++attempt) {
      const auto before = done_by(wanted);
      try {
        return fetch_once(wanted, stop);
      } catch (const base::Error& error) {
        // A proxy may have served one bad copy: one clean second try, then it is the registry's.
        if (error.code() != base::ErrorCode::kIntegrity || attempt == 1) throw;
        report(before - done_by(wanted));
        set_done(wanted, before);
        tell(wanted.blob, {.bytes = 0, .whole = false, .fetched = true});
      }
    }
  }

  void fetch_once(const Wanted& wanted, const std::stop_token& stop) {
    const auto writer = store_.write_blob(wanted.blob, stop);
    if (writer->complete()) {
      ++reused_layers_;
      advance(wanted, static_cast<std::int64_t>(wanted.blob.size));
      tell(wanted.blob, {.bytes = wanted.blob.size, .whole = true, .fetched = false});
      return;
    }
    advance(wanted, static_cast<std::int64_t>(writer->offset()));
    // What another process left behind may be damaged: of that nothing is given away before the
    // end.
    const bool may_be_read = writer->offset() == 0;
    std::uint64_t told = 0;
    const std::function<void(std::int64_t)> on_bytes = [&](std::int64_t count) {
      advance(wanted, count);
      const auto bytes = count > 0 ? writer->offset() : 0;
      if (!may_be_read || (bytes > told && bytes < told + kTellBytes)) return;
      tell(wanted.blob, {.bytes = told = bytes, .whole = false, .fetched = true});
    };
    StoreSink sink(*writer, on_bytes);
    if (writer->offset() < wanted.blob.size) {
      registry_.fetch_blob(reference_, wanted.blob, sink, stop);
    }
    fetched_bytes_ += sink.fetched();
    if (may_be_read)
      tell(wanted.blob, {.bytes = wanted.blob.size, .whole = false, .fetched = true});
    writer->commit();
    ++fetched_layers_;
    tell(wanted.blob, {.bytes = wanted.blob.size, .whole = true, .fetched = true});
  }

  void tell(const Descriptor& blob, const BlobArrival& arrival) const {
    if (arrived_) arrived_(blob.digest, arrival);
  }

  std::int64_t done_by(const Wanted& wanted) {
    const std::lock_guard lock(mutex_);
    return per_layer_[wanted.number];
  }
  void set_done(const Wanted& wanted, std::int64_t value) {
    const std::lock_guard lock(mutex_);
    per_layer_[wanted.number] = value;
  }
  void advance(const Wanted& wanted, std::int64_t count) {
    {
      const std::lock_guard lock(mutex_);
      per_layer_[wanted.number] += count;
    }
    report(count);
  }
  void report(std::int64_t count) {
    const auto done = done_ += count;
    if (progress_) progress_(static_cast<std::uint64_t>(std::max<std::int64_t>(done, 0)), total_);
  }

  Registry& registry_;
  Store& store_;
  const Reference& reference_;
  const PullProgress& progress_;
  LayerArrived arrived_;
  std::vector<Wanted> wanted_;
  std::atomic<std::int64_t> done_ = 0;
  std::uint64_t total_ = 0;
  std::atomic<std::uint64_t> fetched_bytes_ = 0;
  std::atomic<std::uint64_t> fetched_layers_ = 0;
  std::atomic<std::uint64_t> reused_layers_ = 0;
  std::mutex mutex_;
  std::map<std::size_t, std::int64_t> per_layer_;
};

/// Brings a small blob (a config) into the store.
void pull_small_blob(Registry& registry, Store& store, const Reference& reference,
                     const Descriptor& blob, std::size_t limit, const std::stop_token& stop) {
  if (store.read_blob(blob.digest, limit)) return;
  if (blob.size > limit) {
    throw base::Error({.code = base::ErrorCode::kIntegrity,
                       .what = fmt::format("cannot use the config of {}", reference.text()),
                       .why = fmt::format("it has {} bytes; the limit is {}", blob.size, limit),
                       .hint = ""});
  }
  if (!blob.data.empty()) {
    store.put_blob(blob.data, blob.digest.algorithm());
    return;
  }
  const auto writer = store.write_blob(blob, stop);
  if (writer->complete()) return;
  const std::function<void(std::int64_t)> ignore = [](std::int64_t /*count*/) {};
  StoreSink sink(*writer, ignore);
  if (writer->offset() < blob.size) registry.fetch_blob(reference, blob, sink, stop);
  writer->commit();
}

/// The digest a HEAD told of is only the registry's word: where it leads nowhere, the document's
/// own bytes say which it is.
ManifestDocument fetch_told(Registry& registry, const Reference& reference, const Digest& told,
                            const std::stop_token& stop) {
  try {
    return registry.manifest(by_digest(reference, told), stop);
  } catch (const base::Error& error) {
    const bool leads_nowhere =
        error.code() == base::ErrorCode::kNotFound || error.code() == base::ErrorCode::kIntegrity;
    if (reference.digest || !leads_nowhere) throw;
  }
  return registry.manifest(reference, stop);
}

/// Asks what `reference` stands for, and brings that document into the store.
Descriptor fetch_top(Registry& registry, Store& store, const Reference& reference,
                     const std::stop_token& stop) {
  const auto told = registry.resolve(reference, stop);
  if (store.read_blob(told.digest, kMaxManifestBytes)) return told;
  const auto document = fetch_told(registry, reference, told.digest, stop);
  store.put_blob(document.bytes, document.descriptor.digest.algorithm());
  return document.descriptor;
}

[[noreturn]] void fail_offline(const Reference& reference, std::string why) {
  throw base::Error({.code = base::ErrorCode::kNotFound,
                     .what = fmt::format("cannot use {} offline", reference.text()),
                     .why = std::move(why),
                     .hint = "run the command once without --offline, or osartifact pull it"});
}

}  // namespace

std::uint64_t ResolvedImage::layer_bytes() const {
  std::map<Digest, std::uint64_t> sizes;
  for (const auto& layer : manifest.layers) sizes.emplace(layer.digest, layer.size);
  std::uint64_t total = 0;
  for (const auto& [digest, size] : sizes) total += size;
  return total;
}

ResolvedImage resolve_image(Registry& registry, Store& store, const Reference& reference,
                            const Platform& platform, const std::stop_token& stop) {
  // A digest says it all: when the store has it, the registry need not be asked.
  const bool known = reference.digest && store.read_blob(*reference.digest, kMaxManifestBytes);
  if (known) require_trusted(registry, reference, *reference.digest, stop);
  auto top = known ? Descriptor{.media_type = "",
                                .digest = *reference.digest,
                                .size = 0,
                                .annotations = {},
                                .platform = {},
                                .urls = {}}
                   : fetch_top(registry, store, reference, stop);
  auto image = descend(std::move(top), reference, platform, [&](const Descriptor& descriptor) {
    if (auto bytes = store.read_blob(descriptor.digest, kMaxManifestBytes)) return *bytes;
    const auto document = registry.manifest(by_digest(reference, descriptor.digest), stop);
    store.put_blob(document.bytes, descriptor.digest.algorithm());
    return document.bytes;
  });
  image.descriptor.size = store.read_blob(image.descriptor.digest, kMaxManifestBytes)->size();
  return image;
}

ResolvedImage resolve_offline(const Store& store, const Reference& reference,
                              const Platform& platform) {
  auto top = store.find(reference.text());
  if (!top && reference.digest) {
    top = Descriptor{.media_type = "",
                     .digest = *reference.digest,
                     .size = 0,
                     .annotations = {},
                     .platform = {},
                     .urls = {}};
  }
  if (!top) fail_offline(reference, "the store has no image of that name");
  auto image = descend(*top, reference, platform, [&](const Descriptor& descriptor) {
    auto bytes = store.read_blob(descriptor.digest, kMaxManifestBytes);
    if (!bytes)
      fail_offline(reference, fmt::format("the store lacks {}", descriptor.digest.text()));
    return *bytes;
  });
  std::string missing;
  for (const auto& layer : image.manifest.layers) {
    if (!store.contains(layer)) missing += " " + layer.digest.text();
  }
  if (!missing.empty()) fail_offline(reference, "the store lacks the layers" + missing);
  return image;
}

Manifest read_manifest(const Store& store, const Descriptor& manifest) {
  const auto what = fmt::format("the manifest {}", manifest.digest.text());
  const auto bytes = store.read_blob(manifest.digest, kMaxManifestBytes);
  if (!bytes) {
    throw base::Error({.code = base::ErrorCode::kNotFound,
                       .what = fmt::format("{} is not in the store", what),
                       .why = "",
                       .hint = "pull the image again"});
  }
  return parse_manifest(*bytes, manifest.media_type, what);
}

ImageConfig read_config(const Store& store, const Manifest& manifest) {
  const auto what = fmt::format("the config {}", manifest.config.digest.text());
  const auto bytes = store.read_blob(manifest.config.digest, kMaxConfigBytes);
  if (!bytes) {
    throw base::Error({.code = base::ErrorCode::kNotFound,
                       .what = fmt::format("{} is not in the store", what),
                       .why = "",
                       .hint = "pull the image again"});
  }
  return parse_config(*bytes, what);
}

ImageConfig fetch_config(Registry& registry, Store& store, const Reference& reference,
                         const ResolvedImage& image, const Platform& platform,
                         const std::stop_token& stop) {
  check_layer_types(reference, image.manifest);
  pull_small_blob(registry, store, reference, image.manifest.config, kMaxConfigBytes, stop);
  auto config = read_config(store, image.manifest);
  check_layers_match(image.manifest, config, document_name(reference, image.descriptor.digest));
  check_platform(reference, config, platform);
  return config;
}

PullResult pull_blobs(Registry& registry, Store& store, const Reference& reference,
                      const std::vector<Descriptor>& blobs, unsigned parallel,
                      const PullProgress& progress, const std::stop_token& stop) {
  return LayerPull(registry, store, reference, progress, {}).run(blobs, parallel, stop);
}

PullResult pull_image(Registry& registry, Store& store, const Reference& reference,
                      const ResolvedImage& image, const Platform& platform, unsigned parallel,
                      const PullProgress& progress, const std::stop_token& stop,
                      const LayerArrived& arrived) {
  static_cast<void>(fetch_config(registry, store, reference, image, platform, stop));
  const auto result = LayerPull(registry, store, reference, progress, arrived)
                          .run(image.manifest.layers, parallel, stop);
  if (stop.stop_requested()) {
    throw base::Error({.code = base::ErrorCode::kInterrupted,
                       .what = fmt::format("the pull of {} was stopped", reference.text()),
                       .why = "",
                       .hint = ""});
  }
  store.tag(reference.text(), image.descriptor);
  return result;
}

}  // namespace oci
