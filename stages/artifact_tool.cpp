// SPDX-License-Identifier: Apache-2.0
#include "stages/artifact_tool.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/files.hpp"
#include "stages/container_stage.hpp"
#include "stages/file_digest.hpp"

namespace stages {
namespace {

class ProgramTool final : public ArtifactTool {
 public:
  ProgramTool(std::filesystem::path program, bool may_mount)
      : program_(std::move(program)), may_mount_(may_mount) {}

  [[nodiscard]] std::string identity() const override {
    return fmt::format("{} {}", program_.string(), identity_of_file(program_).dump());
  }
  [[nodiscard]] std::string place_of(const ToolFolder& folder) const override {
    return folder.folder.string();
  }

  void run(const StageContext& context, const std::vector<std::string>& arguments,
           const std::vector<ToolFolder>& /*folders*/) const override {
    const auto work = context.store.make_temp_dir("tool");
    const base::Command command{
        .program = program_.string(),
        .arguments = arguments,
        .environment = {"HOME=" + work.path().string(), "TMPDIR=" + work.path().string()},
        .working_directory = work.path(),
        .input = {},
        .confinement = may_mount_ ? std::optional(base::Confinement{}) : std::nullopt};
    base::run_or_throw(
        context.process, command, base::ErrorCode::kArtifactTool,
        [&](std::string_view line) { context.observer.output(line); }, context.stop);
  }

 private:
  std::filesystem::path program_;
  bool may_mount_;
};

class ImageTool final : public ArtifactTool {
 public:
  explicit ImageTool(ToolImage image) : image_(std::move(image)) {}

  [[nodiscard]] std::string identity() const override {
    return image_.image.descriptor.digest.text();
  }
  [[nodiscard]] std::string place_of(const ToolFolder& folder) const override {
    return folder.name;
  }

  void run(const StageContext& context, const std::vector<std::string>& arguments,
           const std::vector<ToolFolder>& folders) const override {
    const auto runner = image_.make_runner();
    if (runner->runtime() == oci::Runtime::kChroot) {
      throw base::Error({.code = base::ErrorCode::kUnsupported,
                         .what = fmt::format("{} cannot be run here", image_.reference.text()),
                         .why = "it mounts what it makes, which needs runc or crun and the right "
                                "to mount: " +
                                runner->description(),
                         .hint = "use --artifact-engine native, which mounts nothing"});
    }
    ToolContainer tool{.name = image_.command.front(),
                       .reference = image_.reference,
                       .image = image_.image,
                       .platform = oci::Platform::host(),
                       .command = std::vector<base::Secret>(),
                       .arguments = std::nullopt,
                       .environment = {},
                       .working_directory = "/",
                       .security = {},
                       .mounts = {}};
    for (const auto& word : image_.command) tool.command->emplace_back(word);
    for (const auto& word : arguments) tool.command->emplace_back(word);
    tool.security.privileged = true;
    for (const auto& folder : folders) {
      tool.mounts.push_back({.kind = oci::ContainerMount::Kind::kBind,
                             .source = folder.folder,
                             .target = folder.name,
                             .read_only = folder.read_only,
                             .bytes = 0});
    }
    run_container(
        context, *runner, tool,
        {.what = "tool", .may_mount = image_.may_mount, .failure = base::ErrorCode::kArtifactTool});
  }

 private:
  ToolImage image_;
};

}  // namespace

std::shared_ptr<const ArtifactTool> make_program_tool(std::filesystem::path program,
                                                      bool may_mount) {
  return std::make_shared<const ProgramTool>(std::move(program), may_mount);
}

std::shared_ptr<const ArtifactTool> make_image_tool(ToolImage image) {
  return std::make_shared<const ImageTool>(std::move(image));
}

}  // namespace stages
