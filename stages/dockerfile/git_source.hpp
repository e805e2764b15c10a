// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace stages::dockerfile {

/// A source of ADD that is a git repository: `https://host/repo.git#ref:subdir`, `git://...`,
/// `ssh://...`, `git@host:repo#ref`, with BuildKit's queries (?ref=, branch=, tag=, subdir=,
/// checksum=, commit=, keep-git-dir=, submodules=, mtime=, fetch-by-commit=).
struct GitSource {
  std::string remote;    ///< Without fragment and query; may hold a password.
  std::string ref;       ///< A commit, branch, tag or full ref; empty: the default branch.
  std::string subdir;    ///< Clean and relative, never above the repository; empty: all.
  std::string checksum;  ///< Of the commit, hexadecimal, perhaps but its start.
  std::optional<bool> keep_git_dir;
  bool submodules = true;
  bool commit_times = false;     ///< Files are dated by the commit, else by when they were fetched.
  bool fetch_by_commit = false;  ///< The checksum is what is fetched, whatever the ref is now.
};

/// Whether `text` names a git repository: an http URL does only when its path ends in ".git".
bool is_git_source(std::string_view text);

/// Throws base::Error kManifest for a ref that could be an option, a query that does not exist or
/// contradicts another; its text names no password.
GitSource parse_git_source(std::string_view text);

}  // namespace stages::dockerfile
