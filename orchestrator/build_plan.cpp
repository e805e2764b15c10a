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
#include "orchestrator/artifact_kinds.hpp"
#include "orchestrator/manifest/cloud_config.hpp"
#include "orchestrator/manifest/support.hpp"
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

void refuse_unsupported(const Session& session, const std::string& file,
                        const manifest::Documents& documents) {
  const auto given = parse_volume_flags(session.options().volumes);
  std::vector<std::string> fields;
  for (const auto& artifact : documents.artifacts) {
    for (const auto& field : manifest::unsupported_fields(artifact)) {
      if (!field.volume.empty() && given.contains(field.volume)) continue;
      fields.push_back(fmt::format("{}:{}:{}: {} ({})", file, field.position.line,
                                   field.position.column, field.path, field.feature));
    }
  }
  if (fields.empty()) return;
  throw base::Error({.code = base::ErrorCode::kUnsupported,
                     .what = fmt::format("{} asks for what this version does not do", file),
                     .why = fmt::format("it is valid, but not executed yet:\n    {}",
                                        fmt::join(fields, "\n    ")),
                     .hint = "leave these fields out; nothing was started"});
}

/// For messages.
std::string describe_place(const BuildPlan& build, const manifest::OSArtifact& artifact) {
  return fmt::format("OSArtifact '{}' ({}:{})", artifact.name, build.file, artifact.position.line);
}

/// Plans the stages of one OSArtifact.
class ArtifactPlanner {
 public:
  ArtifactPlanner(Session& session, BuildPlan& build, const manifest::OSArtifact& artifact,
                  std::filesystem::path output, bool image_archive)
      : session_(session),
        build_(build),
        artifact_(artifact),
        output_(std::move(output)),
        image_archive_(image_archive) {
    where_ = describe_place(build, artifact);
  }

  PlannedArtifact plan() {
    try {
      return plan_stages();
    } catch (base::Error& error) {
      error.add_context("planning " + where_);
      throw;
    }
  }

 private:
  PlannedArtifact plan_stages() {
    const auto reference = oci::Reference::parse(artifact_.image.ref);
    const auto registry = session_.registry(build_.secrets->pull_credentials(artifact_, session_),
                                            insecure_hosts(), certificates());
    const auto platform = wanted_platform();
    auto& store = session_.store();
    PlannedArtifact planned{
        .artifact = &artifact_,
        .image = session_.options().offline
                     ? oci::resolve_offline(store, reference, platform)
                     : oci::resolve_image(*registry, store, reference, platform, session_.stop()),
        .places = places_of(reference),
        .stages = {}};
    const auto config =
        oci::fetch_config(*registry, store, reference, planned.image, platform, session_.stop());
    const auto first = build_.plan.stages.size();
    const auto pull =
        build_.plan.add(artifact_.name, where_,
                        std::make_shared<stages::PullStage>(
                            stages::PullStage::Options{.reference = reference,
                                                       .image = planned.image,
                                                       .platform = platform,
                                                       .parallel = session_.jobs() * 2,
                                                       .offline = session_.options().offline,
                                                       .stack_along = session_.may_mount()}),
                        registry, {}, false);
    planned.stages = plan_bundles(platform);
    const auto unpack = plan_unpack(pull, planned.stages, epoch_of(config));
    planned.stages.insert(planned.stages.begin(), {pull, unpack});
    plan_artifacts(unpack, config, planned.stages);
    if (image_archive_) planned.stages.push_back(plan_image_archive(pull, reference));
    for (auto i = first; i < build_.plan.stages.size(); ++i) {
      if (std::find(planned.stages.begin(), planned.stages.end(), i) == planned.stages.end()) {
        planned.stages.push_back(i);
      }
    }
    std::sort(planned.stages.begin(), planned.stages.end());
    return planned;
  }

  /// The registry of the image, where the manifest allows it to be insecure.
  std::set<std::string> insecure_hosts() const {
    if (!artifact_.image.pull_insecure_registry) return {};
    return {oci::Reference::parse(artifact_.image.ref).registry};
  }

  std::vector<oci::PullPlace> places_of(const oci::Reference& reference) {
    if (session_.options().offline) return {};
    return session_.places_for(reference);
  }

  /// The folders with CA certificates that the manifest names, for every registry of the image.
  std::vector<std::filesystem::path> certificates() {
    const auto& volume = artifact_.image.ca_certificates_volume;
    if (volume.empty() || session_.options().offline) return {};
    return {build_.volumes->folder(artifact_, volume, "spec.image.caCertificatesVolume")};
  }

  oci::Platform wanted_platform() const {
    const auto& flag = session_.options().arch;
    const auto& field = artifact_.artifacts->arch;
    if (!flag.empty() && !field.empty() &&
        oci::Platform::parse(flag) != oci::Platform::parse(field)) {
      throw base::Error({.code = base::ErrorCode::kUsage,
                         .what = fmt::format("--arch {} contradicts the manifest", flag),
                         .why = fmt::format("spec.artifacts.arch is {}", field),
                         .hint = "leave one of them out"});
    }
    if (!field.empty()) return oci::Platform::parse(field);
    return flag.empty() ? oci::Platform::host() : oci::Platform::parse(flag);
  }

  std::int64_t epoch_of(const oci::ImageConfig& config) const {
    return session_.source_date_epoch().value_or(config.created);
  }

  /// The images of spec.artifacts.bundles, pulled with the credentials of the OSArtifact.
  std::vector<std::size_t> plan_bundles(const oci::Platform& platform) {
    std::vector<std::size_t> pulls;
    if (artifact_.artifacts->bundles.empty()) return pulls;
    const bool offline = session_.options().offline;
    const auto registry = session_.registry(build_.secrets->pull_credentials(artifact_, session_),
                                            insecure_hosts(), certificates());
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
                                                         .stack_along = false}),
                          registry, {}, false));
    }
    return pulls;
  }

  std::size_t plan_unpack(std::size_t pull, const std::vector<std::size_t>& bundles,
                          std::int64_t epoch) {
    const auto& spec = *artifact_.artifacts;
    stages::UnpackStage::Options options;
    options.may_mount = session_.may_mount();
    options.changes.epoch = epoch;
    options.bundles = bundles.size();
    if (!spec.os_release.empty()) options.changes.os_release = spec.os_release;
    if (!spec.kairos_release.empty()) options.changes.kairos_release = spec.kairos_release;
    if (!spec.overlay_rootfs_volume.empty()) {
      const auto folder = build_.volumes->folder(artifact_, spec.overlay_rootfs_volume,
                                                 "spec.artifacts.overlayRootfsVolume");
      options.changes.overlay = folder;
      options.overlay_digest = stages::digest_of_folder(folder);
    }
    std::map<std::string, std::size_t> inputs = {{"pull", pull}};
    for (std::size_t i = 0; i < bundles.size(); ++i) inputs[stages::bundle_input(i)] = bundles[i];
    return build_.plan.add(artifact_.name, where_,
                           std::make_shared<stages::UnpackStage>(std::move(options)), no_registry(),
                           inputs, false);
  }

  void plan_artifacts(std::size_t unpack, const oci::ImageConfig& config,
                      std::vector<std::size_t>& stages) {
    const ArtifactInputs inputs{
        .artifact = artifact_,
        .where = where_,
        .unpack = unpack,
        .no_registry = no_registry(),
        .architecture = stages::parse_architecture(config.platform.architecture),
        .epoch = epoch_of(config),
        .cloud_config = cloud_config(),
        .output = output_,
        .disk_firmware = stages::parse_disk_firmware(session_.options().disk_firmware),
        .jobs = session_.jobs()};
    for (const auto& kind : artifact_kinds()) {
      if (kind.wanted(*artifact_.artifacts)) {
        stages.push_back(kind.plan(build_.plan, inputs, *build_.volumes));
      }
    }
  }

  std::size_t plan_image_archive(std::size_t pull, const oci::Reference& reference) {
    return build_.plan.add(
        artifact_.name, where_,
        std::make_shared<stages::ImageArchiveStage>(stages::ImageArchiveStage::Options{
            .output = output_ / (artifact_.name + ".tar"),
            .name = reference.tag.empty() ? reference.name() + ":latest"
                                          : reference.name() + ":" + reference.tag}),
        no_registry(), {{"pull", pull}}, true);
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
  const manifest::OSArtifact& artifact_;
  std::filesystem::path output_;
  bool image_archive_;
  std::string where_;
};

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

manifest::ManifestResult read_manifest_file(Session& session, const std::string& file) {
  auto result = load_manifest_file(session, file);
  const auto errors = show_diagnostics(session, result);
  if (errors == 0) return result;
  throw base::Error(
      {.code = base::ErrorCode::kManifest,
       .what = fmt::format("{} is not valid: {} error{}", file == "-" ? "(standard input)" : file,
                           errors, errors == 1 ? "" : "s"),
       .why = "",
       .hint = "mend what is shown above; osartifact validate shows it again"});
}

std::unique_ptr<BuildPlan> make_build_plan(Session& session, const std::string& file,
                                           const std::filesystem::path& output, bool image_archive,
                                           const RunImporters& run_importers) {
  auto build = std::make_unique<BuildPlan>();
  build->file = file == "-" ? "(standard input)" : file;
  build->documents = read_manifest_file(session, file).documents;
  refuse_unsupported(session, build->file, build->documents);
  build->secrets = std::make_unique<SecretFinder>(session, build->documents, build->file);
  build->volumes = std::make_unique<VolumeFolders>(session, build->documents, *build->secrets);
  for (const auto& artifact : build->documents.artifacts) {
    plan_tools(session, *build, artifact, std::filesystem::absolute(output),
               describe_place(*build, artifact));
  }
  if (run_importers && !build->imports.stages.empty()) run_importers(*build);
  for (const auto& artifact : build->documents.artifacts) {
    build->artifacts.push_back(
        ArtifactPlanner(session, *build, artifact, std::filesystem::absolute(output), image_archive)
            .plan());
  }
  return build;
}

}  // namespace orchestrator
