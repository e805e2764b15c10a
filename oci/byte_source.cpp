// SPDX-License-Identifier: Apache-2.0
#include "oci/byte_source.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "base/error.hpp"

namespace oci {
namespace {

constexpr std::size_t kDrainBytes = 256U << 10;

}  // namespace

std::size_t read_fully(ByteSource& source, std::span<std::byte> buffer) {
  std::size_t filled = 0;
  while (filled < buffer.size()) {
    const auto count = source.read(buffer.subspan(filled));
    if (count == 0) break;
    filled += count;
  }
  return filled;
}

std::size_t FileSource::read(std::span<std::byte> buffer) {
  while (true) {
    const auto count = ::read(fd_.get(), buffer.data(), buffer.size());
    if (count >= 0) return static_cast<std::size_t>(count);
    if (errno != EINTR) base::throw_system_error(errno, fmt::format("cannot read {}", name_));
  }
}

std::size_t HashingSource::read(std::span<std::byte> buffer) {
  const auto count = source_.read(buffer);
  hasher_.update(buffer.first(count));
  bytes_ += count;
  if (passed_ && count > 0) passed_(count);
  return count;
}

Digest HashingSource::finish() {
  std::vector<std::byte> buffer(kDrainBytes);
  while (read(buffer) > 0) continue;
  return hasher_.finish();
}

}  // namespace oci
