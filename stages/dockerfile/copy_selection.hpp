// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/stat.h>

#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/handle.hpp"
#include "oci/rooted_directory.hpp"
#include "stages/dockerfile/copy.hpp"
#include "stages/dockerfile/ignore_patterns.hpp"

namespace stages::dockerfile {

/// One file, folder, symlink or device that is to be copied.
struct SelectedFile {
  std::string target;  ///< Below the destination; empty: the file is the destination's.
  std::string source;  ///< From the source root; no symlink is on the way.
  struct stat status {};
  std::string link;  ///< A symlink's target.
};

/// What one source gives.
struct SelectedSource {
  std::string name;         ///< The last name of what was asked for: what a file is called.
  bool is_folder = false;   ///< Its contents are copied.
  bool is_archive = false;  ///< It is unpacked.
  struct stat status {};    ///< Of itself.
  std::string source;
  std::vector<SelectedFile> files;  ///< Folders before what is in them.
};

/// Finds what a request asks for in its source root, as far as the patterns leave it in.
class CopySelection {
 public:
  /// Throws base::Error as CopyPlan's constructor.
  CopySelection(const CopyRequest& request, std::stop_token stop);

  std::vector<SelectedSource> find(const std::string& source);
  /// The open source root.
  [[nodiscard]] int root() const { return root_fd_.get(); }

 private:
  struct Position;
  struct Walk;

  std::vector<SelectedSource> find_parents(const std::string& source);
  std::vector<std::string> expand_wildcards(const oci::PathNames& names);
  void match_below(const std::string& base, const oci::PathNames& patterns, std::size_t at,
                   std::vector<std::string>& found);
  std::optional<SelectedSource> open_source(const std::string& path, const std::string& asked);
  [[nodiscard]] Position start_at(const std::string& folder) const;
  void walk(Walk& walk, int folder, const Position& position);
  void walk_one(Walk& walk, int folder, const std::string& name, const Position& position);
  [[nodiscard]] bool is_left_out(const std::string& path, bool is_folder) const;
  [[nodiscard]] std::string real_path(int fd, const std::string& asked) const;
  [[noreturn]] void not_found(const std::string& source, bool ignored) const;

  const CopyRequest& request_;
  std::stop_token stop_;
  IgnorePatterns ignore_;
  IgnorePatterns exclude_;
  base::FileDescriptor root_fd_;
  std::string root_path_;
  oci::RootedDirectory rooted_;
};

}  // namespace stages::dockerfile
