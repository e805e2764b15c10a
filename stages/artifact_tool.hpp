// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "oci/container.hpp"
#include "oci/pull.hpp"
#include "oci/reference.hpp"
#include "stages/stage.hpp"

namespace stages {

/// A folder of this machine that a tool is shown.
struct ToolFolder {
  std::filesystem::path folder;
  std::string name;  ///< Where it is, where the tool has a root of its own: "/rootfs".
  bool read_only = true;
};

/// A program that makes artifacts out of folders: one on PATH, or one in an image, run as a
/// container. It is given no credential. Thread-safe.
class ArtifactTool {
 public:
  virtual ~ArtifactTool() = default;

  /// What tells it from another version of itself: the file on PATH, or the image's digest.
  [[nodiscard]] virtual std::string identity() const = 0;
  /// Where the tool finds a folder that run() is given.
  [[nodiscard]] virtual std::string place_of(const ToolFolder& folder) const = 0;
  /// Runs it to the end; its lines are the observer's. Throws base::Error kArtifactTool with its
  /// last lines when it fails, kInterrupted.
  virtual void run(const StageContext& context, const std::vector<std::string>& arguments,
                   const std::vector<ToolFolder>& folders) const = 0;
};

/// A program of this machine. `may_mount`: what it mounts goes when it ends.
std::shared_ptr<const ArtifactTool> make_program_tool(std::filesystem::path program,
                                                      bool may_mount);

/// A program that an image's entrypoint starts.
struct ToolImage {
  oci::Reference reference;
  oci::ResolvedImage image;
  std::vector<std::string> command;  ///< Instead of the image's entrypoint.
  bool may_mount = false;
  std::function<std::unique_ptr<oci::ContainerRunner>()> make_runner;
};

/// The image is in the store, whole, when run() is called. The container is privileged, as the
/// Kairos operator's are: the tool mounts what it makes.
std::shared_ptr<const ArtifactTool> make_image_tool(ToolImage image);

}  // namespace stages
