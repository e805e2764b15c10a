// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "oci/digest.hpp"
#include "stages/dockerfile/content_digests.hpp"

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
  ContentDigests* digests = nullptr;  ///< Knows contents read before; may be none. Outlives plans.
};

/// The selected files of a request.
class CopyPlan {
 public:
  /// Looks the sources up. Throws base::Error: kBuildStep naming what does not exist (a pattern
  /// with wildcards may match nothing, as in BuildKit), a file of a context that is no file, folder
  /// or symlink, and several sources for a destination that is no folder; kManifest for a --chmod
  /// or
  /// --exclude that means nothing; kIo.
  CopyPlan(CopyRequest request, const std::stop_token& stop);

  /// sha256 over what would be copied: names, types, modes, owners, link targets, contents; no
  /// times. Files seen before with the same inode, size and ctime are not read again by it.
  [[nodiscard]] oci::Digest digest() const;

  /// Puts it down beneath the folder `root` with the rules of a layer writer: nothing outside
  /// `root` is touched, whatever symlinks it holds. Folders that are there stay, with what is in
  /// them; files give way to files, but never to a folder, nor a folder to a file. Throws
  /// base::Error kBuildStep, kIo, kNoSpace, kIntegrity (a hostile archive), kInterrupted.
  void apply(const std::filesystem::path& root) const;

  /// The patterns that match nothing.
  [[nodiscard]] const std::vector<std::string>& unmatched() const;
  /// What is copied, as paths from the source root.
  [[nodiscard]] std::vector<std::string> sources() const;

 private:
  struct Selected;
  std::shared_ptr<const Selected> selected_;
  std::stop_token stop_;
};

}  // namespace stages::dockerfile
