// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/secret.hpp"
#include "oci/container.hpp"
#include "oci/pull.hpp"
#include "stages/stage.hpp"

namespace stages {

/// Who a container runs as, as far as the manifest says.
struct ContainerSecurity {
  std::optional<std::uint32_t> user;   ///< None: the image's.
  std::optional<std::uint32_t> group;  ///< None: the user's.
  std::vector<std::uint32_t> groups;   ///< Besides.
  bool run_as_non_root = false;        ///< Refused when it would be root.
  bool privileged = false;
  bool no_new_privileges = false;
  bool read_only_root = false;
  std::vector<std::string> add_capabilities;
  std::vector<std::string> drop_capabilities;
};

/// A container of an importer or exporter: an image, already resolved, and what to run in it.
struct ToolContainer {
  std::string name;
  oci::Reference reference;
  oci::ResolvedImage image;
  oci::Platform platform;
  std::optional<std::vector<base::Secret>> command;    ///< Instead of the image's entrypoint.
  std::optional<std::vector<base::Secret>> arguments;  ///< Instead of the image's command.
  std::vector<std::pair<std::string, base::Secret>> environment;  ///< Over the image's.
  std::string working_directory;                                  ///< Empty: the image's.
  ContainerSecurity security;
  std::vector<oci::ContainerMount> mounts;
};

struct RunContainerOptions {
  std::string what;        ///< For messages: "importer".
  bool may_mount = false;  ///< Overlays may be tried.
  base::ErrorCode failure = base::ErrorCode::kBuildStep;
};

/// Runs one container of an image that the store has, over a root of its own. Its lines are the
/// observer's, each under its name. Throws base::Error `failure` naming it, its exit status and its
/// last lines.
void run_container(const StageContext& context, oci::ContainerRunner& runner,
                   const ToolContainer& tool, const RunContainerOptions& options);

/// Runs containers one after another: the importers of an OSArtifact, or one of its exporters. What
/// it does lies outside, so it has no result that could be cached: it always runs. Its log is the
/// containers' lines, each under its container's name. Record: {"containers": [{"name", "image",
/// "digest"}], "attempts"}.
class ContainerStage final : public Stage {
 public:
  struct Options {
    std::string name;      ///< "import" or "export".
    std::string what;      ///< For messages: "importer", "exporter".
    std::string identity;  ///< Tells it from others like it: "default/demo/0".
    std::vector<ToolContainer> containers;
    unsigned attempts = 1;                         ///< Of all of them, until one succeeds.
    std::optional<std::chrono::seconds> deadline;  ///< For all attempts together.
    unsigned parallel = 4;                         ///< Layers fetched at a time.
    bool offline = false;
    bool may_mount = false;
    std::function<std::unique_ptr<oci::ContainerRunner>()> make_runner;
  };
  explicit ContainerStage(Options options) : options_(std::move(options)) {}

  [[nodiscard]] std::string_view name() const override { return options_.name; }
  [[nodiscard]] int version() const override { return 1; }
  [[nodiscard]] std::vector<std::string> inputs() const override { return {}; }
  [[nodiscard]] nlohmann::json parameters() const override;
  [[nodiscard]] bool still_valid(const Record& /*record*/,
                                 const oci::Store& /*store*/) const override {
    return false;
  }
  /// Throws base::Error kBuildStep naming the container, its exit status and its last lines.
  [[nodiscard]] Record run(const StageContext& context, const Inputs& inputs,
                           const oci::Digest& fingerprint) const override;

 private:
  void run_once(const StageContext& context, oci::ContainerRunner& runner) const;

  Options options_;
};

}  // namespace stages
