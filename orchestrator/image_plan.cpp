// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/image_plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>

#include "base/error.hpp"
#include "orchestrator/build_context.hpp"
#include "orchestrator/build_definition.hpp"
#include "orchestrator/container_environment.hpp"
#include "orchestrator/supply_chain.hpp"
#include "stages/file_digest.hpp"
#include "stages/pull_stage.hpp"
#include "stages/push_stage.hpp"

namespace orchestrator {
namespace {

class ImagePlanner {
 public:
  ImagePlanner(Session& session, BuildPlan& build, const BuildRequest& request,
               const manifest::OSArtifact& artifact, const std::string& where)
      : session_(session),
        build_(build),
        request_(request),
        artifact_(artifact),
        spec_(artifact.image),
        where_(where) {}

  PlannedImage plan() {
    planned_.platform = wanted_platform();
    if (spec_.ref.empty()) {
      plan_building();
      if (spec_.push) plan_push();
    } else {
      plan_pull();
    }
    return std::move(planned_);
  }

 private:
  oci::Platform wanted_platform() const {
    const auto& flag = session_.options().arch;
    const auto field = artifact_.artifacts ? artifact_.artifacts->arch : std::string();
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

  /// The folders with CA certificates that the manifest names, for every registry of the image.
  std::vector<std::filesystem::path> certificates() {
    const auto& volume = spec_.ca_certificates_volume;
    if (volume.empty() || session_.options().offline) return {};
    return {build_.volumes->folder(artifact_, volume, "spec.image.caCertificatesVolume")};
  }

  std::vector<oci::PullPlace> places_of(const oci::Reference& reference) {
    if (session_.options().offline) return {};
    return session_.places_for(reference);
  }

  std::int64_t epoch(std::int64_t created) const {
    return session_.source_date_epoch().value_or(created);
  }

  void plan_pull() {
    const auto reference = oci::Reference::parse(spec_.ref);
    std::set<std::string> insecure;
    if (spec_.pull_insecure_registry) insecure.insert(reference.registry);
    const auto access =
        session_.access({.secrets = build_.secrets->pull_credentials(artifact_, session_),
                         .insecure = insecure,
                         .ca_dirs = certificates(),
                         .proxies = {}});
    auto& store = session_.store();
    const auto& platform = planned_.platform;
    auto image = session_.options().offline ? oci::resolve_offline(store, reference, platform)
                                            : oci::resolve_image(*access.registry, store, reference,
                                                                 platform, session_.stop());
    const auto config =
        oci::fetch_config(*access.registry, store, reference, image, platform, session_.stop());
    planned_.reference = spec_.ref;
    planned_.name = reference.tag.empty() ? reference.name() + ":latest"
                                          : reference.name() + ":" + reference.tag;
    planned_.epoch = epoch(config.created);
    planned_.platform = config.platform;
    planned_.bases.push_back({reference, image, places_of(reference)});
    planned_.accesses.push_back({"pull", reference, false, access.keychain});
    planned_.stage = add(std::make_shared<stages::PullStage>(
                             stages::PullStage::Options{.reference = reference,
                                                        .image = std::move(image),
                                                        .platform = platform,
                                                        .parallel = session_.jobs() * 2,
                                                        .offline = session_.options().offline,
                                                        .stack_along = session_.may_mount(),
                                                        .layers = session_.layer_options()}),
                         access.registry, {}, false);
  }

  void plan_building() {
    planned_.built = true;
    planned_.reference = spec_.build_image
                             ? oci::Reference::parse(spec_.build_image->reference()).text()
                             : fmt::format("localhost/{}:latest", artifact_.name);
    planned_.name = planned_.reference;
    auto request = image_request();
    std::set<std::string> insecure;
    for (const auto& image : request.outline.images) {
      if (spec_.pull_insecure_registry) {
        insecure.insert(oci::Reference::parse(image.name).registry);
      }
    }
    const auto access = session_.access({.secrets = build_.secrets->image_credentials(artifact_),
                                         .insecure = insecure,
                                         .ca_dirs = certificates(),
                                         .proxies = proxies()});
    auto planned = plan_image_build(session_, std::move(request), access);
    planned_.epoch = epoch(planned.created);
    planned_.bases = std::move(planned.bases);
    for (const auto& base : planned_.bases) {
      planned_.accesses.push_back({"build-image", base.reference, false, access.keychain});
    }
    const bool only_built = !artifact_.artifacts && !spec_.push;
    planned_.stage =
        add(planned.stage, session_.options().offline ? nullptr : access.registry, {}, only_built);
  }

  void plan_push() {
    const auto destination = oci::Reference::parse(planned_.reference);
    if (session_.options().offline) {
      throw base::Error({.code = base::ErrorCode::kUsage,
                         .what = fmt::format("cannot push {} with --offline", destination.text()),
                         .why = "spec.image.push is true",
                         .hint = "leave one of them out"});
    }
    std::set<std::string> insecure;
    if (spec_.push_insecure_registry) insecure.insert(destination.registry);
    const auto access = session_.access({.secrets = build_.secrets->image_credentials(artifact_),
                                         .insecure = insecure,
                                         .ca_dirs = certificates(),
                                         .proxies = proxies(),
                                         .verify = false});
    planned_.accesses.push_back({"push", destination, true, access.keychain});
    const auto push = add(std::make_shared<stages::PushStage>(stages::PushStage::Options{
                              .destination = destination, .parallel = session_.jobs() * 2}),
                          access.registry, {{"image", planned_.stage}}, true);
    plan_attestations(
        session_, build_.plan,
        {.artifact = artifact_.name,
         .where = where_,
         .image = planned_.stage,
         .push = push,
         .destination = destination,
         .registry = access.registry,
         .sbom_file = request_.output / (artifact_.name + "-image.spdx.json"),
         .epoch = planned_.epoch,
         .provenance = provenance_of(
             {{"osArtifact", artifact_.name}, {"image", planned_.reference}}, planned_.bases)});
  }

  /// spec.image.buildEnv, by name.
  const std::map<std::string, ContainerVariable>& environment() {
    if (environment_) return *environment_;
    auto& known = environment_.emplace();
    for (auto& variable : read_environment(*build_.secrets, build_.documents, artifact_,
                                           spec_.build_env, "spec.image.buildEnv")) {
      known.emplace(variable.name, std::move(variable));
    }
    return known;
  }

  base::Environment proxies() {
    base::Environment found;
    for (const auto& [name, variable] : environment()) {
      if (stages::is_proxy_argument(name)) found.emplace(name, variable.value.reveal());
    }
    return found;
  }

  ImageRequest image_request() {
    auto definition = read_build_definition(session_, *build_.secrets, artifact_);
    ImageRequest request;
    auto& build = request.build;
    build.dockerfile = definition.text;
    build.dockerfile_name = definition.name;
    build.platform = planned_.platform;
    build.epoch = session_.source_date_epoch();
    build.use_cache = !session_.options().no_cache;
    add_caches(request_.cache_from, request_.cache_to, build);
    build.may_mount = session_.may_mount();
    build.threads = session_.jobs();
    build.layer_format = session_.layer_format();
    request.hidden = definition.secrets;
    add_arguments(definition, request);
    request.outline = stages::dockerfile::outline_of(build);
    add_context(request);
    request.names = {planned_.reference};
    return request;
  }

  /// The arguments of buildOptions, over them those of buildEnv, over them those of the command
  /// line. Proxies are for every RUN and for us; what comes from a Secret can be mounted by a RUN;
  /// the rest goes to the ARG of its name.
  void add_arguments(const BuildDefinition& definition, ImageRequest& request) {
    auto& build = request.build;
    const auto declared_names = stages::dockerfile::declarations_of(build);
    for (const auto line : declared_names.from_lines) definition.check_from(line);
    build.build_args = definition.arguments;
    build.build_args.merge(proxy_arguments(session_.environment().variables));
    add_environment(declared_names.arguments, request);
    for (const auto& [name, value] : request_.build_args) {
      build.build_args.insert_or_assign(name, value);
    }
  }

  void add_environment(const std::set<std::string>& arguments, ImageRequest& request) {
    auto& build = request.build;
    for (const auto& [name, variable] : environment()) {
      if (variable.is_secret) request.hidden.push_back(variable.value);
      const bool declared = arguments.contains(name);
      if (stages::is_proxy_argument(name)) {
        build.build_args.insert_or_assign(name, variable.value.reveal());
      } else if (variable.is_secret) {
        build.secrets.push_back({name, variable.value});
        if (!declared) continue;
        session_.warn(
            fmt::format("{}: ARG {} is not given spec.image.buildEnv's value, which comes from a "
                        "Secret: RUN --mount=type=secret,id={} sees it, and no layer keeps it",
                        build.dockerfile_name, name, name));
      } else if (declared) {
        build.build_args.emplace(name, variable.value.reveal());
      } else {
        session_.warn(
            fmt::format("spec.image.buildEnv: {} reaches nothing: {} has no ARG of that "
                        "name",
                        name, build.dockerfile_name));
      }
    }
  }

  void add_context(ImageRequest& request) {
    const std::string field = "spec.image.ociSpec.buildContextVolume";
    const auto volume = spec_.oci_spec ? spec_.oci_spec->build_context_volume : std::string();
    if (volume.empty()) return;
    request.build.context = build_.volumes->folder(artifact_, volume, field);
    request.build.ignore = ignore_lines(request.build.context, {});
    warn_of_credentials(session_, request.build.context);
    request.context_digest = build_.volumes->is_made(request.build.context)
                                 ? stages::digest_of_folder(request.build.context).text()
                                 : stages::digest_of_metadata(request.build.context).text();
  }

  std::size_t add(std::shared_ptr<const stages::Stage> stage,
                  std::shared_ptr<oci::Registry> registry,
                  const std::map<std::string, std::size_t>& inputs, bool goal) {
    return build_.plan.add(artifact_.name, where_, std::move(stage), std::move(registry), inputs,
                           goal);
  }

  Session& session_;
  BuildPlan& build_;
  const BuildRequest& request_;
  const manifest::OSArtifact& artifact_;
  const manifest::ImageSpec& spec_;
  const std::string& where_;
  std::optional<std::map<std::string, ContainerVariable>> environment_;
  PlannedImage planned_;
};

}  // namespace

PlannedImage plan_image(Session& session, BuildPlan& build, const BuildRequest& request,
                        const manifest::OSArtifact& artifact, const std::string& where) {
  return ImagePlanner(session, build, request, artifact, where).plan();
}

}  // namespace orchestrator
