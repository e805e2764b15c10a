// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "stages/dockerfile/path_pattern.hpp"

namespace stages::dockerfile {

/// The patterns of a .dockerignore, as its lines: clean, without comments; `name` is for messages.
/// Throws base::Error kManifest with the line of a pattern that is none.
/// Source: moby/patternmatcher, ignorefile.
std::vector<std::string> read_ignore_lines(std::string_view text, const std::string& name);

/// The patterns for the context folder: of DOCKERFILE.dockerignore beside the Dockerfile, else of
/// .containerignore, else of .dockerignore in the context; none without such a file. An ignore file
/// in the context is never read through a symlink out of it. `dockerfile` may be empty. Throws as
/// read_ignore_lines(), and base::Error kIo.
std::vector<std::string> find_ignore_lines(const std::filesystem::path& context,
                                           const std::filesystem::path& dockerfile);

/// Tells what patterns leave out: the last one that matches a path or a folder above it decides,
/// `!` takes back. Source: moby/patternmatcher, MatchesUsingParentResults.
class IgnorePatterns {
 public:
  /// Throws base::Error kManifest for a pattern that is none.
  explicit IgnorePatterns(const std::vector<std::string>& patterns);

  /// Which patterns match a folder: given to what is in it.
  using Matched = std::vector<bool>;
  /// Whether `path` (relative, clean) is matched; `above` is what its folder gave, empty for what
  /// lies at the top; `here` is set for what is in it.
  bool matches(std::string_view path, const Matched& above, Matched& here) const;
  /// The same from the top.
  [[nodiscard]] bool matches(std::string_view path) const;

  [[nodiscard]] bool empty() const { return patterns_.empty(); }
  /// Something below what is matched may not be.
  [[nodiscard]] bool has_exceptions() const { return has_exceptions_; }

 private:
  struct Pattern {
    PathPattern pattern;
    bool exception;
  };
  std::vector<Pattern> patterns_;
  bool has_exceptions_ = false;
};

}  // namespace stages::dockerfile
