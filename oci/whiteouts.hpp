// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_set>

namespace oci {

/// What the layer being written made, so that its whiteouts, which touch lower layers only, spare
/// it wherever in the tar they stand. Folders made by the layer are known by inode and all below
/// them belongs to it; single files are kept as 64-bit hashes of folder and name: a layer of a
/// million files in new folders needs memory for the folders alone.
class LayerContents {
 public:
  void add_folder(ino_t folder) { folders_.insert(folder); }
  void add(ino_t parent, std::string_view name) {
    if (!folders_.contains(parent)) names_.insert(key(parent, name));
  }
  /// Whether the layer made this folder, not merely changed it.
  [[nodiscard]] bool made_folder(ino_t folder) const { return folders_.contains(folder); }
  /// Whether the layer has an entry for this name.
  [[nodiscard]] bool has(ino_t parent, std::string_view name) const {
    return folders_.contains(parent) || names_.contains(key(parent, name));
  }

 private:
  static std::uint64_t key(ino_t parent, std::string_view name);

  std::unordered_set<ino_t> folders_;
  std::unordered_set<std::uint64_t> names_;
};

/// What the name of a tar entry stands for. Source: OCI image-spec, layer.md, "Whiteouts".
enum class WhiteoutKind { kNone, kWhiteout, kOpaque, kInvalid };
WhiteoutKind whiteout_kind(std::string_view name);
inline constexpr std::string_view kWhiteoutPrefix = ".wh.";

/// Removes `name` in the folder `parent` and all below it, but for what is in `keep` (may be null).
/// Missing is fine. Returns whether something stayed. Throws base::Error kIo.
bool remove_below(int parent, const std::string& name, const LayerContents* keep);

/// Removes what is in the folder `fd` (O_PATH will do), but for what is in `keep`. Returns whether
/// something stayed.
bool remove_children(int fd, const LayerContents* keep);

}  // namespace oci
