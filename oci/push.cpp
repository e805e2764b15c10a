// SPDX-License-Identifier: Apache-2.0
#include "oci/push.hpp"

#include <fmt/format.h>

#include <atomic>
#include <vector>

#include "base/error.hpp"
#include "oci/image_graph.hpp"
#include "oci/parallel.hpp"

namespace oci {
namespace {

/// What of the graph's blobs is sent. Throws base::Error kNotFound when the store lacks one.
std::vector<Descriptor> blobs_to_send(const Store& store, std::vector<Descriptor> blobs,
                                      const Reference& destination, const PushOptions& options) {
  if (!options.nondistributable) {
    std::erase_if(blobs, [](const auto& blob) { return is_nondistributable(blob.media_type); });
  }
  for (const auto& blob : blobs) {
    if (store.contains(blob)) continue;
    throw base::Error({.code = base::ErrorCode::kNotFound,
                       .what = fmt::format("cannot push {}", destination.text()),
                       .why = fmt::format("blob {} ({} bytes) is not in the store",
                                          blob.digest.text(), blob.size),
                       .hint = "pull the image again"});
  }
  return blobs;
}

void check_destination(const Descriptor& top, const Reference& destination) {
  if (!destination.digest || *destination.digest == top.digest) return;
  throw base::Error({.code = base::ErrorCode::kUsage,
                     .what = fmt::format("cannot push {}", destination.text()),
                     .why = fmt::format("the image has the digest {}", top.digest.text()),
                     .hint = "leave out the digest, or push the image that has it"});
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

PushResult push_image(Registry& registry, const Store& store, const Descriptor& top,
                      const Reference& destination, const PushOptions& options,
                      const PushProgress& progress, const std::stop_token& stop) {
  check_destination(top, destination);
  const auto graph = read_graph(store, top, destination.text());
  const auto result =
      BlobPush(registry, store, destination, options.mount_from, progress)
          .run(blobs_to_send(store, graph.blobs, destination, options), options.parallel, stop);
  for (const auto& document : graph.documents) {
    if (stop.stop_requested()) {
      throw base::Error({.code = base::ErrorCode::kInterrupted,
                         .what = fmt::format("the push to {} was stopped", destination.text()),
                         .why = "",
                         .hint = ""});
    }
    auto target = destination;
    if (document.digest != top.digest) target.digest = document.digest;
    const auto bytes = store.read_blob(document.digest, kMaxManifestBytes);
    registry.push_manifest(target, document.media_type, bytes.value(), stop);
  }
  return result;
}

}  // namespace oci
