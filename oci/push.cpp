// SPDX-License-Identifier: Apache-2.0
#include "oci/push.hpp"

#include <fmt/format.h>

#include <atomic>
#include <set>
#include <vector>

#include "base/error.hpp"
#include "oci/parallel.hpp"
#include "oci/pull.hpp"

namespace oci {
namespace {

/// The blobs of one image, each once, the config last.
std::vector<Descriptor> blobs_of(const Manifest& manifest) {
  std::vector<Descriptor> blobs;
  std::set<Digest> seen;
  for (const auto& layer : manifest.layers) {
    if (seen.insert(layer.digest).second) blobs.push_back(layer);
  }
  if (seen.insert(manifest.config.digest).second) blobs.push_back(manifest.config);
  return blobs;
}

class BlobPush {
 public:
  BlobPush(Registry& registry, const Store& store, const Reference& destination,
           const std::string& mount_from, const PushProgress& progress)
      : registry_(registry),
        store_(store),
        destination_(destination),
        mount_from_(mount_from),
        progress_(progress) {}

  PushResult run(std::vector<Descriptor> blobs, unsigned parallel, const std::stop_token& stop) {
    blobs_ = std::move(blobs);
    for (const auto& blob : blobs_) total_ += blob.size;
    for_each_parallel(blobs_.size(), parallel, stop,
                      [this](std::size_t index, const std::stop_token& ended) {
                        push_named(blobs_[index], ended);
                      });
    return {.sent_bytes = sent_bytes_, .sent_blobs = sent_blobs_, .present_blobs = present_blobs_};
  }

 private:
  void push_named(const Descriptor& blob, const std::stop_token& stop) {
    try {
      push(blob, stop);
    } catch (base::Error& error) {
      error.add_context(
          fmt::format("pushing blob {} to {}", blob.digest.text(), destination_.text()));
      throw;
    }
  }

  void push(const Descriptor& blob, const std::stop_token& stop) {
    std::uint64_t sent_here = 0;
    const auto sent = [&](std::uint64_t count) {
      sent_here += count;
      report(count);
    };
    const bool sent_it = registry_.push_blob(destination_, blob, store_.blob_path(blob.digest),
                                             mount_from_, sent, stop);
    (sent_it ? sent_blobs_ : present_blobs_) += 1;
    sent_bytes_ += sent_here;
    if (sent_here < blob.size) report(blob.size - sent_here);
  }

  void report(std::uint64_t count) {
    const auto done = done_ += count;
    if (progress_) progress_(std::min(done, total_), total_);
  }

  Registry& registry_;
  const Store& store_;
  const Reference& destination_;
  const std::string& mount_from_;
  const PushProgress& progress_;
  std::vector<Descriptor> blobs_;
  std::atomic<std::uint64_t> done_ = 0;
  std::uint64_t total_ = 0;
  std::atomic<std::uint64_t> sent_bytes_ = 0;
  std::atomic<std::uint64_t> sent_blobs_ = 0;
  std::atomic<std::uint64_t> present_blobs_ = 0;
};

}  // namespace

PushResult push_image(Registry& registry, const Store& store, const Descriptor& manifest,
                      const Reference& destination, const std::string& mount_from,
                      unsigned parallel, const PushProgress& progress,
                      const std::stop_token& stop) {
  const auto parsed = read_manifest(store, manifest);
  const auto bytes = store.read_blob(manifest.digest, kMaxManifestBytes);
  const auto result = BlobPush(registry, store, destination, mount_from, progress)
                          .run(blobs_of(parsed), parallel, stop);
  if (stop.stop_requested()) {
    throw base::Error({.code = base::ErrorCode::kInterrupted,
                       .what = fmt::format("the push to {} was stopped", destination.text()),
                       .why = "",
                       .hint = ""});
  }
  registry.push_manifest(destination, parsed.media_type, *bytes, stop);
  return result;
}

}  // namespace oci
