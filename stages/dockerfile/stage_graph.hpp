// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "oci/platform.hpp"
#include "stages/dockerfile/instruction.hpp"
#include "stages/dockerfile/variables.hpp"

namespace stages::dockerfile {

/// Where FROM, COPY --from and RUN --mount=from= take files from.
struct FileOrigin {
  std::optional<std::size_t> stage;  ///< An earlier stage...
  std::string image;                 ///< ...else an image; empty and no stage: nothing (scratch).
};

/// One FROM and what follows it.
struct BuildStage {
  std::size_t index = 0;
  std::string name;  ///< As after AS; may be empty.
  Instruction from;
  FileOrigin base;
  std::optional<oci::Platform> platform;  ///< --platform
  std::vector<Instruction> steps;         ///< What ONBUILD of the base says comes first.
  std::size_t triggers = 0;               ///< So many of `steps` are ONBUILD's.
  std::size_t first_step = 0;  ///< The number of its FROM among the steps of all needed stages.

  /// "stage 'name'", or "stage 2".
  [[nodiscard]] std::string label() const;
};

/// The ONBUILD triggers of the image that a stage begins with.
using TriggersOfImage = std::function<std::vector<std::string>(const BuildStage& stage)>;

/// The stages of a Dockerfile. Source: BuildKit, reference.md, "FROM".
class StageGraph {
 public:
  /// Expands what FROM says. Throws base::Error kManifest with the line.
  StageGraph(const Dockerfile& dockerfile, const BuildArguments& arguments);

  /// Chooses the stage to be built: by name, by number, or with "" the last. Triggers of base
  /// images become steps; calls `triggers` for needed stages alone. Throws base::Error kManifest
  /// for a target that there is not, and for a source that is no earlier stage.
  void choose(std::string_view target, const TriggersOfImage& triggers);

  [[nodiscard]] const std::vector<BuildStage>& stages() const { return stages_; }
  [[nodiscard]] std::size_t target() const { return target_; }
  /// The stages that the target needs, itself among them, in order.
  [[nodiscard]] const std::vector<std::size_t>& needed() const { return needed_; }
  /// The stages that `stage` needs directly.
  [[nodiscard]] const std::vector<std::size_t>& needs(std::size_t stage) const {
    return needs_.at(stage);
  }
  /// Steps of all needed stages, FROMs among them.
  [[nodiscard]] std::size_t steps() const { return steps_; }

  /// What `from` means in a step of `stage`. Throws base::Error kManifest.
  [[nodiscard]] FileOrigin origin(std::string_view from, const BuildStage& stage) const;

 private:
  void add_stage(const Instruction& from, const BuildArguments& arguments);
  [[nodiscard]] std::optional<std::size_t> find_stage(std::string_view name,
                                                      std::size_t before) const;
  void visit(std::size_t index, const TriggersOfImage& triggers, std::vector<bool>& seen);
  void add_triggers(BuildStage& stage, const TriggersOfImage& triggers);
  void note_origin(std::string_view from, const BuildStage& stage);

  const Dockerfile& dockerfile_;
  std::vector<BuildStage> stages_;
  std::vector<std::vector<std::size_t>> needs_;
  std::vector<std::size_t> needed_;
  std::size_t target_ = 0;
  std::size_t steps_ = 0;
};

/// Adds to a base::Error on its way where in the Dockerfile it happened.
/// "Dockerfile:12: RUN make".
std::string place_of(const Dockerfile& dockerfile, const Instruction& instruction);

}  // namespace stages::dockerfile
