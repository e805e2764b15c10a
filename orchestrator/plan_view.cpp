// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/plan_view.hpp"

#include <fmt/format.h>

#include "auth/credential.hpp"
#include "base/format.hpp"

namespace orchestrator {
namespace {

std::string_view name_of_state(StageState state) {
  switch (state) {
    case StageState::kRun:
      return "run";
    case StageState::kCached:
      return "cached";
    case StageState::kNotNeeded:
      return "not needed";
  }
  return "";
}

/// Places that a stage asks, each with the credentials that are tried there.
struct AccessedPlace {
  oci::PullPlace place;
  std::vector<auth::Credential> credentials;
};

std::vector<AccessedPlace> places_of(const PlannedAccess& access, const PlannedImage& image) {
  std::vector<oci::PullPlace> places;
  if (access.push) {
    places.push_back({.reference = access.reference, .is_mirror = false, .origin = ""});
  }
  for (const auto& base : image.bases) {
    const bool meant = !access.push && base.reference.text() == access.reference.text();
    if (meant && places.empty()) places = base.places;
  }
  std::vector<AccessedPlace> accessed;
  for (auto& place : places) {
    auto credentials =
        access.keychain->candidates(place.reference.registry, place.reference.repository);
    accessed.push_back({std::move(place), std::move(credentials)});
  }
  return accessed;
}

std::string describe(const std::vector<auth::Credential>& credentials) {
  std::string text;
  for (const auto& credential : credentials) {
    text += (text.empty() ? "" : ", then ") + auth::describe(credential);
  }
  return text.empty() ? "anonymous" : text;
}

std::string describe_size(const oci::ResolvedImage& image) {
  return fmt::format("{}, {} in {} layers", image.descriptor.digest.text(),
                     base::format_bytes(image.layer_bytes()), image.manifest.layers.size());
}

std::string image_line(const PlannedArtifact& planned) {
  const auto& image = planned.image;
  if (!image.built) {
    return fmt::format("{}: {} ({})\n", planned.artifact->name, image.reference,
                       describe_size(image.bases.front().image));
  }
  std::string text = fmt::format("{}: {} (to be built)\n", planned.artifact->name, image.reference);
  for (const auto& base : image.bases) {
    text +=
        fmt::format("  {:<11} {} ({})\n", "from", base.reference.text(), describe_size(base.image));
  }
  return text;
}

std::string access_lines(const PlannedImage& image) {
  std::string text;
  for (const auto& base : image.bases) {
    if (base.places.empty() || !oci::is_redirected(base.places)) continue;
    for (const auto& place : base.places) {
      text += fmt::format("  {:<11} {}\n", "asks", oci::describe(place));
    }
  }
  for (const auto& access : image.accesses) {
    for (const auto& [place, credentials] : places_of(access, image)) {
      text += fmt::format("  {:<11} {} {}: {}\n", "credential", access.push ? "push" : "pull",
                          place.reference.name(), describe(credentials));
    }
  }
  return text;
}

nlohmann::json places_json(const std::vector<oci::PullPlace>& places) {
  nlohmann::json list = nlohmann::json::array();
  for (const auto& place : places) {
    list.push_back({{"name", place.reference.name()},
                    {"mirror", place.is_mirror},
                    {"configuredIn", place.origin}});
  }
  return list;
}

nlohmann::json credentials_json(const PlannedImage& image) {
  nlohmann::json list = nlohmann::json::array();
  for (const auto& access : image.accesses) {
    for (const auto& [place, credentials] : places_of(access, image)) {
      nlohmann::json tried = nlohmann::json::array();
      for (const auto& credential : credentials) tried.push_back(auth::describe(credential));
      list.push_back({{"stage", access.stage},
                      {"right", access.push ? "push" : "pull"},
                      {"name", place.reference.name()},
                      {"credentials", tried}});
    }
  }
  return list;
}

nlohmann::json bases_json(const PlannedImage& image) {
  nlohmann::json list = nlohmann::json::array();
  for (const auto& base : image.bases) {
    list.push_back({{"reference", base.reference.text()},
                    {"digest", base.image.descriptor.digest.text()},
                    {"layerBytes", base.image.layer_bytes()},
                    {"places", places_json(base.places)}});
  }
  return list;
}

/// The stages of importers or exporters, which always run.
std::string tools_as_text(const Plan& plan, const manifest::OSArtifact& artifact) {
  std::string text;
  for (const auto& stage : plan.stages) {
    if (stage.artifact != artifact.name) continue;
    text += fmt::format("  {:<11} {}\n", stage.stage->name(), name_of_state(StageState::kRun));
  }
  return text;
}

void add_tools(const Plan& plan, const manifest::OSArtifact& artifact, nlohmann::json& stages) {
  for (const auto& stage : plan.stages) {
    if (stage.artifact != artifact.name) continue;
    stages.push_back({{"name", stage.stage->name()},
                      {"state", name_of_state(StageState::kRun)},
                      {"fingerprint", stage.fingerprint.text()},
                      {"inputs", nlohmann::json::array()}});
  }
}

}  // namespace

std::string plan_as_text(const BuildPlan& build, const std::vector<StageState>& states) {
  std::string text;
  for (const auto& planned : build.artifacts) {
    text += image_line(planned) + access_lines(planned.image);
    text += tools_as_text(build.imports, *planned.artifact);
    for (const auto index : planned.stages) {
      text += fmt::format("  {:<11} {}\n", build.plan.stages[index].stage->name(),
                          name_of_state(states[index]));
    }
    text += tools_as_text(build.exports, *planned.artifact);
  }
  return text;
}

nlohmann::json plan_as_json(const BuildPlan& build, const std::vector<StageState>& states) {
  nlohmann::json artifacts = nlohmann::json::array();
  for (const auto& planned : build.artifacts) {
    nlohmann::json stages = nlohmann::json::array();
    add_tools(build.imports, *planned.artifact, stages);
    for (const auto index : planned.stages) {
      const auto& stage = build.plan.stages[index];
      nlohmann::json inputs = nlohmann::json::array();
      for (const auto& [name, input] : stage.inputs) inputs.push_back(name);
      stages.push_back({{"name", stage.stage->name()},
                        {"state", name_of_state(states[index])},
                        {"fingerprint", stage.fingerprint.text()},
                        {"inputs", inputs}});
    }
    add_tools(build.exports, *planned.artifact, stages);
    const auto& image = planned.image;
    nlohmann::json artifact = {{"name", planned.artifact->name},
                               {"image", image.reference},
                               {"credentials", credentials_json(image)},
                               {"stages", stages}};
    if (image.built) {
      artifact["builtFrom"] = bases_json(image);
    } else {
      const auto& pulled = image.bases.front();
      artifact["places"] = places_json(pulled.places);
      artifact["digest"] = pulled.image.descriptor.digest.text();
      artifact["layerBytes"] = pulled.image.layer_bytes();
    }
    artifacts.push_back(std::move(artifact));
  }
  return {{"artifacts", artifacts}};
}

std::string plan_as_dot(const BuildPlan& build, const std::vector<StageState>& states) {
  std::string text = "digraph plan {\n  rankdir=LR;\n  node [shape=box];\n";
  for (std::size_t i = 0; i < build.plan.stages.size(); ++i) {
    const auto& stage = build.plan.stages[i];
    text += fmt::format("  s{} [label=\"{} {}\\n{}\"];\n", i, stage.artifact, stage.stage->name(),
                        name_of_state(states[i]));
    for (const auto& [name, input] : stage.inputs) text += fmt::format("  s{} -> s{};\n", input, i);
  }
  return text + "}\n";
}

}  // namespace orchestrator
