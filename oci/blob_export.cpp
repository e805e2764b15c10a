// SPDX-License-Identifier: Apache-2.0
#include "oci/blob_export.hpp"

#include <fmt/format.h>

#include <vector>

#include "base/error.hpp"

namespace oci {
namespace {

constexpr std::size_t kCopyBytes = 1U << 20;

void check(const std::stop_token& stop) {
  if (!stop.stop_requested()) return;
  throw base::Error({.code = base::ErrorCode::kInterrupted,
                     .what = "stopped while copying an image",
                     .why = "",
                     .hint = ""});
}

}  // namespace

BlobExport::BlobExport(Store& store, Descriptor blob, std::stop_token stop)
    : store_(store),
      blob_(std::move(blob)),
      stop_(std::move(stop)),
      file_(store.open_blob(blob_.digest), blob_.digest.text()),
      hashed_(file_, blob_.digest.algorithm(), {}) {}

std::size_t BlobExport::read(std::span<std::byte> buffer) {
  if (ended_) return 0;
  check(stop_);
  const auto count = hashed_.read(buffer);
  if (count > 0) return count;
  ended_ = true;
  if (hashed_.finish() == blob_.digest) return 0;
  store_.remove_blob(blob_.digest);
  throw base::Error({.code = base::ErrorCode::kIntegrity,
                     .what = fmt::format("blob {} of the store is corrupt", blob_.digest.text()),
                     .why = "its contents have another digest",
                     .hint = "it was removed; pull the image again"});
}

void copy_blob(ByteSource& source, BlobWriter& writer, const std::stop_token& stop) {
  if (writer.complete()) return;
  writer.restart();
  std::vector<std::byte> buffer(kCopyBytes);
  while (const auto count = read_fully(source, buffer)) {
    check(stop);
    writer.write(std::span(buffer).first(count));
  }
  writer.commit();
}

}  // namespace oci
