// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <map>
#include <stop_token>
#include <string>
#include <unordered_map>

#include "oci/entry_writer.hpp"

namespace oci {

/// What stands in a directory tree at one moment, as far as stat tells: enough to see later,
/// without reading a file, what was changed. A change of contents, mode, owner, xattrs or links
/// moves the inode's ctime, which nobody can set; a folder removed and made again has another birth
/// time. Source: inode(7), statx(2).
class DirectoryIndex {
 public:
  /// What one name stood for.
  struct Seen {
    std::uint64_t inode = 0;
    std::uint32_t mode = 0;
    std::int64_t changed_ns = 0;  ///< ctime.
    std::int64_t born_ns = 0;     ///< 0 where the file system does not know.
    /// Of a folder: owner, times and xattrs, to tell one that changed from one in which a name came
    /// and went. Empty for all else.
    std::string attributes = {};
    friend bool operator==(const Seen&, const Seen&) = default;
  };
  using Names = std::map<std::string, Seen>;

  /// Walks the tree of the open folder `root`. Throws base::Error kIo or kInterrupted.
  static DirectoryIndex of(int root, const std::stop_token& stop);

  /// Takes for unchanged what stands at `path` ("a/b") now: it stepped aside and came back.
  void refresh(int root, const std::string& path);

  /// What was in a folder ("" or "a/b/"); empty when there was none.
  [[nodiscard]] const Names& names_in(const std::string& folder) const;

 private:
  std::unordered_map<std::string, Names> folders_;
};

/// As write_upper(), for a tree that was changed in place: what differs between `before` and what
/// stands in the open folder `root` now. The same changes give the same entries as an overlay's.
/// The clock must have moved between the index and the first change: see wait_for_clock().
void write_changes(int root, const DirectoryIndex& before, TarStream& tar,
                   const DiffOptions& options);

/// Sleeps until a change made now has another ctime than one made before the call: the kernel's
/// clock for inodes moves in ticks of up to 10 ms.
void wait_for_clock();

}  // namespace oci
