// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/handle.hpp"

namespace stages {

/// A root file system in a folder, read the way its own system would read it: the kernel resolves
/// every symlink, absolute ones and `..` too, inside the root. Source: openat2(2), RESOLVE_IN_ROOT.
class RootTree {
 public:
  /// Throws base::Error kIo when `root` is no folder that can be opened.
  explicit RootTree(const std::filesystem::path& root);

  /// Opens a file or folder without following out of the root; nullopt when there is none (also
  /// when a link dangles or loops). Throws base::Error kIo on any other failure.
  [[nodiscard]] std::optional<base::FileDescriptor> open(const std::filesystem::path& path,
                                                         int flags) const;

  /// Where the regular, non-empty file that `path` leads to lies, as a path inside the root
  /// ("/boot/vmlinuz-6.1"); nullopt when it leads to none.
  [[nodiscard]] std::optional<std::filesystem::path> file(const std::filesystem::path& path) const;

  /// Whether the name itself exists, whatever it is and wherever a link of that name leads.
  [[nodiscard]] bool has_name(const std::filesystem::path& path) const;

  /// The names in a folder, sorted; empty when there is no such folder.
  [[nodiscard]] std::vector<std::string> names(const std::filesystem::path& folder) const;

  /// The first `limit` bytes of a regular file, or nullopt when there is none.
  [[nodiscard]] std::optional<std::string> head(const std::filesystem::path& path,
                                                std::size_t limit) const;

  /// The path on this machine of what file() gave.
  [[nodiscard]] std::filesystem::path on_host(const std::filesystem::path& inside) const;

  [[nodiscard]] const std::filesystem::path& path() const { return root_; }

 private:
  std::filesystem::path root_;  // Absolute, without links: what /proc says the folder's path is.
  base::FileDescriptor fd_;
};

}  // namespace stages
