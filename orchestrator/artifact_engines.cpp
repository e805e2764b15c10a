// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/artifact_engines.hpp"

#include "base/error.hpp"
#include "oci/pull.hpp"
#include "stages/auroraboot/auroraboot_stage.hpp"
#include "stages/pull_stage.hpp"

namespace orchestrator {
namespace {

constexpr const char* kNative = "native";
constexpr const char* kAuroraBoot = "auroraboot";

PlannedTool plan_program(Session& session) {
  const auto program = base::find_program(kAuroraBoot);
  if (!program) {
    throw base::Error({.code = base::ErrorCode::kArtifactTool,
                       .what = "AuroraBoot is needed and is not on PATH",
                       .why = "--artifact-engine is auroraboot",
                       .hint = "install it, or let its image be run: --artifact-engine-image "
                               "quay.io/kairos/auroraboot:TAG"});
  }
  stages::check_auroraboot(session.process(), *program);
  return {.tool = stages::make_program_tool(*program, session.may_mount()), .pull = std::nullopt};
}

PlannedTool plan_image(Session& session, BuildPlan& build, const manifest::OSArtifact& artifact,
                       const std::string& where) {
  const bool offline = session.options().offline;
  const auto reference = oci::Reference::parse(session.options().artifact_engine_image);
  const auto platform = oci::Platform::host();
  const auto registry =
      offline ? nullptr
              : session.registry(build.secrets->tool_credentials(artifact, {}, session), {});
  const auto image =
      offline ? oci::resolve_offline(session.store(), reference, platform)
              : oci::resolve_image(*registry, session.store(), reference, platform, session.stop());
  const auto pull = build.plan.add(artifact.name, where,
                                   std::make_shared<stages::PullStage>(stages::PullStage::Options{
                                       .reference = reference,
                                       .image = image,
                                       .platform = platform,
                                       .parallel = session.jobs() * 2,
                                       .offline = offline,
                                       .stack_along = false,
                                       .layers = session.layer_options()}),
                                   registry, {}, false);
  return {.tool = stages::make_image_tool(
              {.reference = reference,
               .image = image,
               .command = {kAuroraBoot},
               .may_mount = session.may_mount(),
               .make_runner = [&session] { return session.make_container_runner(); }}),
          .pull = pull};
}

}  // namespace

std::vector<std::string> artifact_engine_names() { return {kNative, kAuroraBoot}; }

PlannedTool plan_artifact_tool(Session& session, BuildPlan& build,
                               const manifest::OSArtifact& artifact, const std::string& where) {
  if (session.options().artifact_engine == kNative) return {};
  return session.options().artifact_engine_image.empty()
             ? plan_program(session)
             : plan_image(session, build, artifact, where);
}

}  // namespace orchestrator
