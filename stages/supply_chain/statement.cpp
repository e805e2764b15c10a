// SPDX-License-Identifier: Apache-2.0
#include "stages/supply_chain/statement.hpp"

namespace stages::supply_chain {
namespace {

constexpr const char* kStatement = "https://in-toto.io/Statement/v1";
constexpr const char* kBuilder = "https://osartifact.dev/builder/v1";
constexpr const char* kBuildType = "https://osartifact.dev/build/v1";

nlohmann::json digest_set(const oci::Digest& digest) {
  return {{std::string(digest.algorithm()), std::string(digest.hex())}};
}

}  // namespace

nlohmann::json statement(const std::vector<NamedDigest>& subjects, std::string_view predicate_type,
                         nlohmann::json predicate) {
  auto list = nlohmann::json::array();
  for (const auto& subject : subjects) {
    list.push_back({{"name", subject.name}, {"digest", digest_set(subject.digest)}});
  }
  return {{"_type", kStatement},
          {"subject", std::move(list)},
          {"predicateType", predicate_type},
          {"predicate", std::move(predicate)}};
}

nlohmann::json predicate_of(const Provenance& provenance) {
  auto dependencies = nlohmann::json::array();
  for (const auto& dependency : provenance.dependencies) {
    dependencies.push_back({{"uri", dependency.name}, {"digest", digest_set(dependency.digest)}});
  }
  nlohmann::json run = {
      {"builder", {{"id", kBuilder}, {"version", {{"osartifact", provenance.version}}}}}};
  if (!provenance.started.empty()) {
    run["metadata"] = {{"startedOn", provenance.started}, {"finishedOn", provenance.finished}};
  }
  return {{"buildDefinition",
           {{"buildType", kBuildType},
            {"externalParameters", provenance.parameters},
            {"resolvedDependencies", std::move(dependencies)}}},
          {"runDetails", std::move(run)}};
}

}  // namespace stages::supply_chain
