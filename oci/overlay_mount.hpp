// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace oci {

/// A mount of ours, gone when this dies. The caller has entered a mount namespace of its own, so
/// that a kill takes the mount too.
class Mount {
 public:
  Mount() = default;
  explicit Mount(std::filesystem::path at) : at_(std::move(at)) {}
  Mount(Mount&& other) noexcept : at_(std::exchange(other.at_, {})) {}
  Mount& operator=(Mount&& other) noexcept {
    std::swap(at_, other.at_);
    return *this;
  }
  Mount(const Mount&) = delete;
  Mount& operator=(const Mount&) = delete;
  /// Detaches it; whoever still has a file open there keeps it.
  ~Mount();

  /// Throws base::Error kIo when somebody still uses it. May be called twice.
  void unmount();

 private:
  std::filesystem::path at_;
};

/// As many as the options of one mount call can name (one page, see mount(2)).
inline constexpr std::size_t kMaxOverlayLayers = 200;

/// What overlayfs stacks. Source: Linux, filesystems/overlayfs.rst.
struct OverlayLayers {
  std::vector<std::filesystem::path> lower;  ///< Base first; at least one, two without `upper`.
  std::filesystem::path upper;               ///< Empty: nothing can be written.
  std::filesystem::path work;                ///< Beside `upper`; of no use afterwards.
};

/// Mounts at the folder `at`. An upper layer is not synced by the kernel when it is unmounted: that
/// is its owner's business. Throws base::Error kIo.
Mount mount_overlay(const OverlayLayers& layers, const std::filesystem::path& at);

/// Shows `folder` at the folder `at`, where it cannot be written. Throws base::Error kIo.
Mount mount_read_only(const std::filesystem::path& folder, const std::filesystem::path& at);

/// Shows the folder or file `source` at `at`, which is one too. Throws base::Error kIo.
Mount mount_bind(const std::filesystem::path& source, const std::filesystem::path& at);

/// Shows `folder`, and what is mounted beneath it, at the folder `at` as well; the second without
/// the devices that it may hold. Throws base::Error kIo.
Mount mount_again(const std::filesystem::path& folder, const std::filesystem::path& at);
Mount mount_without_devices(const std::filesystem::path& folder, const std::filesystem::path& at);

/// A private folder in memory at the folder `at`. Throws base::Error kIo.
Mount mount_memory(const std::filesystem::path& at);

/// Tries it all in the empty folder `scratch`: mounts, writes, deletes through an overlay. Nullopt
/// when it works, else why not.
std::optional<std::string> overlay_obstacle(const std::filesystem::path& scratch);

}  // namespace oci
