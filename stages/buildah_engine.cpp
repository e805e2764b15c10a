// SPDX-License-Identifier: Apache-2.0
#include "stages/buildah_engine.hpp"

#include <fmt/format.h>

#include <filesystem>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/process.hpp"
#include "oci/image_files.hpp"
#include "stages/engine_inputs.hpp"
#include "stages/tool_version.hpp"

namespace stages {
namespace {

namespace fs = std::filesystem;

constexpr const char* kProgram = "buildah";
constexpr const char* kPackage = "buildah";
constexpr ToolVersion kLeast{.major = 1, .minor = 24};  // --ssh, --identity-label.
constexpr const char* kName = "localhost/osartifact/built:latest";
constexpr const char* kLayoutName = "built";

/// One build, and all the files it needs.
class BuildahRun {
 public:
  BuildahRun(const StageContext& context, const ImageBuild& build,
             const RegistryKnowledge& knowledge)
      : context_(context),
        build_(build),
        folder_(context.store.make_temp_dir(kProgram)),
        registries_(knowledge, images_of(build), context.stop) {
    write_inputs();
  }

  oci::Descriptor run() {
    start(build_command());
    const auto layout = path("layout");
    const bool zstd = build_.layer_format == oci::LayerFormat::kZstd;
    start({"push", "--quiet", zstd ? "--compression-format=zstd" : "--compression-format=gzip",
           kName, fmt::format("oci:{}:{}", layout.string(), kLayoutName)});
    return oci::import_image(
        context_.store,
        {.format = oci::ImageLocation::Format::kOciLayout, .path = layout, .name = kLayoutName},
        build_.platform, context_.stop);
  }

 private:
  [[nodiscard]] fs::path path(const char* name) const { return folder_.path() / name; }

  void write_inputs() {
    for (const char* name : {"home", "tmp", "empty", "drop-ins"}) {
      base::make_directories(path(name));
    }
    write_private_file(path("Dockerfile"), build_.dockerfile);
    write_private_file(path("auth.json"), registries_.docker_config().reveal());
    write_private_file(path("registries.conf"), registries_.registries_conf());
    write_private_file(path("storage.conf"), "[storage]\ndriver = \"vfs\"\n");
    if (const auto bundle = registries_.certificates(); !bundle.empty()) {
      write_private_file(path("ca.pem"), bundle);
      environment_.push_back("SSL_CERT_FILE=" + path("ca.pem").string());
    }
    std::string ignored;
    for (const auto& line : build_.ignore) ignored += line + "\n";
    write_private_file(path("ignore"), ignored);
    environment_.push_back("HOME=" + path("home").string());
    environment_.push_back("XDG_RUNTIME_DIR=" + path("home").string());
    environment_.push_back("TMPDIR=" + path("tmp").string());
    environment_.push_back("CONTAINERS_STORAGE_CONF=" + path("storage.conf").string());
    environment_.push_back("REGISTRY_AUTH_FILE=" + path("auth.json").string());
  }

  std::vector<std::string> build_command() {
    std::vector<std::string> words = {"build",
                                      "--isolation=chroot",
                                      "--network=host",
                                      "--layers=false",
                                      "--format=oci",
                                      "--identity-label=false",
                                      "--platform=" + build_.platform.text(),
                                      "--file=" + path("Dockerfile").string(),
                                      std::string("--tag=") + kName};
    if (!build_.ignore.empty()) words.push_back("--ignorefile=" + path("ignore").string());
    if (!build_.target.empty()) words.push_back("--target=" + build_.target);
    if (build_.epoch) words.push_back(fmt::format("--timestamp={}", *build_.epoch));
    for (const auto& [name, value] : build_.labels) {
      words.push_back(fmt::format("--label={}={}", name, value));
    }
    auto arguments = argument_flags(build_);
    words.insert(words.end(), arguments.flags.begin(), arguments.flags.end());
    environment_.insert(environment_.end(), arguments.environment.begin(),
                        arguments.environment.end());
    for (std::size_t i = 0; i < build_.secrets.size(); ++i) {
      const auto file = folder_.path() / fmt::format("secret-{}", i);
      write_private_file(file, build_.secrets[i].value.reveal());
      words.push_back(fmt::format("--secret=id={},src={}", build_.secrets[i].id, file.string()));
    }
    for (const auto& [id, socket] : build_.ssh) {
      words.push_back(fmt::format("--ssh={}={}", id, socket));
    }
    words.push_back((build_.context.empty() ? path("empty") : build_.context).string());
    return words;
  }

  /// In namespaces of its own: what it starts ends with it, and what it mounts is gone.
  void start(std::vector<std::string> words) {
    base::Command command{.program = kProgram,
                          .arguments = {"--root=" + path("storage").string(),
                                        "--runroot=" + path("run").string(), "--storage-driver=vfs",
                                        "--registries-conf=" + path("registries.conf").string(),
                                        "--registries-conf-dir=" + path("drop-ins").string()},
                          .environment = environment_,
                          .working_directory = path("empty"),
                          .input = {},
                          .confinement = base::Confinement{}};
    command.arguments.insert(command.arguments.end(), words.begin(), words.end());
    base::run_or_throw(
        context_.process, command, base::ErrorCode::kBuildStep,
        [&](std::string_view line) { context_.observer.output(line); }, context_.stop);
  }

  const StageContext& context_;
  const ImageBuild& build_;
  base::TempDir folder_;
  ToolRegistries registries_;
  std::vector<std::string> environment_;
};

}  // namespace

void BuildahEngine::check(base::ProcessRunner& process, const ImageBuild& build) const {
  refuse_caches(name(), build);
  const auto program = base::require_program(kProgram, kPackage);
  const auto said = base::run_or_throw(process,
                                       {.program = program.string(),
                                        .arguments = {"--version"},
                                        .environment = {},
                                        .working_directory = {},
                                        .input = {}},
                                       base::ErrorCode::kArtifactTool, {}, {});
  check_version(kProgram, said.standard_output, kLeast);
  if (build.may_mount) return;
  throw base::Error({.code = base::ErrorCode::kUnsupported,
                     .what = "buildah cannot build images here",
                     .why = "it needs the right to mount, which this process has not",
                     .hint = "run as root with CAP_SYS_ADMIN, or use --image-engine native"});
}

oci::Descriptor BuildahEngine::build(const StageContext& context, const ImageBuild& build) const {
  return BuildahRun(context, build, knowledge_).run();
}

}  // namespace stages
