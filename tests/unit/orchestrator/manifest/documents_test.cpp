// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/manifest/documents.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/orchestrator/manifest/manifest_text.hpp"

namespace orchestrator::manifest {
namespace {

using testing::ElementsAre;

ManifestResult load(const std::string& object) {
  return load_manifest(
      osartifact("image: {ref: a:1}\nartifacts: {iso: true}") + "---\napiVersion: v1\n" + object,
      "demo.yaml");
}

TEST(Documents, DecodesSecretsAndLetsStringDataWin) {
  const auto result = load(
      "kind: Secret\nmetadata: {name: s, namespace: n}\ndata: {a: aGVsbG8=, b: b2xk}\n"
      "stringData: {b: new, c: 1.10}\n");

  ASSERT_TRUE(result.ok()) << rendered(result);
  const auto* secret = result.documents.find_secret("n", "s");
  ASSERT_NE(secret, nullptr);
  EXPECT_EQ(secret->type, "Opaque");
  EXPECT_EQ(secret->find("a")->reveal(), "hello");
  EXPECT_EQ(secret->find("b")->reveal(), "new");
  EXPECT_EQ(secret->find("c")->reveal(), "1.10");
  EXPECT_EQ(secret->find(""), nullptr);
  EXPECT_EQ(result.documents.find_secret("default", "s"), nullptr);
}

TEST(Documents, ChecksThatATypedSecretHasItsKey) {
  EXPECT_THAT(messages(load("kind: Secret\nmetadata: {name: s}\ntype: kubernetes.io/dockercfg\n"
                            "stringData: {.dockerconfigjson: '{}'}\n")),
              ElementsAre("secret \"s\" is of type kubernetes.io/dockercfg but has no key "
                          "\".dockercfg\""));
  EXPECT_TRUE(load("kind: Secret\nmetadata: {name: s}\ntype: kubernetes.io/dockerconfigjson\n"
                   "stringData: {.dockerconfigjson: '{}'}\n")
                  .ok());
}

TEST(Documents, RefusesKeysThatAreNoFileNames) {
  for (const auto* key : {"../x", "a/b", "..", "a b"}) {
    EXPECT_THAT(messages(load("kind: ConfigMap\nmetadata: {name: c}\ndata: {\"" + std::string(key) +
                              "\": v}\n")),
                ElementsAre("not a key of data"))
        << key;
  }
}

TEST(Documents, DecodesBinaryDataOfConfigMaps) {
  const auto result =
      load("kind: ConfigMap\nmetadata: {name: c}\ndata: {a: x}\nbinaryData: {b: AAE=}\n");

  ASSERT_TRUE(result.ok()) << rendered(result);
  EXPECT_EQ(result.documents.find_config_map("default", "c")->data.at("b"), std::string("\0\1", 2));
  EXPECT_THAT(messages(load("kind: ConfigMap\nmetadata: {name: c}\ndata: {a: x}\n"
                            "binaryData: {a: AAE=}\n")),
              ElementsAre("this key is given in data too"));
}

}  // namespace
}  // namespace orchestrator::manifest
