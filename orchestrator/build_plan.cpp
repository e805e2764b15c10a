// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/build_plan.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <istream>
#include <iterator>
#include <ostream>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/resource_limits.hpp"
#include "orchestrator/artifact_engines.hpp"
#include "orchestrator/artifact_kinds.hpp"
#include "orchestrator/image_plan.hpp"
#include "orchestrator/manifest/cloud_config.hpp"
#include "orchestrator/manifest/support.hpp"
#include "orchestrator/supply_chain.hpp"
#include "orchestrator/termination_log.hpp"
#include "orchestrator/tool_plan.hpp"
#include "stages/file_digest.hpp"
#include "stages/image_archive_stage.hpp"
#include "stages/pull_stage.hpp"
#include "stages/unpack_stage.hpp"

namespace orchestrator {
namespace {

std::string read_input(Session& session, const std::string& file) {
  if (file != "-") return base::read_file(file, manifest::kMaxManifestBytes);
  std::string text;
  char buffer[4096];
  auto& in = session.environment().in;
  while (text.size() <= manifest::kMaxManifestBytes &&
         (in.read(buffer, sizeof(buffer)) || in.gcount() > 0)) {
    text.append(buffer, static_cast<std::size_t>(in.gcount()));
  }
  return text;  // One byte too many is for the reader to refuse.
}

void require_volume_flags(const Session& session, const std::string& file,
                          const manifest::Documents& documents) {
  const auto given = parse_volume_flags(session.options().volumes);
  std::vector<std::string> places;
  std::string flags;
  for (const auto& artifact : documents.artifacts) {
    for (const auto& volume : manifest::cluster_volumes(artifact)) {
      if (given.contains(volume.name)) continue;
      places.push_back(fmt::format("{}:{}:{}: volume '{}' is a {}", file, volume.position.line,
                                   volume.position.column, volume.name, volume.source));
      flags += fmt::format(" --volume {}=DIR", volume.name);
    }
  }
  if (places.empty()) return;
  throw base::Error({.code = base::ErrorCode::kUnsupported,
                     .what = fmt::format("{} reads volumes that only a cluster has", file),
                     .why = fmt::format("\n    {}", fmt::join(places, "\n    ")),
                     .hint = fmt::format("give their content with{}; nothing was started", flags)});
}

/// For messages.
std::string describe_place(const BuildPlan& build, const manifest::OSArtifact& artifact) {
  return fmt::format("OSArtifact '{}' ({}:{})", artifact.name, build.file, artifact.position.line);
}

/// Plans the stages of one OSArtifact.
class ArtifactPlanner {
 public:
  ArtifactPlanner(Session& session, BuildPlan& build, const BuildRequest& request,
                  PlannedArtifact& planned)
      : session_(session),
        build_(build),
        request_(request),
        artifact_(*planned.artifact),
        planned_(planned),
        where_(describe_place(build, artifact_)) {}

  void plan() {
    try {
      plan_stages();
    } catch (base::Error& error) {
      error.add_context("planning " + where_);
      throw;
    }
  }

 private:
  void plan_stages() {
    const auto first = build_.plan.stages.size();
    auto request = request_;
    request.output = planned_.output;
    planned_.image = plan_image(session_, build_, request, artifact_, where_);
    const auto& image = planned_.image;
    auto& stages = planned_.stages;
    stages.push_back(image.stage);
    if (artifact_.artifacts) {
      const auto bundles = plan_bundles(image.platform);
      stages.insert(stages.end(), bundles.begin(), bundles.end());
      const auto unpack = plan_unpack(image, bundles);
      stages.push_back(unpack);
      plan_artifacts(unpack, image, stages);
      if (session_.options().sbom) {
        stages.push_back(plan_sbom(build_.plan, artifact_.name, where_, unpack,
                                   planned_.output / (artifact_.name + ".spdx.json"), image.epoch));
      }
    }
    // Where nothing else would come out.
    const bool only_image = !artifact_.artifacts && !artifact_.image.push;
    if (request_.image_archive || only_image) stages.push_back(plan_image_archive(image));
    for (auto i = first; i < build_.plan.stages.size(); ++i) {
      if (std::find(stages.begin(), stages.end(), i) == stages.end()) stages.push_back(i);
    }
    std::sort(stages.begin(), stages.end());
  }

  /// The images of spec.artifacts.bundles, pulled with the credentials of the OSArtifact.
  std::vector<std::size_t> plan_bundles(const oci::Platform& platform) {
    std::vector<std::size_t> pulls;
    if (artifact_.artifacts->bundles.empty()) return pulls;
    const bool offline = session_.options().offline;
    std::set<std::string> insecure;
    for (const auto& text : artifact_.artifacts->bundles) {
      if (artifact_.image.pull_insecure_registry) {
        insecure.insert(oci::Reference::parse(text).registry);
      }
    }
    const auto registry = session_.registry(build_.secrets->pull_credentials(artifact_, session_),
                                            insecure, certificates());
    for (const auto& text : artifact_.artifacts->bundles) {
      const auto reference = oci::Reference::parse(text);
      const auto image = offline ? oci::resolve_offline(session_.store(), reference, platform)
                                 : oci::resolve_image(*registry, session_.store(), reference,
                                                      platform, session_.stop());
      pulls.push_back(
          build_.plan.add(artifact_.name, where_,
                          std::make_shared<stages::PullStage>(
                              stages::PullStage::Options{.reference = reference,
                                                         .image = image,
                                                         .platform = platform,
                                                         .parallel = session_.jobs() * 2,
                                                         .offline = offline,
                                                         .stack_along = false,
                                                         .layers = session_.layer_options()}),
                          registry, {}, false));
    }
    return pulls;
  }

  /// The folders with CA certificates that the manifest names.
  std::vector<std::filesystem::path> certificates() {
    const auto& volume = artifact_.image.ca_certificates_volume;
    if (volume.empty() || session_.options().offline) return {};
    return {build_.volumes->folder(artifact_, volume, "spec.image.caCertificatesVolume")};
  }

  std::size_t plan_unpack(const PlannedImage& image, const std::vector<std::size_t>& bundles) {
    const auto& spec = *artifact_.artifacts;
    stages::UnpackStage::Options options;
    options.may_mount = session_.may_mount();
    options.changes.epoch = image.epoch;
    options.bundles = bundles.size();
    options.layers = session_.layer_options();
    if (!spec.os_release.empty()) options.changes.os_release = spec.os_release;
    if (!spec.kairos_release.empty()) options.changes.kairos_release = spec.kairos_release;
    if (!spec.overlay_rootfs_volume.empty()) {
      const auto folder = build_.volumes->folder(artifact_, spec.overlay_rootfs_volume,
                                                 "spec.artifacts.overlayRootfsVolume");
      options.changes.overlay = folder;
      options.overlay_digest = stages::digest_of_folder(folder);
    }
    std::map<std::string, std::size_t> inputs = {{"image", image.stage}};
    for (std::size_t i = 0; i < bundles.size(); ++i) inputs[stages::bundle_input(i)] = bundles[i];
    return build_.plan.add(artifact_.name, where_,
                           std::make_shared<stages::UnpackStage>(std::move(options)), no_registry(),
                           inputs, false);
  }

  void plan_artifacts(std::size_t unpack, const PlannedImage& image,
                      std::vector<std::size_t>& stages) {
    const ArtifactInputs inputs{
        .artifact = artifact_,
        .where = where_,
        .unpack = unpack,
        .no_registry = no_registry(),
        .architecture = stages::parse_architecture(image.platform.architecture),
        .epoch = image.epoch,
        .cloud_config = cloud_config(),
        .output = planned_.output,
        .disk_firmware = stages::parse_disk_firmware(session_.options().disk_firmware),
        .tool = plan_artifact_tool(session_, build_, artifact_, where_),
        .jobs = session_.jobs(),
        .use_cache = !session_.options().no_cache,
        .memory_bytes = base::resource_limits().memory_bytes};
    for (const auto& kind : artifact_kinds()) {
      if (kind.wanted(*artifact_.artifacts)) {
        stages.push_back(kind.plan(build_.plan, inputs, *build_.volumes));
      }
    }
  }

  std::size_t plan_image_archive(const PlannedImage& image) {
    return build_.plan.add(
        artifact_.name, where_,
        std::make_shared<stages::ImageArchiveStage>(stages::ImageArchiveStage::Options{
            .output = planned_.output / (artifact_.name + ".tar"), .name = image.name}),
        no_registry(), {{"image", image.stage}}, true);
  }

  base::Secret cloud_config() const {
    const auto& selector = artifact_.artifacts->cloud_config_ref;
    if (!selector) return base::Secret();
    const std::string field = "spec.artifacts.cloudConfigRef";
    auto value = build_.secrets->value(artifact_, *selector, field);
    if (const auto problem = manifest::check_cloud_config(value.reveal())) {
      const auto position = artifact_.position_of(field);
      throw base::Error(
          {.code = base::ErrorCode::kManifest,
           .what = fmt::format("{}:{}:{}: {}: secret '{}' holds no valid cloud-config", build_.file,
                               position.line, position.column, field, selector->name),
           .why = fmt::format("line {}: {}", problem->position.line, problem->message),
           .hint = problem->hint});
    }
    return value;
  }

  /// For stages that must not see a credential. No request is ever made with it.
  std::shared_ptr<oci::Registry> no_registry() { return nullptr; }

  Session& session_;
  BuildPlan& build_;
  const BuildRequest& request_;
  const manifest::OSArtifact& artifact_;
  PlannedArtifact& planned_;
  std::string where_;
};

/// Where the artifacts go: -o, else the volume that the manifest names, else the working folder.
std::filesystem::path output_folder(const BuildPlan& build, const BuildRequest& request,
                                    const manifest::OSArtifact& artifact) {
  const std::string field = "spec.artifacts.volume";
  const bool has_volume = artifact.artifacts && !artifact.artifacts->volume.empty();
  if (!request.output.empty() || !has_volume) {
    return std::filesystem::absolute(request.output.empty() ? "." : request.output);
  }
  const auto& name = artifact.artifacts->volume;
  auto folder = build.volumes->folder(artifact, name, field);
  if (!build.volumes->is_made(folder)) return folder;
  const auto position = artifact.position_of(field);
  throw base::Error(
      {.code = base::ErrorCode::kManifest,
       .what = fmt::format("{}:{}:{}: {}: nothing in volume '{}' would outlive this build",
                           build.file, position.line, position.column, field, name),
       .why = fmt::format("it is of the kind '{}'", artifact.find_volume(name)->source),
       .hint = fmt::format("name a folder with -o DIR, or with --volume {}=DIR", name)});
}

}  // namespace

manifest::ManifestResult load_manifest_file(Session& session, const std::string& file) {
  auto text = read_input(session, file);
  auto result = manifest::load_manifest(text, file == "-" ? "(standard input)" : file);
  base::wipe(text);
  return result;
}

std::size_t show_diagnostics(Session& session, const manifest::ManifestResult& result) {
  std::size_t errors = 0;
  for (const auto& diagnostic : result.diagnostics) {
    session.environment().err << manifest::render(diagnostic) << '\n';
    errors += diagnostic.severity == manifest::Severity::kError ? 1 : 0;
  }
  return errors;
}

namespace {

/// The errors among the diagnostics, as they are shown.
std::string rendered_errors(const manifest::ManifestResult& result) {
  std::string text;
  for (const auto& diagnostic : result.diagnostics) {
    if (diagnostic.severity != manifest::Severity::kError) continue;
    text += (text.empty() ? "" : "\n") + manifest::render(diagnostic);
  }
  return text;
}

}  // namespace

manifest::ManifestResult read_manifest_file(Session& session, const std::string& file) {
  auto result = load_manifest_file(session, file);
  const auto errors = show_diagnostics(session, result);
  if (errors == 0) return result;
  throw ErrorAfterLines(
      {.code = base::ErrorCode::kManifest,
       .what = fmt::format("{} is not valid: {} error{}", file == "-" ? "(standard input)" : file,
                           errors, errors == 1 ? "" : "s"),
       .why = "",
       .hint = "mend what is shown above; osartifact validate shows it again"},
      rendered_errors(result));
}

std::unique_ptr<BuildPlan> make_build_plan(Session& session, const BuildRequest& request,
                                           const RunImporters& run_importers) {
  auto build = std::make_unique<BuildPlan>();
  build->file = request.file == "-" ? "(standard input)" : request.file;
  build->documents = read_manifest_file(session, request.file).documents;
  if (build->documents.artifacts.empty()) {
    throw base::Error({.code = base::ErrorCode::kManifest,
                       .what = fmt::format("there is no OSArtifact in {}", build->file),
                       .why = "",
                       .hint = "osartifact run does a NodeOp or a NodeOpUpgrade on this node"});
  }
  require_volume_flags(session, build->file, build->documents);
  build->secrets = std::make_unique<SecretFinder>(session, build->documents, build->file);
  build->volumes = std::make_unique<VolumeFolders>(session, build->documents, *build->secrets);
  for (const auto& artifact : build->documents.artifacts) {
    auto& planned = build->artifacts.emplace_back();
    planned.artifact = &artifact;
    planned.output = output_folder(*build, request, artifact);
    plan_tools(session, *build, artifact, planned.output, describe_place(*build, artifact));
  }
  if (run_importers && !build->imports.stages.empty()) run_importers(*build);
  for (auto& planned : build->artifacts) {
    ArtifactPlanner(session, *build, request, planned).plan();
  }
  return build;
}

}  // namespace orchestrator
