// SPDX-License-Identifier: Apache-2.0
#include "oci/blob_arrival.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.hpp"

namespace oci {

ArrivingBlob::ArrivingBlob(const Store& store, const Descriptor& blob, const std::string& name,
                           const BlobReady& ready, std::stop_token stop)
    : store_(store), blob_(blob), name_(name), ready_(ready), stop_(std::move(stop)) {
  const auto arrival = wait();
  is_fetched_ = arrival.fetched || !arrival.whole;
  fd_ = store_.open_arriving_blob(blob_.digest);
}

BlobArrival ArrivingBlob::wait() {
  if (!ready_) return {.bytes = blob_.size, .whole = true, .fetched = false};
  if (const auto arrival = ready_(blob_, offset_, stop_)) return *arrival;
  throw base::Error({.code = base::ErrorCode::kInterrupted,
                     .what = fmt::format("stopped before {} was there", name_),
                     .why = "",
                     .hint = ""});
}

std::size_t ArrivingBlob::read(std::span<std::byte> buffer) {
  if (is_fetched_ && offset_ >= blob_.size) return 0;  // Without waiting for the disk to have it.
  for (bool is_last_look = false;;) {
    const auto arrival = wait();
    const auto count =
        ::pread(fd_.get(), buffer.data(), buffer.size(), static_cast<off_t>(offset_));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) base::throw_system_error(errno, fmt::format("cannot read {}", name_));
    offset_ += static_cast<std::uint64_t>(count);
    if (count > 0 || is_last_look) return static_cast<std::size_t>(count);
    // At its end, or the transfer began anew: then into another file, perhaps.
    is_last_look = arrival.whole;
    fd_ = store_.open_arriving_blob(blob_.digest);
  }
}

}  // namespace oci
