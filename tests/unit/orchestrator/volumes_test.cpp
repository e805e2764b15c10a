// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/volumes.hpp"

#include <gtest/gtest.h>

#include <sstream>

#include "base/files.hpp"
#include "base/temp_dir.hpp"
#include "orchestrator/manifest/load.hpp"

TEST(VolumeFolders, KnowWhichOfThemTheyMade) {
  const base::TempDir folder(base::temp_root(), "volumes_test");
  const auto host = folder.path() / "host";
  base::make_directories(host);
  std::istringstream in;
  std::ostringstream out;
  std::ostringstream err;
  orchestrator::Environment environment{
      .in = in, .out = out, .err = err, .variables = {}, .termination_log = {}};
  orchestrator::CommonOptions options;
  options.store = folder.path() / "store";
  options.progress = "plain";
  orchestrator::Session session(options, environment, {}, false);
  const auto result = orchestrator::manifest::load_manifest(
      "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: map, namespace: default}\n"
      "data: {file: content}\n---\n"
      "apiVersion: build.kairos.io/v1alpha2\nkind: OSArtifact\nmetadata: {name: demo, namespace: "
      "default}\nspec:\n  image: {ref: a:1}\n  artifacts: {iso: true}\n"
      "  volumes: [{name: made, configMap: {name: map}}, {name: given, hostPath: {path: " +
          host.string() + "}}]\n",
      "demo.yaml");
  const auto& artifact = result.documents.artifacts.at(0);
  const orchestrator::SecretFinder secrets(session, result.documents, "demo.yaml");
  orchestrator::VolumeFolders volumes(session, result.documents, secrets);

  const auto made = volumes.folder(artifact, "made", "spec.volumes");
  const auto given = volumes.folder(artifact, "given", "spec.volumes");

  EXPECT_EQ(base::read_file(made / "file", 10), "content");
  EXPECT_EQ(given, host);
  EXPECT_TRUE(volumes.is_made(made));
  EXPECT_FALSE(volumes.is_made(given));
}
