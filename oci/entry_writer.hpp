// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/stat.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "oci/layer_diff.hpp"

namespace oci {

/// Writes what stands in folders as a layer's entries: names of one inode become links to the first
/// of them, times whole seconds no younger than the epoch. Paths are relative, without a leading
/// slash; those of folders end with one. Everything throws base::Error kIo or kInterrupted.
class EntryWriter {
 public:
  /// Both outlive this.
  EntryWriter(TarStream& tar, const DiffOptions& options);

  /// Anything but a folder: `name` in the open folder `folder`.
  void write(int folder, const std::string& name, const std::string& path,
             const struct stat& status);
  /// What a folder's own entry says, without what is in it, and the xattrs of overlayfs without
  /// their prefix.
  struct Folder {
    TarEntry entry;
    std::vector<std::pair<std::string, std::string>> overlay;
    std::int64_t modified_ns = 0;
  };
  [[nodiscard]] Folder read_folder(int folder, const std::string& name, const std::string& path,
                                   const struct stat& status) const;
  void write_folder(const Folder& folder) { tar_.add(folder.entry); }
  /// Hides `name`, or with "" everything below, in the folder `path` whose status is `folder`.
  void write_whiteout(const std::string& path, const std::string& name, const struct stat& folder);

 private:
  [[nodiscard]] TarEntry describe(const std::string& path, const struct stat& status) const;
  void write_link(const std::string& path, const std::string& first, const struct stat& status);
  void copy_contents(int folder, const std::string& name, const TarEntry& entry);

  TarStream& tar_;
  const DiffOptions& options_;
  std::vector<std::byte> buffer_;
  std::map<std::pair<dev_t, ino_t>, std::string> links_;
};

/// Throws base::Error kUnsupported: overlayfs marked `path` with something of which no layer can be
/// made.
[[noreturn]] void refuse_overlay_mark(const std::string& path, const std::string& mark);

}  // namespace oci
