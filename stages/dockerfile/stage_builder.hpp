// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "stages/dockerfile/arguments.hpp"
#include "stages/dockerfile/build_scope.hpp"

namespace stages::dockerfile {

/// Builds one stage, step by step. What the cache knows is not done; the files are unpacked when
/// the first step comes that must be done.
class StageBuilder {
 public:
  /// Both outlive it. The stages that this one needs are finished.
  StageBuilder(BuildScope& scope, const BuildStage& stage);

  /// Throws base::Error: kBuildStep for a failed step, kManifest for a bad one; each says where in
  /// the Dockerfile.
  std::shared_ptr<FinishedStage> build();

 private:
  /// Changes the files beneath a root folder; returns what StageTree::end_step() takes as hidden.
  using Change = std::function<std::vector<std::string>(const std::filesystem::path& root)>;

  static StageState first_state(BuildScope& scope, const BuildStage& stage,
                                std::shared_ptr<const BaseImage>& base);
  void do_step(std::size_t index);
  void warn_of_undefined(const Instruction& written, const std::vector<std::string>& names);
  void do_copy(const Instruction& instruction);
  void do_run(const Instruction& instruction);
  void do_workdir(const Instruction& instruction);

  /// All that steps which change files depend on, and `parts`; of a linked step not what is below.
  [[nodiscard]] oci::Digest key_of(nlohmann::json parts, bool linked = false) const;
  /// Takes the result that the cache has under `key`; false: it has none.
  bool take_cached(const oci::Digest& key, std::string_view created_by);
  /// Lets `change` change `files` and makes a layer of it, kept under `keys`.
  void make_layer(StageTree& files, const std::vector<oci::Digest>& keys,
                  std::string_view created_by, const Change& change);
  void add_result(const StepResult& result, std::string_view created_by);
  StageTree& tree();

  [[nodiscard]] std::string destination_of(const std::string& path) const;
  [[nodiscard]] nlohmann::json describe_mounts(const RunOptions& options);
  [[nodiscard]] std::string history_of_run(const std::vector<std::string>& command) const;
  std::vector<std::string> run_in(const std::filesystem::path& root,
                                  const std::vector<std::string>& command,
                                  const RunArguments& arguments, const RunOptions& options);

  BuildScope& scope_;
  const BuildStage& stage_;
  std::shared_ptr<const BaseImage> base_;
  StageState state_;
  std::unique_ptr<StageTree> tree_;
  std::string step_;  ///< The one at hand: "step 4/9".
};

}  // namespace stages::dockerfile
