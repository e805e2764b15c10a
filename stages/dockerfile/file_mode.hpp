// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <optional>
#include <string_view>
#include <vector>

namespace stages::dockerfile {

/// What `--chmod` does to a mode: "0644", "u=rwX,go-w", "a+x". Source: chmod(1), with umask 0.
class ModeChange {
 public:
  /// Throws base::Error kManifest when it is neither an octal number up to 07777 nor symbolic.
  explicit ModeChange(std::string_view text);

  /// `mode` without its type.
  [[nodiscard]] mode_t apply(mode_t mode, bool is_folder) const;
  /// The number, when it is one: then new folders above a destination get it too.
  [[nodiscard]] std::optional<mode_t> number() const { return number_; }

 private:
  struct Step {
    mode_t who;        ///< Bits of user, group and others that it is about.
    char operation;    ///< + - =
    mode_t bits;       ///< As for everybody.
    bool x_if_any;     ///< X
    char copied_from;  ///< u, g, o, or 0.
  };
  void read_clause(std::string_view clause, std::string_view whole);

  std::optional<mode_t> number_;
  std::vector<Step> steps_;
};

}  // namespace stages::dockerfile
