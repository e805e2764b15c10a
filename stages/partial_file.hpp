// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>

namespace stages {

/// Looks at an artifact that is complete but has not its name yet; what it throws makes it vanish.
using ReviewFile = std::function<void(const std::filesystem::path& file)>;

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

  /// Past `review`, which sees it while the disk takes it, then into place. Throws base::Error kIo
  /// or kNoSpace, and what `review` throws.
  void commit(const ReviewFile& review = {});

 private:
  void move_into_place();

  std::filesystem::path output_;
  std::filesystem::path partial_;
};

}  // namespace stages
