// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "oci/platform.hpp"
#include "stages/dockerfile/instruction.hpp"

namespace stages::dockerfile {

/// Variables in the order in which they were first set.
class VariableList {
 public:
  using Entry = std::pair<std::string, std::string>;

  /// Of an image's config: "NAME=VALUE" each.
  static VariableList of(const std::vector<std::string>& environment);
  void set(std::string_view name, std::string value);
  [[nodiscard]] std::optional<std::string> get(std::string_view name) const;
  [[nodiscard]] const std::vector<Entry>& entries() const { return entries_; }
  /// "NAME=VALUE" each.
  [[nodiscard]] std::vector<std::string> environment() const;

 private:
  std::vector<Entry> entries_;
};

/// The values that ARG gets, from the command line, from before the first FROM, or because they are
/// always there (TARGETPLATFORM...). Source: BuildKit, reference.md, "ARG".
class BuildArguments {
 public:
  /// `given`: of the command line. `target_stage`: the name of --target, or empty.
  BuildArguments(std::map<std::string, std::string> given, const oci::Platform& build,
                 const oci::Platform& target, std::string_view target_stage);

  /// An ARG that stands before the first FROM. Throws base::Error kManifest.
  void declare(const Instruction& argument, char escape);

  /// What FROM may use.
  [[nodiscard]] std::optional<std::string> global(std::string_view name) const;
  /// What the command line says.
  [[nodiscard]] std::optional<std::string> given(std::string_view name) const;
  /// HTTP_PROXY and its like, in upper and lower case: for RUN to see, and for nothing else.
  [[nodiscard]] const VariableList& proxies() const { return proxies_; }
  /// Names of the command line that no ARG among `instructions` asks for and nothing else knows.
  [[nodiscard]] std::vector<std::string> unused(const std::vector<Instruction>& instructions) const;

 private:
  std::map<std::string, std::string, std::less<>> given_;
  VariableList predefined_;
  VariableList globals_;
  VariableList proxies_;
};

}  // namespace stages::dockerfile
