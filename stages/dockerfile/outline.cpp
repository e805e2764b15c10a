// SPDX-License-Identifier: Apache-2.0
#include "stages/dockerfile/outline.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "oci/reference.hpp"
#include "stages/dockerfile/arguments.hpp"
#include "stages/dockerfile/instruction.hpp"
#include "stages/dockerfile/stage_graph.hpp"
#include "stages/dockerfile/variables.hpp"

namespace stages::dockerfile {
namespace {

void note(std::vector<NamedImage>& images, NamedImage image) {
  if (image.name.empty()) return;
  const bool known = std::any_of(images.begin(), images.end(), [&](const NamedImage& one) {
    return one.name == image.name && one.platform == image.platform;
  });
  if (known) return;
  try {
    static_cast<void>(oci::Reference::parse(image.name));
  } catch (const base::Error& error) {
    auto facts = error.facts();
    facts.code = base::ErrorCode::kManifest;
    base::Error found(std::move(facts));
    found.add_context("reading " + image.place);
    throw found;
  }
  images.push_back(std::move(image));
}

bool is_elsewhere(const Instruction& step) {
  if (step.keyword != "ADD" || step.flag("checksum") != nullptr) return false;
  // Not expanded: a variable may hide a URL.
  return std::any_of(step.words.begin(), step.words.end(), [](const std::string& word) {
    return word.find("://") != std::string::npos || word.find("git@") != std::string::npos ||
           word.find('$') != std::string::npos;
  });
}

}  // namespace

Declarations declarations_of(const ImageBuild& build) {
  Declarations found;
  const auto dockerfile = parse_dockerfile(build.dockerfile, build.dockerfile_name);
  for (const auto& instruction : dockerfile.instructions) {
    if (instruction.keyword == "FROM") found.from_lines.push_back(instruction.line);
    if (instruction.keyword != "ARG") continue;
    for (const auto& assignment : instruction.assignments) found.arguments.insert(assignment.name);
  }
  return found;
}

Outline outline_of(const ImageBuild& build) {
  const auto dockerfile = parse_dockerfile(build.dockerfile, build.dockerfile_name);
  BuildArguments arguments(build.build_args, oci::Platform::host(), build.platform, build.target);
  for (const auto& instruction : dockerfile.instructions) {
    if (instruction.keyword == "FROM") break;
    if (instruction.keyword == "ARG") arguments.declare(instruction, dockerfile.escape);
  }
  StageGraph graph(dockerfile, arguments);
  graph.choose(build.target, [](const BuildStage&) { return std::vector<std::string>(); });
  Outline outline;
  for (const auto index : graph.needed()) {
    const auto& stage = graph.stages()[index];
    note(outline.images, {stage.base.image, stage.platform.value_or(build.platform),
                          place_of(dockerfile, stage.from)});
    for (const auto& step : stage.steps) {
      outline.takes_from_elsewhere = outline.takes_from_elsewhere || is_elsewhere(step);
      if (const auto from = step.value("from"); !from.empty()) {
        note(outline.images,
             {graph.origin(from, stage).image, build.platform, place_of(dockerfile, step)});
      }
      if (step.keyword != "RUN") continue;
      for (const auto& mount : run_options(step).mounts) {
        if (mount.from.empty()) continue;
        note(outline.images,
             {graph.origin(mount.from, stage).image, build.platform, place_of(dockerfile, step)});
      }
    }
  }
  return outline;
}

}  // namespace stages::dockerfile
