// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/kubernetes/artifact_objects.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "orchestrator/kubernetes/builder_pod.hpp"
#include "orchestrator/kubernetes/object_names.hpp"

namespace orchestrator::kubernetes {
namespace {

constexpr int kBuildRetries = 3;
constexpr const char* kDefaultSize = "10Gi";  // Source: kairos-operator.

Object object_for(const manifest::OSArtifact& artifact, const ResourceKind& kind,
                  const std::string& name) {
  return {{"apiVersion", kind.api_version()},
          {"kind", kind.kind},
          {"metadata",
           {{"name", name},
            {"namespace", artifact.namespace_},
            {"labels", {{kArtifactLabel, short_name(artifact.name)}}}}}};
}

Object claim(const manifest::OSArtifact& artifact) {
  auto object = object_for(artifact, kPersistentVolumeClaims, claim_name(artifact));
  object["spec"] = artifact.volume.is_object()
                       ? artifact.volume
                       : Object{{"accessModes", {"ReadWriteOnce"}},
                                {"resources", {{"requests", {{"storage", kDefaultSize}}}}}};
  return object;
}

/// What a change of has to build again: all but how and where the pod runs, and what is done with
/// the artifacts.
std::string build_hash(const Object& spec) {
  auto relevant = spec;
  for (const auto* field : {"exporters", "affinity", "tolerations", "nodeSelector", "podLabels",
                            "podAnnotations", "resources", "volume"}) {
    relevant.erase(field);
  }
  return short_digest(relevant.dump());
}

/// Exit statuses of osartifact that another try does not change: all but network (4), disk (8) and
/// signals. A pod that was evicted does not count as a try.
Object failure_policy() {
  return {{"rules",
           {{{"action", "Ignore"},
             {"onPodConditions", {{{"type", "DisruptionTarget"}, {"status", "True"}}}}},
            {{"action", "FailJob"},
             {"onExitCodes",
              {{"containerName", kBuilderContainer},
               {"operator", "In"},
               {"values", {1, 2, 3, 5, 6, 7}}}}}}}};
}

Object build_job(const manifest::OSArtifact& artifact, const BuilderOptions& options,
                 const std::string& hash) {
  auto job = object_for(artifact, kJobs, short_name(artifact.name, "-build"));
  job["metadata"]["annotations"][kHashAnnotation] = hash;
  job["spec"] = {{"backoffLimit", kBuildRetries},
                 {"completions", 1},
                 {"parallelism", 1},
                 {"podFailurePolicy", failure_policy()},
                 {"template", builder_pod_template(artifact, options)}};
  return job;
}

/// The exporter as it is written, with what it cannot know: the volume, the Secrets to pull with.
Object export_job(const manifest::OSArtifact& artifact, std::size_t index,
                  const std::string& hash) {
  const auto& exporter = artifact.exporters[index];
  auto job =
      object_for(artifact, kJobs, short_name(artifact.name, fmt::format("-export-{}", index)));
  auto& annotations = job["metadata"]["annotations"];
  annotations[kExportIndexAnnotation] = std::to_string(index);
  annotations[kHashAnnotation] = short_digest(hash + exporter.dump());
  auto spec = exporter;
  if (!spec.contains("backoffLimit")) spec["backoffLimit"] = 0;  // Fails once, is told once.
  auto& pod = spec["template"];
  auto metadata = Object::object();
  for (const auto* field : {"labels", "annotations"}) {
    if (const auto* given = find_at(pod, fmt::format("/metadata/{}", field))) {
      metadata[field] = *given;
    }
  }
  metadata["labels"][kArtifactLabel] = short_name(artifact.name);
  pod["metadata"] = metadata;
  pod["spec"]["volumes"].push_back(artifacts_volume(artifact, true));
  auto& secrets = pod["spec"]["imagePullSecrets"];
  for (auto& secret : pull_secrets(artifact)) {
    if (secrets.is_null() || std::find(secrets.begin(), secrets.end(), secret) == secrets.end()) {
      secrets.push_back(std::move(secret));
    }
  }
  if (secrets.is_null()) pod["spec"].erase("imagePullSecrets");
  job["spec"] = std::move(spec);
  return job;
}

}  // namespace

std::string claim_name(const manifest::OSArtifact& artifact) {
  return artifact.name + "-artifacts";
}

ArtifactObjects artifact_objects(const manifest::OSArtifact& artifact,
                                 const BuilderOptions& options) {
  ArtifactObjects objects;
  if (!artifact.artifacts || artifact.artifacts->volume.empty()) objects.claim = claim(artifact);
  const auto hash = build_hash(spec_of(artifact));
  objects.build = build_job(artifact, options, hash);
  for (std::size_t i = 0; i < artifact.exporters.size(); ++i) {
    objects.exports.push_back(export_job(artifact, i, hash));
  }
  objects.required_secrets = needed_secrets(artifact);
  return objects;
}

}  // namespace orchestrator::kubernetes
