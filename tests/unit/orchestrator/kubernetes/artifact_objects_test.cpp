// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/kubernetes/artifact_objects.hpp"

#include <gmock/gmock.h>

#include <set>

#include "base/error.hpp"
#include "orchestrator/kubernetes/builder_pod.hpp"
#include "orchestrator/kubernetes/object_names.hpp"
#include "orchestrator/kubernetes/quantity.hpp"
#include "orchestrator/kubernetes/yaml_text.hpp"
#include "orchestrator/manifest/load.hpp"
#include "orchestrator/manifest/yaml.hpp"

namespace kubernetes = orchestrator::kubernetes;
namespace manifest = orchestrator::manifest;
using kubernetes::Object;
using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;

namespace {

manifest::OSArtifact read(const std::string& spec, const std::string& name = "demo") {
  auto result = manifest::load_manifest(
      "apiVersion: build.kairos.io/v1alpha2\nkind: OSArtifact\n"
      "metadata: {name: " +
          name + ", namespace: builds}\nspec: " + spec + "\n",
      "test");
  for (const auto& diagnostic : result.diagnostics) {
    EXPECT_NE(diagnostic.severity, manifest::Severity::kError) << manifest::render(diagnostic);
  }
  return result.documents.artifacts.at(0);
}

kubernetes::ArtifactObjects objects(const std::string& spec) {
  return kubernetes::artifact_objects(read(spec), {.image = "our/osartifact:1"});
}

const Object& pod_of(const Object& job) { return job["spec"]["template"]["spec"]; }

/// The Secrets that a pod has as volumes: name to the folder they are mounted at.
std::map<std::string, std::string> mounted_secrets(const Object& pod) {
  std::map<std::string, std::string> secrets;
  for (const auto& volume : pod["volumes"]) {
    if (!volume.contains("secret")) continue;
    for (const auto& mount : pod["containers"][0]["volumeMounts"]) {
      if (mount["name"] == volume["name"]) {
        secrets[volume["secret"]["secretName"]] = mount["mountPath"];
      }
    }
  }
  return secrets;
}

std::vector<std::string> pull_secrets(const Object& pod) {
  std::vector<std::string> names;
  for (const auto& secret : pod.value("imagePullSecrets", Object::array())) {
    names.push_back(secret["name"]);
  }
  return names;
}

std::vector<std::string> arguments(const Object& pod) { return pod["containers"][0]["args"]; }

}  // namespace

// The cases of kairos-operator's own runs: the same Secrets get to the same pods.

TEST(ArtifactObjects, APrebuiltImageTakesItsSecretsToThePodAndTheBuild) {
  const auto made = objects(
      "{image: {ref: a.io/b:c, imageCredentialsSecretRef: {name: regcreds, key: "
      ".dockerconfigjson}}, imagePullSecrets: [{name: pull}], artifacts: {iso: true, "
      "cloudConfigRef: {name: cloud, key: userdata}}}");

  const auto& pod = pod_of(made.build);
  EXPECT_THAT(pull_secrets(pod), ElementsAre("pull", "regcreds"));
  const std::map<std::string, std::string> expected = {
      {"regcreds", "/secrets/regcreds"}, {"cloud", "/secrets/cloud"}, {"pull", "/secrets/pull"}};
  EXPECT_EQ(mounted_secrets(pod), expected);
  EXPECT_THAT(made.required_secrets, ElementsAre("regcreds", "cloud"));
  for (const auto& volume : pod["volumes"]) {
    if (!volume.contains("secret")) continue;
    EXPECT_EQ(volume["secret"].value("optional", false), volume["secret"]["secretName"] == "pull")
        << "a kubelet does without a missing imagePullSecret, and with nothing else";
  }
}

TEST(ArtifactObjects, ABuildTakesTheSecretsOfItsDefinitionAndItsTemplateValues) {
  const auto made = objects(
      "{image: {buildOptions: {version: v1, baseImage: 'ubuntu:24.04'}, ociSpec: {ref: {name: "
      "mid}, templateValuesFrom: {name: vals}, templateValues: {B: inline}, buildContextVolume: "
      "ctx}}, volumes: [{name: ctx, emptyDir: {}}], artifacts: {arch: amd64, iso: true}, volume: "
      "{accessModes: [ReadWriteOnce], resources: {requests: {storage: 3Gi}}}}");

  EXPECT_THAT(made.required_secrets, ElementsAre("mid", "vals"));
  EXPECT_EQ((*made.claim)["metadata"]["name"], "demo-artifacts");
  EXPECT_EQ((*made.claim)["spec"]["resources"]["requests"]["storage"], "3Gi");
  const auto& pod = pod_of(made.build);
  EXPECT_THAT(arguments(pod), Contains("ctx=/volumes/ctx"));
  EXPECT_THAT(pull_secrets(pod), IsEmpty());
}

TEST(ArtifactObjects, ThePodIsOneUnprivilegedContainerThatKnowsNoApi) {
  const auto made = objects("{image: {ref: a.io/b:c}, artifacts: {iso: true}}");

  const auto& pod = pod_of(made.build);
  ASSERT_EQ(pod["containers"].size(), 1U);
  const auto& container = pod["containers"][0];
  EXPECT_EQ(container["image"], "our/osartifact:1");
  EXPECT_EQ(container["securityContext"]["privileged"], false);
  EXPECT_EQ(container["securityContext"]["readOnlyRootFilesystem"], true);
  EXPECT_FALSE(container["securityContext"].contains("capabilities"));
  EXPECT_EQ(pod["automountServiceAccountToken"], false);
  EXPECT_EQ(pod["restartPolicy"], "Never");
  for (const auto& volume : pod["volumes"]) EXPECT_FALSE(volume.contains("hostPath"));
  EXPECT_EQ(made.build["metadata"]["name"], "demo-build");
  EXPECT_EQ(made.build["metadata"]["labels"][kubernetes::kArtifactLabel], "demo");
}

TEST(ArtifactObjects, TheManifestInThePodLeavesOutWhatTheClusterDoes) {
  const auto made = objects(
      "{image: {ref: a.io/b:c}, artifacts: {iso: true, volume: out}, volumes: [{name: out, "
      "persistentVolumeClaim: {claimName: mine}}], importers: [{name: i, image: busybox}], "
      "exporters: [{template: {spec: {restartPolicy: Never, containers: [{name: e, image: "
      "busybox}]}}}], nodeSelector: {a: b}}");

  const auto& annotations = made.build["spec"]["template"]["metadata"]["annotations"];
  const auto text = annotations[kubernetes::kManifestAnnotation].get<std::string>();
  const auto result = manifest::load_manifest(text, "in the pod");
  ASSERT_TRUE(result.ok()) << text;
  const auto& artifact = result.documents.artifacts.at(0);
  EXPECT_TRUE(artifact.importers.empty());
  EXPECT_TRUE(artifact.exporters.empty());
  EXPECT_EQ(artifact.artifacts->volume, "");
  EXPECT_EQ(artifact.name, "demo");
  const auto& pod = pod_of(made.build);
  EXPECT_EQ(pod["initContainers"][0]["name"], "i");
  EXPECT_EQ(pod["nodeSelector"]["a"], "b");
}

TEST(ArtifactObjects, AVolumeOfTheSpecTakesThePlaceOfTheClaim) {
  const auto made = objects(
      "{image: {ref: a.io/b:c}, artifacts: {iso: true, volume: out}, volumes: [{name: out, "
      "persistentVolumeClaim: {claimName: mine}}], exporters: [{template: {spec: {restartPolicy: "
      "Never, containers: [{name: e, image: busybox}]}}}]}");

  EXPECT_FALSE(made.claim);
  const Object build = {{"name", "artifacts"}, {"persistentVolumeClaim", {{"claimName", "mine"}}}};
  EXPECT_EQ(pod_of(made.build)["volumes"][0], build);
  const Object exported = {{"name", "artifacts"},
                           {"persistentVolumeClaim", {{"claimName", "mine"}, {"readOnly", true}}}};
  EXPECT_THAT(pod_of(made.exports.at(0))["volumes"], ElementsAre(exported));
}

TEST(ArtifactObjects, AnExporterKeepsWhatItSaysAndPullsWithTheArtifactsSecrets) {
  const auto made = objects(
      "{image: {ref: a.io/b:c, imageCredentialsSecretRef: {name: regcreds}}, imagePullSecrets: "
      "[{name: pull}], artifacts: {iso: true}, exporters: [{backoffLimit: 4, template: {metadata: "
      "{labels: {team: edge}}, spec: {restartPolicy: Never, imagePullSecrets: [{name: own}, {name: "
      "pull}], containers: [{name: e, image: busybox}]}}}, {template: {spec: {restartPolicy: "
      "Never, "
      "containers: [{name: f, image: busybox}]}}}]}");

  ASSERT_EQ(made.exports.size(), 2U);
  const auto& first = made.exports[0];
  EXPECT_EQ(first["metadata"]["name"], "demo-export-0");
  EXPECT_EQ(first["metadata"]["annotations"][kubernetes::kExportIndexAnnotation], "0");
  EXPECT_EQ(first["spec"]["backoffLimit"], 4);
  EXPECT_EQ(first["spec"]["template"]["metadata"]["labels"]["team"], "edge");
  EXPECT_THAT(pull_secrets(pod_of(first)), ElementsAre("own", "pull", "regcreds"));
  EXPECT_EQ(made.exports[1]["spec"]["backoffLimit"], 0);
  EXPECT_EQ(pod_of(made.exports[1])["volumes"][0]["persistentVolumeClaim"]["readOnly"], true);
}

TEST(ArtifactObjects, OnlyWhatChangesTheArtifactsChangesTheBuildsHash) {
  const auto hash = [](const Object& job) {
    return kubernetes::annotation_of(job, kubernetes::kHashAnnotation);
  };
  const std::string rest = "image: {ref: a.io/b:c}, artifacts: {iso: true}";
  const std::string exporter =
      "exporters: [{template: {spec: {restartPolicy: Never, containers: [{name: e, image: x}]}}}]";
  const auto plain = objects("{" + rest + "}");
  const auto moved = objects("{" + rest + ", nodeSelector: {a: b}, " + exporter + "}");
  const auto other = objects("{image: {ref: a.io/b:d}, artifacts: {iso: true}, " + exporter + "}");

  EXPECT_EQ(hash(plain.build), hash(moved.build));
  EXPECT_NE(hash(plain.build), hash(other.build));
  EXPECT_NE(hash(moved.exports[0]), hash(other.exports[0])) << "new artifacts are exported again";
}

TEST(ArtifactObjects, OneContainerMayUseWhatAllWouldHave) {
  const auto made = objects(
      "{image: {ref: a.io/b:c}, artifacts: {iso: true, cloudImage: true}, resources: {iso: "
      "{requests: {cpu: 500m, memory: 1Gi}, limits: {memory: 2Gi}}, cloudImage: {requests: {cpu: "
      "1, memory: 512Mi}}, azureImage: {requests: {cpu: 64}}, pod: {limits: {cpu: 3}}}}");

  const auto& pod = pod_of(made.build);
  const Object expected = {{"requests", {{"cpu", "1500m"}, {"memory", "1610612736"}}}};
  EXPECT_EQ(pod["containers"][0]["resources"], expected)
      << "nothing of kinds not asked for; no limit where one has none";
  EXPECT_EQ(pod["resources"]["limits"]["cpu"], "3");
}

TEST(ArtifactObjects, AConfigMapOfBuildEnvIsWhereTheProgramLooks) {
  const auto made = objects(
      "{image: {buildOptions: {version: v1, baseImage: 'u:1'}, buildEnv: [{name: A, valueFrom: "
      "{configMapKeyRef: {name: m, key: k}}}, {name: B, valueFrom: {configMapKeyRef: {name: m, "
      "key: l}}}]}, artifacts: {iso: true}}");

  const auto& pod = pod_of(made.build);
  std::vector<Object> mounts;
  for (const auto& volume : pod["volumes"]) {
    if (!volume.contains("configMap")) continue;
    EXPECT_EQ(volume["configMap"], Object({{"name", "m"}, {"optional", true}}));
    for (const auto& mount : pod["containers"][0]["volumeMounts"]) {
      if (mount["name"] == volume["name"]) mounts.push_back(mount["mountPath"]);
    }
  }
  EXPECT_THAT(mounts, ElementsAre("/secrets/configmaps/m"));
}

TEST(ArtifactObjects, LongNamesAreCutAndStayDifferent) {
  const std::string name(120, 'a');
  const auto first = kubernetes::short_name(name + "1", "-build");
  const auto second = kubernetes::short_name(name + "2", "-build");

  EXPECT_EQ(first.size(), 63U);
  EXPECT_TRUE(first.ends_with("-build"));
  EXPECT_NE(first, second);
  EXPECT_EQ(kubernetes::short_name("short", "-build"), "short-build");
}

TEST(Quantity, ReadsWhatKubernetesReads) {
  EXPECT_EQ(kubernetes::parse_quantity("500m"), 500);
  EXPECT_EQ(kubernetes::parse_quantity("1.5"), 1500);
  EXPECT_EQ(kubernetes::parse_quantity("2Ki"), 2'048'000);
  EXPECT_EQ(kubernetes::parse_quantity("1e3"), 1'000'000);
  EXPECT_EQ(kubernetes::parse_quantity("1k"), 1'000'000);
  EXPECT_EQ(kubernetes::parse_quantity("x"), std::nullopt);
  EXPECT_EQ(kubernetes::parse_quantity("1Zi"), std::nullopt);
  EXPECT_EQ(kubernetes::format_quantity(1500), "1500m");
  EXPECT_EQ(kubernetes::format_quantity(2000), "2");
}

TEST(YamlText, QuotesWhatAReaderCouldMistake) {
  const Object value = {
      {"plain", "a/b.c-d"},      {"number", "10"}, {"word", "no"},
      {"colon", "a: b"},         {"empty", ""},    {"list", {{{"a", 1}, {"b", {1, 2}}}, "x"}},
      {"none", Object::object()}};
  EXPECT_EQ(kubernetes::to_yaml(value),
            "colon: \"a: b\"\nempty: \"\"\nlist:\n  - a: 1\n    b:\n      - 1\n      - 2\n  - x\n"
            "none: {}\nnumber: \"10\"\nplain: a/b.c-d\nword: \"no\"\n");
  const Object texts = {{"number", "1.10"}, {"lines", "line\n  two\n"}, {"date", "2026-01-01"}};
  const auto parsed = manifest::parse_yaml(manifest::SourceText(kubernetes::to_yaml(texts)));
  for (const auto& [key, text] : texts.items()) {
    const auto* node = parsed.documents.at(0).find(key);
    EXPECT_EQ(node->scalar, text);
    EXPECT_EQ(manifest::scalar_type(*node), manifest::ScalarType::kString);
  }
}
