// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/manifest/support.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/orchestrator/manifest/manifest_text.hpp"

namespace orchestrator::manifest {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

OSArtifact load(const std::string& spec) {
  const auto result = load_manifest(osartifact(spec), "demo.yaml");
  EXPECT_TRUE(result.ok()) << rendered(result);
  return result.documents.artifacts.at(0);
}

std::vector<std::string> cluster_volumes_of(const OSArtifact& artifact) {
  std::vector<std::string> names;
  for (const auto& volume : cluster_volumes(artifact)) names.push_back(volume.name);
  return names;
}

TEST(Support, KindsThatAMachineHasNeedNoFlag) {
  const auto artifact =
      load(R"(image: {ref: a:1, imageCredentialsSecretRef: {name: s}, pullInsecureRegistry: true}
artifacts: {arch: amd64, iso: true, cloudConfigRef: {name: c}, grubConfig: g, osRelease: o, kairosRelease: k, overlayISOVolume: v, overlayRootfsVolume: v, cloudImage: false, bundles: []}
volumes: [{name: v, hostPath: {path: /x}}, {name: unused, nfs: {server: a, path: /}}]
nameOverride: {iso: x}
exporters: [])");

  EXPECT_THAT(cluster_volumes_of(artifact), IsEmpty());
  EXPECT_THAT(operator_only_fields(artifact), IsEmpty());
}

TEST(Support, AVolumeThatIsReadTwiceIsNamedOnce) {
  const auto artifact = load(R"(image: {ref: a:1}
artifacts: {iso: true, cloudImage: yes, diskSize: "100", azureImage: true, gceImage: true, netboot: true, netbootURL: u, bundles: [b], uki: {iso: true, keysVolume: k}, overlayISOVolume: k}
volumes: [{name: k, persistentVolumeClaim: {claimName: c}}]
importers: [{name: i}]
exporters: [{template: {spec: {containers: [{name: e}]}}}])");

  EXPECT_THAT(cluster_volumes_of(artifact), ElementsAre("k"));
  EXPECT_EQ(cluster_volumes(artifact)[0].source, "persistentVolumeClaim");
}

TEST(Support, ABuildContextIsRead) {
  const auto artifact = load(R"(image:
  buildOptions: {version: v, baseImage: a}
  ociSpec: {ref: {name: s}, buildContextVolume: c}
  buildImage: {registry: r.io, repository: a, tag: b}
  push: true
  pushInsecureRegistry: true
  buildEnv: [{name: A, value: b}]
  caCertificatesVolume: v
volumes: [{name: v, emptyDir: {}}, {name: c, persistentVolumeClaim: {claimName: x}}])");

  EXPECT_THAT(cluster_volumes_of(artifact), ElementsAre("c"));
}

TEST(Support, ListsWhatOnlyTheOperatorUses) {
  const auto artifact = load(R"(image: {ref: a:1}
artifacts: {iso: true}
imagePullSecrets: [{name: p}]
nodeSelector: {a: b}
tolerations: []
affinity: {}
volume: {accessModes: [ReadWriteOnce]})");

  EXPECT_THAT(operator_only_fields(artifact),
              ElementsAre("spec.imagePullSecrets", "spec.nodeSelector", "spec.volume"));
}

}  // namespace
}  // namespace orchestrator::manifest
