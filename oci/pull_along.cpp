// SPDX-License-Identifier: Apache-2.0
#include "oci/pull_along.hpp"

#include <condition_variable>
#include <exception>
#include <mutex>
#include <set>
#include <thread>

namespace oci {
namespace {

/// Which layers have come by now.
class Arrivals {
 public:
  void add(const Digest& digest) {
    const std::scoped_lock lock(mutex_);
    there_.insert(digest);
    changed_.notify_all();
  }
  void end() {
    const std::scoped_lock lock(mutex_);
    ended_ = true;
    changed_.notify_all();
  }
  bool wait(const Digest& digest, const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, stop, [&] { return ended_ || there_.contains(digest); });
    return there_.contains(digest);
  }

 private:
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::set<Digest> there_;
  bool ended_ = false;
};

/// Keeps the first failure of several threads, and stops them all.
class FirstFailure {
 public:
  explicit FirstFailure(const std::stop_token& stop)
      : forward_(stop, [this] { source_.request_stop(); }) {}

  [[nodiscard]] std::stop_token token() const { return source_.get_token(); }
  void guard(const std::function<void()>& work) {
    try {
      work();
    } catch (...) {
      const std::scoped_lock lock(mutex_);
      if (!failure_) failure_ = std::current_exception();
      source_.request_stop();
    }
  }
  void rethrow() const {
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  std::mutex mutex_;
  std::exception_ptr failure_;
  std::stop_source source_;
  std::stop_callback<std::function<void()>> forward_;
};

}  // namespace

PullResult pull_along(Registry& registry, Store& store, const Reference& reference,
                      const ResolvedImage& image, const Platform& platform, unsigned parallel,
                      const PullProgress& progress, const AlongWork& work,
                      const std::stop_token& stop) {
  Arrivals arrivals;
  FirstFailure failure(stop);
  PullResult result;
  {
    const std::jthread thread([&] {
      failure.guard([&] {
        result = pull_image(registry, store, reference, image, platform, parallel, progress,
                            failure.token(), [&](const Digest& digest) { arrivals.add(digest); });
      });
      arrivals.end();
    });
    failure.guard([&] {
      work([&](const Descriptor& blob,
               const std::stop_token& ended) { return arrivals.wait(blob.digest, ended); },
           failure.token());
    });
  }
  failure.rethrow();
  return result;
}

}  // namespace oci
