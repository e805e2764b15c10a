// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <vector>

namespace oci {

/// Folders stacked by overlayfs, mounted while this lives. Needs a private mount namespace.
class OverlayMount {
 public:
  struct Writable {
    std::filesystem::path upper;
    std::filesystem::path work;  ///< Empty, on the file system of `upper`.
  };
  /// Mounts `lower` (topmost first; two or more where nothing is writable) at `target`.
  /// Throws base::Error kIo.
  OverlayMount(const std::vector<std::filesystem::path>& lower,
               const std::optional<Writable>& writable, std::filesystem::path target);
  OverlayMount(const OverlayMount&) = delete;
  OverlayMount& operator=(const OverlayMount&) = delete;
  OverlayMount(OverlayMount&& other) noexcept;
  OverlayMount& operator=(OverlayMount&&) = delete;
  ~OverlayMount();

  [[nodiscard]] const std::filesystem::path& path() const { return target_; }

 private:
  std::filesystem::path target_;
};

/// Gives `folder` the mode, owner and times of `model`: an overlay's root shows those of its
/// topmost folder. Throws base::Error kIo.
void copy_folder_attributes(const std::filesystem::path& model,
                            const std::filesystem::path& folder);

}  // namespace oci
