// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

namespace stages {

/// A file that a tool writes as OUTPUT.partial and that appears as OUTPUT when it is complete.
class PartialFile {
 public:
  /// Removes what an earlier, killed run left. Throws base::Error kIo.
  explicit PartialFile(std::filesystem::path output);
  PartialFile(const PartialFile&) = delete;
  PartialFile& operator=(const PartialFile&) = delete;
  PartialFile(PartialFile&&) = delete;
  PartialFile& operator=(PartialFile&&) = delete;
  ~PartialFile();  ///< Removes the partial file unless it was committed.

  /// Where to write.
  [[nodiscard]] const std::filesystem::path& path() const { return partial_; }

  /// Lets the disk begin with what is there, while it is looked at before commit().
  void begin_sync() const noexcept;

  /// To disk, then into place. Throws base::Error kIo or kNoSpace.
  void commit();

 private:
  std::filesystem::path output_;
  std::filesystem::path partial_;
};

}  // namespace stages
