// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "oci/digest.hpp"

namespace stages::dockerfile {

/// `--chown` and what a new file gets; numbers, looked up in the target's /etc/passwd by the
/// caller.
struct Ownership {
  std::uint32_t user = 0;
  std::uint32_t group = 0;
};

/// What COPY or ADD takes from one folder (a build context, or the root of a stage or image) and
/// how it puts it down.
struct CopyRequest {
  std::filesystem::path source_root;  ///< Nothing above it is ever read, links included.
  std::vector<std::string> sources;   ///< Expanded; Go filepath.Match patterns.
  std::string destination;            ///< Expanded and absolute; a slash at its end means a folder.
  std::vector<std::string> ignore;    ///< Lines of .dockerignore; empty for a stage.
  std::vector<std::string> exclude;   ///< --exclude
  bool parents = false;               ///< --parents
  std::optional<Ownership> chown;     ///< None: as in the source (COPY --from) or 0:0 (context).
  bool keep_owners = false;           ///< Source is a stage or an image.
  std::string chmod;                  ///< Octal or symbolic; empty: as it is.
  bool unpack = false;  ///< ADD: local tars (plain, gzip, bzip2, xz, zstd) are unpacked.
  std::optional<std::int64_t> epoch;  ///< Clamps times.
};

/// The selected files of a request.
class CopyPlan {
 public:
  /// Looks the sources up. Throws base::Error kBuildStep naming the pattern that matches nothing,
  /// and what is no file, folder or symlink.
  CopyPlan(CopyRequest request, const std::stop_token& stop);

  /// sha256 over what would be copied: names, types, modes, owners, link targets, contents; no
  /// times. Files seen before with the same inode, size and ctime are not read again by it.
  [[nodiscard]] oci::Digest digest() const;

  /// Puts it down beneath the folder `root` with the rules of a layer writer: nothing outside
  /// `root` is touched, whatever symlinks it holds. Throws base::Error kBuildStep, kIo, kNoSpace.
  void apply(const std::filesystem::path& root) const;

 private:
  CopyRequest request_;
};

}  // namespace stages::dockerfile
