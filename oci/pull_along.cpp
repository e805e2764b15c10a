// SPDX-License-Identifier: Apache-2.0
#include "oci/pull_along.hpp"

#include <condition_variable>
#include <exception>
#include <map>
#include <mutex>
#include <optional>
#include <thread>

#include "base/error.hpp"

namespace oci {
namespace {

/// How much of which layer has come by now.
class Arrivals {
 public:
  void add(const Digest& digest, const BlobArrival& arrival) {
    const std::scoped_lock lock(mutex_);
    auto& known = there_[digest];
    came_anew_ = came_anew_ || arrival.bytes < known.bytes;
    known = arrival;
    changed_.notify_all();
  }
  void end() {
    const std::scoped_lock lock(mutex_);
    ended_ = true;
    changed_.notify_all();
  }
  std::optional<BlobArrival> wait(const Digest& digest, std::uint64_t offset,
                                  const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    const auto has_more = [&] {
      const auto& known = there_[digest];
      return known.whole || known.bytes > offset;
    };
    changed_.wait(lock, stop, [&] { return ended_ || has_more(); });
    return has_more() ? std::optional(there_[digest]) : std::nullopt;
  }
  void wait_for_end(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, stop, [&] { return ended_; });
  }
  /// Whether bytes were given away that the pull then took back.
  bool came_anew() {
    const std::scoped_lock lock(mutex_);
    return came_anew_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::map<Digest, BlobArrival> there_;
  bool came_anew_ = false;
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
                            failure.token(), [&](const Digest& digest, const BlobArrival& arrival) {
                              arrivals.add(digest, arrival);
                            });
      });
      arrivals.end();
    });
    const BlobReady ready = [&](const Descriptor& blob, std::uint64_t offset,
                                const std::stop_token& ended) {
      return arrivals.wait(blob.digest, offset, ended);
    };
    failure.guard([&] {
      try {
        work(ready, failure.token());
      } catch (const base::Error& error) {
        // A blob that is gone again was refused at its end: whether for good, the pull says.
        const bool gone = error.code() == base::ErrorCode::kNotFound;
        if (gone) arrivals.wait_for_end(failure.token());
        const bool taken_back = error.code() == base::ErrorCode::kIntegrity && arrivals.came_anew();
        if (!gone && !taken_back) throw;
        work(ready, failure.token());
      }
    });
  }
  failure.rethrow();
  return result;
}

}  // namespace oci
