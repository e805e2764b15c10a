// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/supply_chain.hpp"

#include <fmt/format.h>

#include "base/base64.hpp"
#include "base/files.hpp"
#include "oci/envelope.hpp"
#include "stages/supply_chain/attest_stage.hpp"
#include "stages/supply_chain/sbom_stage.hpp"
#include "stages/unpack_stage.hpp"

namespace orchestrator {
namespace {

namespace supply_chain = stages::supply_chain;

constexpr std::size_t kMaxChecksumsBytes = 1U << 20U;
constexpr int kJsonIndent = 2;

std::string tool_name() { return fmt::format("osartifact-{}", OSARTIFACT_VERSION); }

/// The image alone, without what an OSArtifact lays over it.
std::size_t plan_image_tree(const Session& session, Plan& plan, const PlannedPush& push) {
  stages::UnpackStage::Options options;
  options.may_mount = session.may_mount();
  options.changes.epoch = push.epoch;
  options.layers = session.layer_options();
  return plan.add(push.artifact, push.where,
                  std::make_shared<stages::UnpackStage>(std::move(options)), nullptr,
                  {{"image", push.image}}, false);
}

}  // namespace

std::size_t plan_sbom(Plan& plan, const std::string& artifact, const std::string& where,
                      std::size_t unpack, const std::filesystem::path& file, std::int64_t epoch) {
  return plan.add(artifact, where,
                  std::make_shared<supply_chain::SbomStage>(supply_chain::SbomStage::Options{
                      .output = file,
                      .name = artifact.empty() ? "image" : artifact,
                      .tool = tool_name(),
                      .epoch = epoch}),
                  nullptr, {{"unpack", unpack}}, true);
}

void plan_attestations(Session& session, Plan& plan, const PlannedPush& push) {
  const auto& options = session.options();
  if (!options.sbom && !options.provenance && options.sign_key.empty()) return;
  supply_chain::AttestStage::Options wanted;
  wanted.destination = push.destination;
  wanted.key = session.signing_key();
  wanted.sbom = options.sbom;
  if (options.provenance) wanted.provenance = push.provenance;
  std::map<std::string, std::size_t> inputs = {{"image", push.image}, {"push", push.push}};
  if (options.sbom) {
    inputs["sbom"] = plan_sbom(plan, push.artifact, push.where,
                               plan_image_tree(session, plan, push), push.sbom_file, push.epoch);
  }
  plan.add(push.artifact, push.where,
           std::make_shared<supply_chain::AttestStage>(std::move(wanted)), push.registry, inputs,
           true);
}

nlohmann::json provenance_of(const nlohmann::json& parameters,
                             const std::vector<BaseOfBuild>& images) {
  supply_chain::Provenance provenance{.version = OSARTIFACT_VERSION,
                                      .parameters = parameters,
                                      .dependencies = {},
                                      .started = "",
                                      .finished = ""};
  for (const auto& image : images) {
    provenance.dependencies.push_back(
        {"docker://" + image.reference.text(), image.image.descriptor.digest});
  }
  return supply_chain::predicate_of(provenance);
}

void write_provenance(Session& session, const ArtifactsProvenance& provenance) {
  const auto key = session.signing_key();
  const auto file = [&](std::string_view ending) {
    return provenance.folder / fmt::format("{}{}", provenance.name, ending);
  };
  if (session.options().provenance && !provenance.files.empty()) {
    const auto statement = supply_chain::statement(
        provenance.files, supply_chain::kProvenancePredicate, provenance.predicate);
    base::write_file_atomically(file(".provenance.json"), statement.dump(kJsonIndent) + "\n");
    if (key) {
      base::write_file_atomically(file(".intoto.jsonl"),
                                  oci::sealed(statement.dump(), *key) + "\n");
    }
  }
  if (!key) return;
  const auto checksums = base::read_file(file(".sha256"), kMaxChecksumsBytes);
  base::write_file_atomically(file(".sha256.sig"),
                              base::base64_encode(key->sign(checksums)) + "\n");
}

}  // namespace orchestrator
