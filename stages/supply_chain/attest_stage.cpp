// SPDX-License-Identifier: Apache-2.0
#include "stages/supply_chain/attest_stage.hpp"

#include <fmt/format.h>

#include "base/files.hpp"
#include "oci/attachment.hpp"
#include "oci/image_signature.hpp"
#include "stages/image_record.hpp"
#include "stages/supply_chain/statement.hpp"

namespace stages::supply_chain {
namespace {

constexpr std::size_t kMaxSbomBytes = 256U << 20U;
constexpr const char* kSpdxMediaType = "application/spdx+json";
constexpr const char* kPredicateAnnotation = "in-toto.io/predicate-type";

}  // namespace

std::vector<std::string> AttestStage::inputs() const {
  if (options_.sbom) return {"image", "push", "sbom"};
  return {"image", "push"};
}

nlohmann::json AttestStage::parameters() const {
  return {{"destination", options_.destination.text()},
          {"key", options_.key ? options_.key->name() : ""},
          {"provenance", options_.provenance}};
}

bool AttestStage::still_valid(const Record& /*record*/, const oci::Store& /*store*/) const {
  return false;
}

Record AttestStage::run(const StageContext& context, const Inputs& inputs,
                        const oci::Digest& /*fingerprint*/) const {
  const auto image = image_of(inputs.at("image"));
  const auto& place = options_.destination;
  const auto& key = options_.key;
  auto& registry = *context.registry;
  auto attached = nlohmann::json::array();
  const auto attach = [&](const oci::Attachment& attachment, const std::string& name) {
    const auto manifest =
        oci::attach(registry, context.store, place, image, attachment, context.stop);
    attached.push_back(manifest.digest.text());
    context.observer.fact(fmt::format("{} attached: {}", name, manifest.digest.text()));
  };
  const auto attest = [&](std::string_view predicate_type, nlohmann::json predicate) {
    const auto text =
        statement({{place.name(), image.digest}}, predicate_type, std::move(predicate)).dump();
    if (key) {
      oci::attest_image(registry, context.store, place, image.digest, text, *key, context.stop);
    }
    return text;
  };
  if (options_.sbom) {
    const auto file = inputs.at("sbom").at("path").get<std::string>();
    auto document = base::read_file(file, kMaxSbomBytes);
    attest(kSpdxPredicate, nlohmann::json::parse(document));
    attach({.artifact_type = kSpdxMediaType,
            .media_type = kSpdxMediaType,
            .content = std::move(document),
            .annotations = {}},
           "SBOM");
  }
  if (!options_.provenance.is_null()) {
    attach({.artifact_type = std::string(kStatementMediaType),
            .media_type = std::string(kStatementMediaType),
            .content = attest(kProvenancePredicate, options_.provenance),
            .annotations = {{kPredicateAnnotation, std::string(kProvenancePredicate)}}},
           "provenance");
  }
  if (key) {
    const bool made =
        oci::sign_image(registry, context.store, place, image.digest, *key, context.stop);
    context.observer.fact(made ? fmt::format("signed by {}", key->name()) : "signed already");
  }
  return {{"signed", key != nullptr}, {"attached", std::move(attached)}};
}

}  // namespace stages::supply_chain
