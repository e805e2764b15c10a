// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <span>

#include "base/handle.hpp"
#include "base/temp_dir.hpp"
#include "oci/digest.hpp"
#include "oci/store.hpp"

namespace oci {

/// A blob that is made here and whose digest is known only at its end. Nothing of it is left when
/// this goes before commit().
class NewBlob {
 public:
  /// `store` must outlive this. Throws base::Error kIo.
  explicit NewBlob(const Store& store);

  /// Throws base::Error kIo or kNoSpace.
  void write(std::span<const std::byte> data);
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }
  /// Syncs it and moves it into the store; its sha256. Call once.
  Digest commit();

 private:
  const Store& store_;
  base::TempDir folder_;
  std::filesystem::path file_;
  base::FileDescriptor fd_;
  Hasher hasher_;
  std::uint64_t bytes_ = 0;
};

}  // namespace oci
