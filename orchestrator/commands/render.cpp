// SPDX-License-Identifier: Apache-2.0
#include <ostream>

#include "orchestrator/build_plan.hpp"
#include "orchestrator/commands/commands.hpp"
#include "orchestrator/kubernetes/artifact_objects.hpp"
#include "orchestrator/kubernetes/yaml_text.hpp"
#include "orchestrator/manifest/load.hpp"

namespace orchestrator {
namespace {

void print(std::ostream& out, const kubernetes::Object& object) {
  out << "---\n" << kubernetes::to_yaml(object);
}

}  // namespace

int run_render(Session& session, const Invocation& invocation) {
  const auto documents = read_manifest_file(session, invocation.subject).documents;
  auto& out = session.environment().out;
  for (const auto& artifact : documents.artifacts) {
    const auto objects = kubernetes::artifact_objects(artifact, invocation.operator_flags.builder);
    if (objects.claim) print(out, *objects.claim);
    print(out, objects.build);
    for (const auto& job : objects.exports) print(out, job);
  }
  return 0;
}

}  // namespace orchestrator
