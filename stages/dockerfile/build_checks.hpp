// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "stages/dockerfile/instruction.hpp"

namespace stages::dockerfile {

/// BuildKit's build checks, with their names and words: those that the Dockerfile alone decides by
/// run(), those that need the base image while a step is done.
/// Source: BuildKit, frontend/dockerfile/linter/ruleset.go.
class BuildChecks {
 public:
  /// Reads `# check=`. Throws base::Error kManifest where it has an option that does not exist.
  /// `dockerfile` must outlive this; its instructions may still come.
  explicit BuildChecks(const Dockerfile& dockerfile);

  /// An instruction goes on after empty lines.
  void found_empty_continuation(const Instruction& instruction);

  /// The warnings in the order of their lines. Throws base::Error kManifest where there are some
  /// and `# check=error=true` is given.
  std::vector<std::string> run();

  /// The warning that `instruction` uses a variable that is not set, in a step whose `known` ones
  /// may be meant; nothing where it is not to be checked. Throws likewise.
  std::optional<std::string> undefined_variable(const Instruction& instruction,
                                                std::string_view name,
                                                const std::vector<std::string>& known);

 private:
  struct Finding {
    int line;
    std::string text;
    std::string rule;
  };
  void add(const Instruction& instruction, std::string_view rule, const std::string& text);
  std::vector<std::string> take_findings();
  void check_casing();
  void check_stages();
  void check_arguments_of_from();
  void check_instruction(const Instruction& instruction);
  void check_commands();
  void check_workdirs();

  const Dockerfile& dockerfile_;
  std::set<std::string, std::less<>> skipped_;
  bool skip_all_ = false;
  bool is_error_ = false;
  std::vector<Finding> findings_;
};

/// Whether a variable of that name looks like a secret: API_KEY, DB_PASSWORD; but not PUBLIC_KEY.
bool names_a_secret(std::string_view name);

}  // namespace stages::dockerfile
