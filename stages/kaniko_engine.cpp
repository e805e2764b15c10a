// SPDX-License-Identifier: Apache-2.0
#include "stages/kaniko_engine.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/process.hpp"
#include "base/system_trust.hpp"
#include "oci/image_files.hpp"
#include "stages/copy_file.hpp"
#include "stages/engine_inputs.hpp"
#include "stages/tool_version.hpp"

namespace stages {
namespace {

namespace fs = std::filesystem;

constexpr ToolVersion kLeast{.major = 1, .minor = 9};  // --custom-platform.
constexpr std::size_t kMaxBundleBytes = 16U << 20;

// Paths in the container. Kaniko itself leaves /kaniko out of what it snapshots and removes.
constexpr const char* kExecutable = "/kaniko/executor";
constexpr const char* kContext = "/workspace";
constexpr const char* kDockerfile = "/kaniko/build/Dockerfile";
constexpr const char* kCredentials = "/kaniko/.docker";
constexpr const char* kLayout = "/kaniko/layout";
constexpr const char* kTrust = "/kaniko/trust";

fs::path find_kaniko() {
  for (const char* name : {"kaniko", "executor"}) {
    if (auto path = base::find_program(name)) return *path;
  }
  throw base::Error({.code = base::ErrorCode::kArtifactTool,
                     .what = "Kaniko is needed and is not on PATH",
                     .why = "there is neither 'kaniko' nor 'executor'",
                     .hint = "take /kaniko/executor out of Kaniko's image, or use the native "
                             "engine"});
}

/// A root folder that holds Kaniko and nothing else, and what runs it there.
class KanikoRoot {
 public:
  explicit KanikoRoot(const KanikoEngine::Options& options)
      : folder_(options.store.make_temp_dir("kaniko")), runner_(options.make_runner()) {
    if (runner_->runtime() == oci::Runtime::kChroot) {
      throw base::Error(
          {.code = base::ErrorCode::kUnsupported,
           .what = "Kaniko does not run here",
           .why = "it overwrites the root file system of what runs it, so it is run in a container "
                  "with mounts of its own alone, which is not to be had: " +
                  runner_->description(),
           .hint = "run where runc or crun works, or use --image-engine native"});
    }
    base::make_directories(inside("/tmp"));
    base::make_directories(inside("/kaniko"));
    copy_file(find_kaniko(), inside(kExecutable), {});
    fs::permissions(inside(kExecutable), fs::perms(0755));
    fs::permissions(folder_.path() / "root", fs::perms(0755));
  }

  [[nodiscard]] fs::path inside(const char* path) const {
    return folder_.path() / "root" / fs::path(path).relative_path();
  }
  /// Beside the root: nothing of an image can take its place.
  [[nodiscard]] fs::path beside(const char* name) const { return folder_.path() / name; }

  base::ProcessResult run(std::vector<std::string> words, std::vector<std::string> environment,
                          std::vector<oci::ContainerMount> mounts, const base::LineSink& on_line,
                          const std::stop_token& stop) {
    words.insert(words.begin(), kExecutable);
    const oci::Container container{.name = "kaniko",
                                   .root = folder_.path() / "root",
                                   .arguments = std::move(words),
                                   .environment = std::move(environment),
                                   .working_directory = "/",
                                   .user = 0,
                                   .group = 0,
                                   .groups = {},
                                   .mounts = std::move(mounts),
                                   .network = true,
                                   .read_only_root = false,
                                   .no_new_privileges = false,
                                   .privileged = false,
                                   .add_capabilities = {},
                                   .drop_capabilities = {},
                                   .input = std::nullopt};
    return runner_->run(container, on_line, stop);
  }

 private:
  base::TempDir folder_;
  std::unique_ptr<oci::ContainerRunner> runner_;
};

/// One build, and all the files it needs.
class KanikoRun {
 public:
  KanikoRun(const StageContext& context, const ImageBuild& build,
            const KanikoEngine::Options& options)
      : context_(context),
        build_(build),
        root_(options),
        registries_(options.knowledge, images_of(build), context.stop) {}

  oci::Descriptor run() {
    write_inputs();
    auto words = command();
    const auto result = root_.run(
        std::move(words), environment_,
        {bind(build_.context.empty() ? root_.beside("empty") : build_.context, kContext, true),
         bind(root_.beside("layout"), kLayout, false)},
        [&](std::string_view line) { context_.observer.output(line); }, context_.stop);
    if (result.exit_status != 0) {
      throw base::Error({.code = base::ErrorCode::kBuildStep,
                         .what = fmt::format("Kaniko could not build {}", build_.dockerfile_name),
                         .why = fmt::format("exit status {}{}{}", result.exit_status,
                                            result.tail.empty() ? "" : "\n    ",
                                            fmt::join(result.tail, "\n    ")),
                         .hint = ""});
    }
    return oci::import_image(context_.store,
                             {.format = oci::ImageLocation::Format::kOciLayout,
                              .path = root_.beside("layout"),
                              .name = ""},
                             build_.platform, context_.stop);
  }

 private:
  static oci::ContainerMount bind(fs::path source, const char* target, bool read_only) {
    return {.kind = oci::ContainerMount::Kind::kBind,
            .source = std::move(source),
            .target = target,
            .read_only = read_only,
            .bytes = 0};
  }

  void write_inputs() {
    for (const auto& folder :
         {root_.beside("empty"), root_.beside("layout"), root_.inside(kCredentials),
          root_.inside(kDockerfile).parent_path(), root_.inside(kTrust)}) {
      base::make_directories(folder);
    }
    write_private_file(root_.inside(kDockerfile), build_.dockerfile);
    std::string ignored;
    for (const auto& line : build_.ignore) ignored += line + "\n";
    write_private_file(root_.inside((std::string(kDockerfile) + ".dockerignore").c_str()), ignored);
    write_private_file(root_.inside(kCredentials) / "config.json",
                       registries_.docker_config().reveal());
    auto bundle = registries_.certificates();
    if (bundle.empty()) {
      bundle = base::read_file_if_exists(base::system_ca_bundle(), kMaxBundleBytes).value_or("");
    }
    write_private_file(root_.inside(kTrust) / "ca.pem", bundle);
    environment_ = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/kaniko",
                    "HOME=/root", "USER=root", std::string("DOCKER_CONFIG=") + kCredentials,
                    std::string("SSL_CERT_FILE=") + kTrust + "/ca.pem"};
  }

  std::vector<std::string> command() {
    std::vector<std::string> words = {"--force",
                                      std::string("--context=dir://") + kContext,
                                      std::string("--dockerfile=") + kDockerfile,
                                      "--no-push",
                                      std::string("--oci-layout-path=") + kLayout,
                                      "--custom-platform=" + build_.platform.text(),
                                      "--log-format=text",
                                      "--log-timestamp=false"};
    if (!build_.target.empty()) words.push_back("--target=" + build_.target);
    if (build_.layer_format == oci::LayerFormat::kZstd) words.emplace_back("--compression=zstd");
    if (build_.epoch) words.emplace_back("--reproducible");  // It knows no other time than 0.
    for (const auto& [name, value] : build_.labels) {
      words.push_back(fmt::format("--label={}={}", name, value));
    }
    auto arguments = argument_flags(build_);
    words.insert(words.end(), arguments.flags.begin(), arguments.flags.end());
    environment_.insert(environment_.end(), arguments.environment.begin(),
                        arguments.environment.end());
    for (const auto& host : registries_.hosts()) {
      if (!host.insecure) continue;
      words.push_back("--insecure-registry=" + host.name);
      words.push_back("--skip-tls-verify-registry=" + host.name);
    }
    for (const auto& redirection : registries_.redirections()) {
      context_.observer.warning(fmt::format(
          "Kaniko is not told of mirrors: it takes {} from where its name says", redirection.name));
    }
    return words;
  }

  const StageContext& context_;
  const ImageBuild& build_;
  KanikoRoot root_;
  ToolRegistries registries_;
  std::vector<std::string> environment_;
};

}  // namespace

void KanikoEngine::check(base::ProcessRunner& /*process*/, const ImageBuild& build) const {
  refuse_caches(name(), build);
  find_kaniko();
  if (!build.secrets.empty() || !build.ssh.empty()) {
    throw base::Error({.code = base::ErrorCode::kUnsupported,
                       .what = "Kaniko cannot give a secret to a build",
                       .why = "it does not know RUN --mount=type=secret and type=ssh",
                       .hint = "use --image-engine native or buildah"});
  }
  const auto said = KanikoRoot(options_).run({"version"}, {}, {}, {}, {});
  check_version("Kaniko", said.standard_output, kLeast);
}

oci::Descriptor KanikoEngine::build(const StageContext& context, const ImageBuild& build) const {
  return KanikoRun(context, build, options_).run();
}

}  // namespace stages
