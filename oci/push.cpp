// SPDX-License-Identifier: Apache-2.0
#include "oci/push.hpp"

#include <fmt/format.h>

#include <atomic>
#include <exception>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "base/error.hpp"
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
    {
      const std::stop_callback forward(stop, [this] { source_.request_stop(); });
      std::vector<std::jthread> threads;
      const auto count = std::min<std::size_t>(std::max(parallel, 1U), blobs_.size());
      for (std::size_t i = 0; i < count; ++i) threads.emplace_back([this] { work(); });
    }
    if (failure_) std::rethrow_exception(failure_);
    return {.sent_bytes = sent_bytes_, .sent_blobs = sent_blobs_, .present_blobs = present_blobs_};
  }

 private:
  void work() {
    while (!source_.stop_requested()) {
      const auto index = next_++;
      if (index >= blobs_.size()) return;
      try {
        push(blobs_[index]);
      } catch (base::Error& error) {
        error.add_context(
            fmt::format("pushing blob {} to {}", blobs_[index].digest.text(), destination_.text()));
        fail(std::make_exception_ptr(error));
      } catch (...) {
        fail(std::current_exception());
      }
    }
  }

  void fail(std::exception_ptr failure) {
    const std::lock_guard lock(mutex_);
    if (!failure_) failure_ = std::move(failure);
    source_.request_stop();
  }

  void push(const Descriptor& blob) {
    std::uint64_t sent_here = 0;
    const auto sent = [&](std::uint64_t count) {
      sent_here += count;
      report(count);
    };
    const bool sent_it = registry_.push_blob(destination_, blob, store_.blob_path(blob.digest),
                                             mount_from_, sent, source_.get_token());
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
  std::stop_source source_;
  std::vector<Descriptor> blobs_;
  std::atomic<std::size_t> next_ = 0;
  std::atomic<std::uint64_t> done_ = 0;
  std::uint64_t total_ = 0;
  std::atomic<std::uint64_t> sent_bytes_ = 0;
  std::atomic<std::uint64_t> sent_blobs_ = 0;
  std::atomic<std::uint64_t> present_blobs_ = 0;
  std::mutex mutex_;
  std::exception_ptr failure_;
};

}  // namespace

PushResult push_image(Registry& registry, const Store& store, const Descriptor& manifest,
                      const Reference& destination, const std::string& mount_from,
                      unsigned parallel, const PushProgress& progress, std::stop_token stop) {
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
