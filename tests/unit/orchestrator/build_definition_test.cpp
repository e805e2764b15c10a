// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/build_definition.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <sstream>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/process.hpp"
#include "base/temp_dir.hpp"
#include "orchestrator/container_environment.hpp"
#include "orchestrator/kairos_definition.hpp"
#include "orchestrator/manifest/load.hpp"
#include "stages/dockerfile/instruction.hpp"

namespace orchestrator {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::Pair;

/// An OSArtifact and what stands beside it, as a command sees them.
class BuildDefinitionTest : public testing::Test {
 protected:
  BuildDefinitionTest() {
    options_.store = folder_.path() / "store";
    options_.progress = "plain";
    secret("mid", "{ociSpec: \"RUN echo {{ .A }} {{ .B }}\\n\"}");
  }

  void secret(const std::string& name, const std::string& data) {
    text_ += "apiVersion: v1\nkind: Secret\nmetadata: {name: " + name + "}\nstringData: " + data +
             "\n---\n";
  }
  void load(const std::string& image) {
    result_ = manifest::load_manifest(
        text_ +
            "apiVersion: build.kairos.io/v1alpha2\nkind: OSArtifact\nmetadata: {name: demo, "
            "namespace: default}\nspec:\n  image: " +
            image + "\n",
        "demo.yaml");
    for (const auto& diagnostic : result_.diagnostics) {
      EXPECT_NE(diagnostic.severity, manifest::Severity::kError) << manifest::render(diagnostic);
    }
  }
  [[nodiscard]] const manifest::OSArtifact& artifact() const {
    return result_.documents.artifacts.at(0);
  }
  BuildDefinition define(const std::string& image) {
    load(image);
    return read_build_definition(session_, SecretFinder(session_, result_.documents, "demo.yaml"),
                                 artifact());
  }
  std::map<std::string, ContainerVariable> environment(const std::string& list) {
    load("{ociSpec: {ref: {name: mid}}, buildEnv: " + list + "}");
    std::map<std::string, ContainerVariable> by_name;
    for (const auto& variable :
         read_environment(SecretFinder(session_, result_.documents, "demo.yaml"), result_.documents,
                          artifact(), artifact().image.build_env, "spec.image.buildEnv")) {
      by_name.emplace(variable.name, variable);
    }
    return by_name;
  }
  template <typename Call>
  std::string error_of(Call call) {
    try {
      static_cast<void>(call());
    } catch (const base::Error& error) {
      return base::render(error);
    }
    return "";
  }

  base::TempDir folder_{base::temp_root(), "build_definition_test"};
  std::string text_;
  std::istringstream in_;
  std::ostringstream out_;
  std::ostringstream err_;
  Environment environment_{
      .in = in_, .out = out_, .err = err_, .variables = {}, .termination_log = {}};
  CommonOptions options_;
  Session session_{options_, environment_, {}, false};
  manifest::ManifestResult result_;
};

constexpr const char* kOptions = "buildOptions: {version: v3.6.0, baseImage: \"ubuntu:24.04\"}";

TEST_F(BuildDefinitionTest, AnOciSpecAloneIsTheWholeDefinition) {
  const auto definition = define("{ociSpec: {ref: {name: mid}, templateValues: {A: a, B: b}}}");

  EXPECT_EQ(definition.text, "RUN echo a b\n");
  EXPECT_EQ(definition.name, "mid/ociSpec");
  EXPECT_TRUE(definition.arguments.empty());
  definition.check_from(1);
}

TEST_F(BuildDefinitionTest, InlineValuesWinOverThoseOfTheSecretAndAllItsKeysCount) {
  secret("vals", "{A: from-secret, B: from-secret}");
  const auto definition = define(
      "{ociSpec: {ref: {name: mid}, templateValuesFrom: {name: vals, key: A}, templateValues: {B: "
      "inline}}}");

  EXPECT_EQ(definition.text, "RUN echo from-secret inline\n");
  EXPECT_THAT(definition.secrets, ElementsAre(base::Secret("from-secret")));
}

TEST_F(BuildDefinitionTest, BuildOptionsAloneWrapNothing) {
  const auto definition = define(std::string("{") + kOptions + "}");

  const auto dockerfile = stages::dockerfile::parse_dockerfile(definition.text, "it");
  std::vector<std::string> from;
  for (const auto& instruction : dockerfile.instructions) {
    if (instruction.keyword == "FROM") from.push_back(instruction.text);
  }
  EXPECT_THAT(from,
              ElementsAre("${KAIROS_INIT_IMAGE} AS kairos-init", "${BASE_IMAGE} AS base-kairos"));
  EXPECT_THAT(definition.arguments,
              ElementsAre(Pair("BASE_IMAGE", "ubuntu:24.04"), Pair("VERSION", "v3.6.0")));
  EXPECT_THAT(definition.text, HasSubstr("KAIROS_INIT_IMAGE=quay.io/kairos/kairos-init:"));
}

TEST_F(BuildDefinitionTest, BothPutTheUsersPartBetweenBaseImageAndKairosInit) {
  const auto definition = define(std::string("{") + kOptions +
                                 ", ociSpec: {ref: {name: mid}, templateValues: {A: a, B: b}}}");

  const auto user = definition.text.find("RUN echo a b\n");
  ASSERT_NE(user, std::string::npos);
  EXPECT_GT(user, definition.text.find("FROM ${BASE_IMAGE}"));
  EXPECT_LT(user, definition.text.find("COPY --from=kairos-init"));
  static_cast<void>(stages::dockerfile::parse_dockerfile(definition.text, "it"));
}

TEST_F(BuildDefinitionTest, AFromInTheUsersPartIsNamedWithItsLineOfTheTemplate) {
  secret("bad", "{ociSpec: \"RUN a\\n{{ if true }}\\nFROM x\\n{{ end }}\\n\"}");
  const auto definition = define(std::string("{") + kOptions + ", ociSpec: {ref: {name: bad}}}");
  int line = 1;
  for (std::size_t at = 0; at < definition.text.find("FROM x"); ++at) {
    line += definition.text[at] == '\n' ? 1 : 0;
  }

  const auto error = error_of([&] {
    definition.check_from(line);
    return 0;
  });

  EXPECT_THAT(error, HasSubstr("bad/ociSpec:3: FROM is not allowed here"));
  definition.check_from(5);  // Its own.
}

TEST_F(BuildDefinitionTest, Case201WarnsOfMissingValuesAndRefusesThemWhereStrict) {
  const auto definition = define("{ociSpec: {ref: {name: mid}, templateValues: {A: a}}}");
  EXPECT_EQ(definition.text, "RUN echo a \n");
  EXPECT_THAT(err_.str(), HasSubstr("mid/ociSpec:1: no value is given for \"B\": it is empty"));

  options_.strict_templates = true;
  const auto error =
      error_of([&] { return define("{ociSpec: {ref: {name: mid}, templateValues: {A: a}}}"); });
  EXPECT_THAT(error, HasSubstr("mid/ociSpec:1: no value is given for \"B\""));
  EXPECT_THAT(error, Not(HasSubstr("\"A\"")));
}

TEST_F(BuildDefinitionTest, Case222NamesTheMissingSecretAndKey) {
  EXPECT_THAT(error_of([&] { return define("{ociSpec: {ref: {name: gone}}}"); }),
              HasSubstr("there is no secret 'gone' with a key 'ociSpec'"));
  EXPECT_THAT(error_of([&] {
                return define("{ociSpec: {ref: {name: mid}, templateValuesFrom: {name: gone}}}");
              }),
              HasSubstr("there is no secret 'gone'"));
}

TEST_F(BuildDefinitionTest, EveryOptionBecomesAnArgument) {
  load(
      "{buildOptions: {version: v, baseImage: b, model: m, trustedBoot: true, kubernetesDistro: "
      "k3s, kubernetesVersion: kv, fips: true, kairosInitImage: i}}");

  EXPECT_THAT(
      kairos_arguments(*artifact().image.build_options),
      ElementsAre(Pair("BASE_IMAGE", "b"), Pair("FIPS", "fips"), Pair("KAIROS_INIT_IMAGE", "i"),
                  Pair("KUBERNETES_DISTRO", "k3s"), Pair("KUBERNETES_VERSION", "kv"),
                  Pair("MODEL", "m"), Pair("TRUSTED_BOOT", "true"), Pair("VERSION", "v")));
}

TEST_F(BuildDefinitionTest, BuildEnvTakesValuesFromEverywhere) {
  secret("s", "{token: hidden}");
  text_ += "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {k: from-map}\n---\n";
  const auto found = environment(
      "[{name: A, value: a}, {name: B, value: \"$(A)$(A)-$$(A)-$(NONE)\"}, {name: E}, "
      "{name: S, valueFrom: {secretKeyRef: {name: s, key: token}}}, {name: T, value: \"x$(S)\"}, "
      "{name: M, valueFrom: {configMapKeyRef: {name: c, key: k}}}, "
      "{name: N, valueFrom: {fieldRef: {fieldPath: metadata.name}}}, "
      "{name: O, valueFrom: {secretKeyRef: {name: none, key: k, optional: true}}}]");

  EXPECT_EQ(found.at("B").value.reveal(), "aa-$(A)-$(NONE)");
  EXPECT_EQ(found.at("E").value.reveal(), "");
  EXPECT_EQ(found.at("S").value.reveal(), "hidden");
  EXPECT_TRUE(found.at("S").is_secret);
  EXPECT_EQ(found.at("T").value.reveal(), "xhidden");
  EXPECT_TRUE(found.at("T").is_secret);
  EXPECT_EQ(found.at("M").value.reveal(), "from-map");
  EXPECT_FALSE(found.at("M").is_secret);
  EXPECT_EQ(found.at("N").value.reveal(), "demo");
  EXPECT_FALSE(found.contains("O"));
}

TEST_F(BuildDefinitionTest, BuildEnvTakesValuesOfMountedConfigMaps) {
  options_.secrets = folder_.path() / "secrets";
  std::filesystem::create_directories(options_.secrets / "configmaps/c");
  std::ofstream(options_.secrets / "configmaps/c/k") << "mounted";
  const auto found = environment("[{name: M, valueFrom: {configMapKeyRef: {name: c, key: k}}}]");

  EXPECT_EQ(found.at("M").value.reveal(), "mounted");
  EXPECT_FALSE(found.at("M").is_secret);
}

TEST_F(BuildDefinitionTest, BuildEnvNamesWhatIsMissing) {
  EXPECT_THAT(error_of([&] {
                return environment("[{name: A, valueFrom: {secretKeyRef: {name: gone, key: k}}}]");
              }),
              HasSubstr("there is no secret 'gone' with a key 'k'"));
  EXPECT_THAT(
      error_of([&] {
        return environment("[{name: A, valueFrom: {configMapKeyRef: {name: gone, key: k}}}]");
      }),
      HasSubstr("there is no ConfigMap 'gone' with a key 'k'"));
  EXPECT_THAT(
      error_of([&] {
        return environment("[{name: A, valueFrom: {resourceFieldRef: {resource: limits.cpu}}}]");
      }),
      HasSubstr("known to a pod alone"));
}

/// What the last step of the definition runs, with a program of ours in kairos-init's place.
class KairosStep : public testing::Test {
 protected:
  /// The arguments of both runs, one per line.
  std::string run(const std::map<std::string, std::string>& arguments) {
    const auto dockerfile = stages::dockerfile::parse_dockerfile(
        std::string(kairos_head()) + std::string(kairos_tail()), "it");
    auto script = dockerfile.instructions.back().text;
    const auto program = (folder_.path() / "kairos-init").string();
    for (auto at = script.find("/kairos-init"); at != std::string::npos;
         at = script.find("/kairos-init", at + program.size())) {
      script.replace(at, std::string_view("/kairos-init").size(), program);
    }
    base::write_file_atomically(
        program, "#!/bin/sh\nfor a in \"$@\"; do printf '%s\\n' \"<$a>\"; done\n", 0755);
    base::Command command{.program = "/bin/sh",
                          .arguments = {"-c", script},
                          .environment = {"MODEL=generic", "TRUSTED_BOOT=false", "FIPS=no-fips"},
                          .working_directory = folder_.path(),
                          .input = ""};
    for (const auto& [name, value] : arguments) command.environment.push_back(name + "=" + value);
    const auto result = base::SystemProcessRunner().run(command, {}, {});
    EXPECT_EQ(result.exit_status, 0) << script;
    EXPECT_FALSE(std::filesystem::exists(program));
    return result.standard_output;
  }
  base::TempDir folder_{base::temp_root(), "kairos_step"};
};

std::string lines(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) text += "<" + word + ">\n";
  return text;
}

TEST_F(KairosStep, CallsKairosInitTwice) {
  EXPECT_EQ(
      run({{"VERSION", "v1"}}),
      lines({"-l", "debug", "-s", "install", "-m", "generic", "-t", "false", "--version", "v1"}) +
          lines({"-l", "debug", "-s", "init", "-m", "generic", "-t", "false", "--version", "v1"}));
}

TEST_F(KairosStep, PassesKubernetesTrustedBootAndFips) {
  EXPECT_THAT(run({{"VERSION", "v1"},
                   {"MODEL", "rpi4"},
                   {"TRUSTED_BOOT", "true"},
                   {"KUBERNETES_DISTRO", "k3s"},
                   {"KUBERNETES_VERSION", "v1.32.0+k3s1"},
                   {"FIPS", "fips"}}),
              HasSubstr(lines({"-m", "rpi4", "-t", "true", "-p", "k3s", "--provider-k3s-version",
                               "v1.32.0+k3s1", "--version", "v1", "--fips"})));
  EXPECT_THAT(run({{"VERSION", "v1"}, {"KUBERNETES_DISTRO", "k0s"}, {"KUBERNETES_VERSION", "2"}}),
              HasSubstr(lines({"-p", "k0s", "--provider-k0s-version", "2", "--version", "v1"})));
  EXPECT_THAT(run({{"VERSION", "v1"}, {"KUBERNETES_DISTRO", "k0s"}}),
              HasSubstr(lines({"-p", "k0s", "--version", "v1"})));
  EXPECT_THAT(run({{"VERSION", "v1"}, {"KUBERNETES_VERSION", "2"}}), Not(HasSubstr("provider")));
}

TEST_F(KairosStep, Case202TakesAnyValueForData) {
  for (const std::string value :
       {"$(touch owned)", "`touch owned`", "\"; touch owned; \"", "'; touch owned; '", "a b  c",
        "*", "\\", "$VERSION", "-n", "", "a\nb", "${IFS}", "~", "!x", "%s"}) {
    const auto said = run({{"VERSION", value},
                           {"MODEL", value},
                           {"TRUSTED_BOOT", value},
                           {"KUBERNETES_DISTRO", "k3s"},
                           {"KUBERNETES_VERSION", value + "x"}});

    EXPECT_THAT(said,
                HasSubstr(lines({"-m", value, "-t", value, "-p", "k3s", "--provider-k3s-version",
                                 value + "x", "--version", value})));
    EXPECT_FALSE(std::filesystem::exists(folder_.path() / "owned")) << value;
  }
  EXPECT_THAT(run({{"VERSION", "v"}, {"KUBERNETES_DISTRO", "$(touch owned)"}}),
              HasSubstr(lines({"-p", "$(touch owned)"})));
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / "owned"));
}

}  // namespace
}  // namespace orchestrator
