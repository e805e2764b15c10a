// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "stages/dockerfile/image_draft.hpp"
#include "stages/dockerfile/instruction.hpp"
#include "stages/dockerfile/variables.hpp"

namespace stages::dockerfile {

/// Where a stage stands between two steps.
struct StageState {
  ImageDraft image;
  VariableList variables;              ///< ENV and ARG: the last one counts.
  std::vector<std::string> arguments;  ///< Names of ARGs, for the history of RUN.
  bool has_cmd = false;                ///< CMD was in this stage: ENTRYPOINT keeps it.
  oci::Platform platform;

  [[nodiscard]] std::string working_directory() const;
  /// The shell form's command line: what SHELL says, then `script`.
  [[nodiscard]] std::vector<std::string> in_shell(const std::string& script) const;
};

/// Does the step when it is one that changes nothing but the image's config: ARG, CMD, ENTRYPOINT,
/// ENV, EXPOSE, HEALTHCHECK, LABEL, MAINTAINER, ONBUILD, SHELL, STOPSIGNAL, USER, VOLUME; history
/// as BuildKit writes it. false: it is another. `instruction` is expanded. Throws base::Error
/// kManifest.
bool apply_config_step(const Instruction& instruction, const BuildArguments& arguments, char escape,
                       StageState& state);

}  // namespace stages::dockerfile
