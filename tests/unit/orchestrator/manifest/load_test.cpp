// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/manifest/load.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "base/files.hpp"
#include "tests/unit/orchestrator/manifest/manifest_text.hpp"

namespace orchestrator::manifest {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

const std::string kSpec = "image: {ref: a:1}\nartifacts: {iso: true}";

std::vector<std::filesystem::path> data_files(const std::string& folder) {
  std::vector<std::filesystem::path> files;
  const auto root = std::filesystem::path(OSARTIFACT_TEST_DATA) / "manifests" / folder;
  for (const auto& entry : std::filesystem::directory_iterator(root)) files.push_back(entry.path());
  return files;
}

ManifestResult load_file(const std::filesystem::path& path) {
  return load_manifest(base::read_file(path, 1U << 20), path.filename().string());
}

TEST(LoadManifest, TakesWhatTheOperatorTakes) {
  const auto files = data_files("valid");
  ASSERT_GE(files.size(), 7U);
  for (const auto& path : files) {
    const auto result = load_file(path);

    EXPECT_TRUE(result.ok()) << rendered(result);
    EXPECT_FALSE(result.documents.has_none_of_ours()) << path;
  }
}

TEST(LoadManifest, RefusesWhatMustBeRefused) {
  const auto files = data_files("invalid");
  ASSERT_GE(files.size(), 2U);
  for (const auto& path : files) EXPECT_EQ(messages(load_file(path)).size(), 1U) << path;
}

TEST(LoadManifest, TypesEveryField) {
  const auto result = load_manifest(osartifact(R"(image:
  ref: quay.io/a/b:1
  imageCredentialsSecretRef: {name: creds, key: k}
  pullInsecureRegistry: yes
artifacts:
  arch: arm64
  iso: true
  cloudConfigRef: {name: cc, key: userdata}
  grubConfig: "set timeout=1"
  osRelease: "ID=demo"
  kairosRelease: "KAIROS=1"
  overlayISOVolume: host
  overlayRootfsVolume: keys
  bundles: [r.io/x:1]
imagePullSecrets: [{name: pull}, {}]
volumes:
- name: host
  hostPath: {path: /srv/files, type: Directory}
- name: keys
  secret: {secretName: s, defaultMode: 0400, optional: true, items: [{key: a, path: b/c, mode: 0600}]}
- {name: map, configMap: {name: cm}}
- {name: empty}
- {name: claim, persistentVolumeClaim: {claimName: c}}
nodeSelector: {a: b}
tolerations: [{key: k, operator: Exists, tolerationSeconds: 30}]
resources: {iso: {limits: {cpu: 1.5, memory: 2Gi}}}
importers:
- {name: i, image: b, env: [{name: A, value: "1"}], ports: [{containerPort: 80}], livenessProbe: {httpGet: {port: web}}}
nameOverride: {iso: other}
)"),
                                    "demo.yaml");

  ASSERT_TRUE(result.ok()) << rendered(result);
  const auto& artifact = result.documents.artifacts.at(0);
  EXPECT_EQ(artifact.namespace_, "default");
  EXPECT_TRUE(artifact.image.pull_insecure_registry);
  EXPECT_EQ(artifact.image.image_credentials_secret_ref->key, "k");
  EXPECT_EQ(artifact.artifacts->arch, "arm64");
  EXPECT_EQ(artifact.artifacts->cloud_config_ref->name, "cc");
  EXPECT_EQ(artifact.artifacts->bundles, std::vector<std::string>{"r.io/x:1"});
  EXPECT_EQ(artifact.image_pull_secrets, std::vector<std::string>{"pull"});
  EXPECT_EQ(artifact.find_volume("host")->host_path, "/srv/files");
  EXPECT_EQ(artifact.find_volume("keys")->default_mode, 0400);
  EXPECT_EQ(artifact.find_volume("keys")->items.at(0).mode, 0600);
  EXPECT_TRUE(artifact.find_volume("keys")->optional);
  EXPECT_EQ(artifact.find_volume("map")->object_name, "cm");
  EXPECT_EQ(artifact.find_volume("empty")->kind, Volume::Kind::kEmptyDir);
  EXPECT_EQ(artifact.find_volume("claim")->kind, Volume::Kind::kOther);
  EXPECT_EQ(artifact.find_volume("claim")->source, "persistentVolumeClaim");
  EXPECT_EQ(artifact.tolerations[0]["tolerationSeconds"], 30);
  EXPECT_EQ(artifact.resources["iso"]["limits"]["cpu"], "1.5");
  EXPECT_EQ(artifact.importers[0]["env"][0]["value"], "1");
  EXPECT_EQ(artifact.importers[0]["ports"][0]["containerPort"], 80);
  EXPECT_EQ(artifact.importers[0]["livenessProbe"]["httpGet"]["port"], "web");
  EXPECT_EQ(artifact.artifact_name(ArtifactKind::kIso), "other");
  EXPECT_EQ(artifact.artifact_name(ArtifactKind::kUki), "demo");
  EXPECT_EQ(artifact.position_of("spec.artifacts.iso"), (Position{11, 5}));
}

TEST(LoadManifest, Case209FindsUnknownFieldsHoweverDeep) {
  const auto result = load_manifest(
      osartifact(
          kSpec +
          "\nexporters:\n- template:\n    spec:\n      containers:\n      - name: e\n        "
          "securtyContext: {}\n        env: [{name: A, valueFrom: {secretKeyRef: {nam: s, "
          "key: k}}}]\n      affinity: {podAffinity: {preferred: []}}"),
      "demo.yaml");

  EXPECT_THAT(messages(result),
              ElementsAre("unknown field \"securtyContext\"", "unknown field \"nam\"",
                          "unknown field \"preferred\""));
  EXPECT_EQ(result.diagnostics[0].path, "spec.exporters[0].template.spec.containers[0]");
  EXPECT_EQ(result.diagnostics[0].hint, "did you mean \"securityContext\"?");
  EXPECT_EQ(result.diagnostics[1].hint, "did you mean \"name\"?");
}

TEST(LoadManifest, ShowsTheLineWithACaret) {
  const auto result = load_manifest(
      osartifact("image: {ref: a:1}\nartifacts:\n  iso: true\n  cloudImge: true"), "demo.yaml");

  EXPECT_EQ(rendered(result),
            "demo.yaml:8:5: error: spec.artifacts: unknown field \"cloudImge\"\n"
            "    8 |     cloudImge: true\n"
            "      |     ^~~~~~~~~\n"
            "  did you mean \"cloudImage\"?\n");
}

TEST(LoadManifest, ClipsLongLinesAroundTheCaret) {
  const auto result =
      load_manifest(osartifact("image: {ref: a:1}\nartifacts: {iso: true, grubConfig: \"" +
                               std::string(5000, 'x') + "\", isoo: true, osRelease: \"" +
                               std::string(5000, 'y') + "\"}"),
                    "demo.yaml");

  ASSERT_EQ(result.diagnostics.size(), 1U);
  const auto& diagnostic = result.diagnostics[0];
  EXPECT_EQ(diagnostic.source_line.size(), 160U);
  EXPECT_EQ(diagnostic.source_line.substr(diagnostic.caret, diagnostic.length), "isoo");
}

TEST(LoadManifest, FindsWrongTypes) {
  const std::pair<std::string, std::string> rows[] = {
      {"artifacts: {iso: \"true\"}", "must be true or false, not a string"},
      {"artifacts: {iso: 1}", "must be true or false, not a number"},
      {"artifacts: [iso]", "must be a mapping, not a list"},
      {"artifacts: iso", "must be a mapping, not a string"},
      {"artifacts: {iso: true, bundles: a:1}", "must be a list, not a string"},
      {"artifacts: {iso: true, grubConfig: [a]}", "must be a string, not a list"},
      {"importers: [{name: a, ports: [{containerPort: http}]}]",
       "must be an integer, not a string"},
      {"importers: [{name: a, ports: [{containerPort: 4294967296}]}]", "does not fit into 32 bits"},
      {"importers: [{name: a}, {image: b}]", "missing required field \"name\""},
      {"importers: [{name: a}, ~]", "an entry of a list must not be empty"},
      {"importers: [{name: a, resources: {limits: {cpu: 1x}}}]", "not a quantity"},
      {"importers: [{name: a, env: [{name: A}, {name: A}]}]", "another entry has the same name"},
      {"nameOverride: {iso: Big}", "not a name for an artifact"},
      {"nodeSelector: {a: {b: c}}", "must be a string, not a mapping"},
  };
  for (const auto& [line, message] : rows) {
    EXPECT_THAT(messages(load_manifest(osartifact("image: {ref: a:1}\n" + line), "demo.yaml")),
                Contains(message))
        << line;
  }
}

TEST(LoadManifest, Case208TakesWhatKubernetesWouldMisread) {
  const auto result =
      load_manifest(osartifact(kSpec + "\npodLabels: {version: 1.10, on: yes}"), "d");

  ASSERT_TRUE(result.ok()) << rendered(result);
  EXPECT_EQ(result.documents.artifacts[0].pod_labels.at("version"), "1.10");
  EXPECT_EQ(result.documents.artifacts[0].pod_labels.at("on"), "yes");
  EXPECT_THAT(messages(result, Severity::kWarning),
              ElementsAre("Kubernetes reads this as a number and refuses it",
                          "Kubernetes reads this as a boolean and refuses it"));
}

TEST(LoadManifest, WarnsOfFieldsWithoutAValue) {
  const auto result = load_manifest(
      osartifact("image: {ref: a:1}\nartifacts: {iso: true, cloudImage}\nimporters:\nvolume: ~"),
      "d");

  EXPECT_TRUE(result.ok()) << rendered(result);
  EXPECT_THAT(messages(result, Severity::kWarning),
              ElementsAre("\"cloudImage\" is empty and counts as not given",
                          "\"importers\" is empty and counts as not given",
                          "\"volume\" is empty and counts as not given"));
}

TEST(LoadManifest, Case210SortsKinds) {
  EXPECT_THAT(
      messages(load_manifest("apiVersion: build.kairos.io/v1alpha1\nkind: OSArtifact\n", "d")),
      ElementsAre("OSArtifact of \"build.kairos.io/v1alpha1\" is not supported"));
  EXPECT_THAT(
      messages(load_manifest("apiVersion: build.kairos.io/v1alpha2\nkind: OSArtefact\n", "d")),
      ElementsAre("unknown kind \"OSArtefact\""));
  EXPECT_THAT(messages(load_manifest("apiVersion: v1\nkind: Pod\n", "d")),
              ElementsAre("there is no OSArtifact, NodeOp or NodeOpUpgrade in this file"));
  EXPECT_THAT(messages(load_manifest("", "d")),
              ElementsAre("there is no OSArtifact, NodeOp or NodeOpUpgrade in this file"));
  EXPECT_THAT(messages(load_manifest("- a\n", "d")), ElementsAre("a document must be a mapping"));
  EXPECT_THAT(messages(load_manifest("a: 1\n", "d")),
              ElementsAre("missing required field \"kind\""));
  const auto skipped = load_manifest("kind: Pod\n---\n" + osartifact(kSpec), "d");
  EXPECT_TRUE(skipped.ok());
  EXPECT_THAT(messages(skipped, Severity::kWarning),
              ElementsAre("Pod is not read here: this document is skipped"));
}

TEST(LoadManifest, Case210OpensLists) {
  const auto result = load_manifest(R"({"apiVersion": "v1", "kind": "List", "items": [
    {"apiVersion": "build.kairos.io/v1alpha2", "kind": "OSArtifact", "metadata": {"name": "a"},
     "spec": {"image": {"ref": "a:1"}, "artifacts": {"iso": true}}, "status": {"phase": "Ready"}},
    {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"k": "v"}}]})",
                                    "demo.json");

  ASSERT_TRUE(result.ok()) << rendered(result);
  EXPECT_EQ(result.documents.artifacts.at(0).name, "a");
  EXPECT_EQ(result.documents.find_config_map("default", "c")->data.at("k"), "v");
}

TEST(LoadManifest, RefusesTheSameObjectTwice) {
  EXPECT_THAT(messages(load_manifest(osartifact(kSpec) + "---\n" + osartifact(kSpec), "d")),
              ElementsAre("OSArtifact \"demo\" is given twice in namespace \"default\""));
}

TEST(LoadManifest, NamesFilesAfterGenerateName) {
  const auto result = load_file(std::filesystem::path(OSARTIFACT_TEST_DATA) / "manifests" /
                                "valid" / "import-and-export.yaml");

  EXPECT_EQ(result.documents.artifacts.at(0).name, "with-overlays");
  EXPECT_THAT(messages(result, Severity::kWarning), Contains(HasSubstr("with-overlays")));
}

TEST(LoadManifest, ReportsSyntaxAndMeaningTogether) {
  const auto result = load_manifest(
      osartifact("image: {ref: a b}\nartifacts: {iso: true}") + "---\na: [\n", "demo.yaml");

  ASSERT_EQ(messages(result).size(), 2U);
  EXPECT_EQ(result.diagnostics[0].position.line, 5U);
  EXPECT_GE(result.diagnostics[1].position.line, 8U);
}

TEST(LoadManifest, NeverShowsSecrets) {
  const std::string secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\n";
  const std::string rows[] = {
      secret + "data:\n  k: hunter2!\n",
      secret + "data: {k: hunter2!}\n",
      secret + "stingData: {k: hunter2}\n",
      secret + "stringData: {k: [hunter2]}\n",
      secret + "stringData: {k: hunter2, k: hunter2}\n",
      secret + "stringData: {\"a b\": hunter2}\n",
      secret + "stringData:\n  k: a\n  hunter2\n",
      secret + "stringData: {k: a}\nhunter2\n",
      secret + "stringData:\n  k: *hunter2\n",
      secret + "stringData:\n  k: !hunter2\n",
      secret + "stringData:\n  k: \"hunter2\n",
      secret + "stringData:\n  k: {hunter2\n",
      secret + "stringData:\n  k: @hunter2\n",
      secret + "x: &p {k: hunter2}\nstringData: *p\n",
      "{apiVersion: v1, kind: Secret, metadata: {nam: s}, stringData: {k: hunter2}}\n",
      "{kind: List, items: [{apiVersion: v1, kind: Secret, data: {k: hunter2!}}]}\n",
      "apiVersion: v1\nkind: Secret\nmetadata:\n  name: s\n  annotation: hunter2\n",
      "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData:\n  c: |\n    #cloud-config\n"
      "    p: hunter2\n    p: hunter2\n---\n" +
          osartifact("image: {ref: a:1}\nartifacts: {iso: true, cloudConfigRef: {name: s}}"),
  };
  for (const auto& row : rows) {
    const auto result = load_manifest(row, "demo.yaml");

    EXPECT_FALSE(result.ok()) << row;
    EXPECT_THAT(rendered(result), Not(HasSubstr("hunter2"))) << row;
    for (const auto& diagnostic : result.diagnostics) {
      EXPECT_THAT(to_json(diagnostic).dump(), Not(HasSubstr("hunter2"))) << row;
    }
  }
}

}  // namespace
}  // namespace orchestrator::manifest
