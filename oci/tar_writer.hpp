// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "oci/byte_source.hpp"

namespace oci {

/// Writes an archive of plain files (tar, pax where needed; libarchive). Same files, same bytes:
/// owner root, mode 0444, time 0. The file appears, whole, with finish().
class TarWriter {
 public:
  /// Throws base::Error kIo or kNoSpace.
  explicit TarWriter(std::filesystem::path file);
  ~TarWriter();
  TarWriter(const TarWriter&) = delete;
  TarWriter& operator=(const TarWriter&) = delete;
  TarWriter(TarWriter&&) = delete;
  TarWriter& operator=(TarWriter&&) = delete;

  /// Throws base::Error kIntegrity when `content` has not just `bytes` bytes; what it throws
  /// passes.
  void add(const std::string& path, ByteSource& content, std::uint64_t bytes);
  void add(const std::string& path, std::string_view content);
  /// Ends the archive, syncs it and moves it into place.
  void finish();

 private:
  class Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace oci
