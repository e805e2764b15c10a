// SPDX-License-Identifier: Apache-2.0
#include "stages/dockerfile/native_engine.hpp"

#include <sys/stat.h>

#include <thread>

#include "base/files.hpp"
#include "tests/unit/stages/dockerfile/engine_fixture.hpp"

namespace {

namespace fs = std::filesystem;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

/// The same in both kinds of snapshots.
class NativeEngine : public tests::EngineFixture,
                     public testing::WithParamInterface<oci::SnapshotKind> {
 protected:
  void SetUp() override {
    options_.may_mount = GetParam() == oci::SnapshotKind::kOverlay;
    if (!options_.may_mount) return;
    if (!may_mount()) GTEST_SKIP() << "needs root and a mount namespace";
    if (const auto why = oci::overlay_obstacle(store_)) GTEST_SKIP() << *why;
  }
};
INSTANTIATE_TEST_SUITE_P(Kinds, NativeEngine,
                         testing::Values(oci::SnapshotKind::kOverlay,
                                         oci::SnapshotKind::kDirectory),
                         [](const auto& kind) { return std::string(oci::name_of(kind.param)); });

TEST_P(NativeEngine, WritesTheConfigAsBuildKitDoes) {
  const auto config =
      config_of(build("FROM base\n"
                      "MAINTAINER me\n"
                      "ENV A=1 B=\"two words\"\n"
                      "LABEL k=$A\n"
                      "EXPOSE 80 53/udp\n"
                      "VOLUME /data\n"
                      "USER app\n"
                      "STOPSIGNAL SIGINT\n"
                      "HEALTHCHECK --interval=5s CMD true\n"
                      "SHELL [\"/bin/bash\", \"-c\"]\n"
                      "ENTRYPOINT [\"/init\"]\n"
                      "CMD run it\n"
                      "ONBUILD RUN x\n"));

  const auto& inner = config["config"];
  EXPECT_EQ(config["author"], "me");
  EXPECT_THAT(inner["Env"].get<std::vector<std::string>>(),
              testing::IsSupersetOf({"A=1", "B=two words"}));
  EXPECT_EQ(inner["Labels"]["k"], "1");
  EXPECT_EQ(inner["ExposedPorts"], (nlohmann::json{{"80/tcp", nlohmann::json::object()},
                                                   {"53/udp", nlohmann::json::object()}}));
  EXPECT_TRUE(inner["Volumes"].contains("/data"));
  EXPECT_EQ(inner["User"], "app");
  EXPECT_EQ(inner["StopSignal"], "SIGINT");
  EXPECT_EQ(inner["Healthcheck"],
            (nlohmann::json{{"Test", {"CMD-SHELL", "true"}}, {"Interval", 5'000'000'000}}));
  EXPECT_EQ(inner["Entrypoint"], nlohmann::json({"/init"}));
  EXPECT_EQ(inner["Cmd"], nlohmann::json({"/bin/bash", "-c", "run it"}));
  EXPECT_EQ(inner["OnBuild"], nlohmann::json({"RUN x"}));
  EXPECT_THAT(runner_.containers, IsEmpty());
}

TEST_P(NativeEngine, RunsWhatRunSaysWithWhatTheStageHas) {
  build(
      "FROM base\n"
      "ARG V=1\n"
      "ENV E=2\n"
      "USER app\n"
      "WORKDIR /srv\n"
      "RUN write made $V\n"
      "RUN [\"/bin/x\", \"$V\"]\n");

  ASSERT_THAT(runner_.containers, SizeIs(2));
  const auto& shell = runner_.containers[0];
  EXPECT_THAT(shell.arguments, ElementsAre("/bin/sh", "-c", "write made $V"));
  EXPECT_THAT(shell.environment, Contains("V=1"));
  EXPECT_THAT(shell.environment, Contains("E=2"));
  EXPECT_THAT(shell.environment, Contains("HOME=/home/app"));
  EXPECT_EQ(shell.user, 1000U);
  EXPECT_EQ(shell.group, 1001U);
  EXPECT_EQ(shell.working_directory, "/srv");
  EXPECT_THAT(runner_.containers[1].arguments, ElementsAre("/bin/x", "$V"));
}

TEST_P(NativeEngine, MakesALayerPerStepThatChangesFiles) {
  context_.file("a", "from the context");
  const auto image = build(
      "FROM base\n"
      "COPY a /etc/\n"
      "ENV A=1\n"
      "RUN remove old\n"
      "RUN print nothing\n"
      "WORKDIR /made/by/workdir\n");

  const auto config = config_of(image);
  EXPECT_EQ(config["rootfs"]["diff_ids"].size(), 4U);
  EXPECT_THAT(history_of(image),
              ElementsAre("COPY a /etc/", "ENV A=1", "RUN /bin/sh -c remove old",
                          "RUN /bin/sh -c print nothing", "WORKDIR /made/by/workdir"));
  EXPECT_EQ(config["history"][4]["empty_layer"], true);
  const auto root = unpack(image);
  EXPECT_TRUE(fs::exists(root / "etc/a"));
  EXPECT_FALSE(fs::exists(root / "old"));
  EXPECT_TRUE(fs::is_directory(root / "made/by/workdir"));
}

TEST_P(NativeEngine, DoesNothingWhenNothingChanged) {
  context_.file("a");
  const std::string dockerfile =
      "FROM base AS one\nRUN write x 1\nFROM base\nCOPY a /a\nRUN write y 2\nCOPY --from=one /x "
      "/x\n";
  const auto first = build(dockerfile);
  const auto ran = runner_.containers.size();
  const auto usage = store_.usage();

  const auto second = build(dockerfile);

  EXPECT_EQ(first.digest, second.digest);
  EXPECT_EQ(runner_.containers.size(), ran);
  EXPECT_EQ(store_.usage().snapshots, usage.snapshots);
  EXPECT_EQ(store_.usage().blobs, usage.blobs);
}

TEST_P(NativeEngine, DoesAgainWhatComesAfterAChange) {
  context_.file("a", "1");
  const std::string dockerfile = "FROM base\nRUN write x 1\nCOPY a /a\nRUN write y 2\n";
  build(dockerfile);
  context_.file("a", "2");
  runner_.containers.clear();

  build(dockerfile);

  ASSERT_THAT(runner_.containers, SizeIs(1));
  EXPECT_EQ(runner_.containers[0].arguments.back(), "write y 2");
}

TEST_P(NativeEngine, DoesAllAgainWithoutTheCache) {
  build("FROM base\nRUN write x 1\n");
  options_.use_cache = false;

  build("FROM base\nRUN write x 1\n");

  EXPECT_THAT(runner_.containers, SizeIs(2));
}

TEST_P(NativeEngine, BuildsTheStagesThatTheTargetNeeds) {
  const std::string dockerfile =
      "FROM base AS unused\nRUN exit 1\n"
      "FROM base AS source\nRUN write made 1\n"
      "FROM source AS middle\nRUN write more 2\n"
      "FROM scratch AS last\nCOPY --from=middle /made /more /\nCOPY --from=1 /made /again\n"
      "FROM base AS other\nRUN exit 1\n";
  options_.target = "LAST";
  options_.threads = 4;

  const auto root = unpack(build(dockerfile));

  EXPECT_TRUE(fs::exists(root / "made"));
  EXPECT_TRUE(fs::exists(root / "more"));
  EXPECT_TRUE(fs::exists(root / "again"));
  EXPECT_FALSE(fs::exists(root / "etc"));
  EXPECT_THAT(runner_.containers, SizeIs(2));
}

TEST_P(NativeEngine, SaysWhichStagesThereAre) {
  options_.target = "lats";

  const auto error = error_of("FROM base AS last\n");

  EXPECT_EQ(error.code(), base::ErrorCode::kManifest);
  EXPECT_EQ(error.facts().hint, "did you mean 'last'?");
}

TEST_P(NativeEngine, TakesNothingFromALaterStage) {
  options_.target = "0";

  const auto error = error_of("FROM base\nCOPY --from=later /x /x\nFROM base AS later\n");

  EXPECT_EQ(error.code(), base::ErrorCode::kManifest);
  EXPECT_THAT(base::render(error), HasSubstr("Dockerfile:2"));
}

TEST_P(NativeEngine, RunsTheTriggersOfTheBaseImage) {
  put_image("triggers", [](nlohmann::json& config) {
    config["config"]["OnBuild"] = {"RUN write triggered 1", "ENV T=1"};
  });

  const auto image = build("FROM triggers\nRUN write own $T\n");

  ASSERT_THAT(runner_.containers, SizeIs(2));
  EXPECT_EQ(runner_.containers[0].arguments.back(), "write triggered 1");
  EXPECT_THAT(runner_.containers[1].environment, Contains("T=1"));
  EXPECT_FALSE(config_of(image)["config"].contains("OnBuild"));
}

TEST_P(NativeEngine, SaysWhereAStepFailedAndWhatItPrinted) {
  const auto error =
      error_of("FROM base\nENV A=1\n\nRUN print out \\\n of luck\nRUN print no\nRUN exit 3\n");

  EXPECT_EQ(error.code(), base::ErrorCode::kBuildStep);
  const auto text = base::render(error);
  EXPECT_THAT(text, HasSubstr("step 5/5 failed with exit status 3"));
  EXPECT_THAT(text, HasSubstr("Dockerfile:7: RUN exit 3"));
}

TEST_P(NativeEngine, Case192ScopesArgumentsByStage) {
  options_.build_args = {{"GIVEN", "g"}, {"UNASKED", "u"}};
  build(
      "ARG BASE=base\n"
      "ARG GLOBAL=global\n"
      "FROM $BASE AS one\n"
      "ARG GIVEN\n"
      "RUN print ${GLOBAL:-unset}\n"
      "FROM ${BASE}\n"
      "ARG GLOBAL\n"
      "COPY --from=one /old/x /copied\n"
      "RUN print x\n");

  ASSERT_THAT(runner_.containers, SizeIs(2));
  const auto of = [&](const std::string& script) {
    for (const auto& container : runner_.containers) {
      if (container.arguments.back() == script) return container.environment;
    }
    return std::vector<std::string>();
  };
  EXPECT_THAT(of("print ${GLOBAL:-unset}"), Contains("GIVEN=g"));
  EXPECT_THAT(of("print ${GLOBAL:-unset}"), Not(Contains(HasSubstr("GLOBAL"))));
  EXPECT_THAT(of("print x"), Contains("GLOBAL=global"));
  EXPECT_THAT(of("print x"), Not(Contains(HasSubstr("GIVEN"))));
  EXPECT_THAT(observer_.warnings, Contains(HasSubstr("UNASKED")));
}

TEST_P(NativeEngine, Case192NamesTheLineOfAnEmptyFrom) {
  const auto error = error_of("ARG BASE\n\nFROM $BASE\n");

  EXPECT_EQ(error.code(), base::ErrorCode::kManifest);
  EXPECT_THAT(base::render(error), HasSubstr("Dockerfile:3"));
}

TEST_P(NativeEngine, KnowsThePlatformsAndTheStage) {
  options_.target = "it";
  build("FROM base AS it\nARG TARGETARCH\nARG TARGETPLATFORM\nARG TARGETSTAGE\nRUN print x\n");

  EXPECT_THAT(
      runner_.containers.at(0).environment,
      testing::IsSupersetOf({"TARGETARCH=amd64", "TARGETPLATFORM=linux/amd64", "TARGETSTAGE=it"}));
}

TEST_P(NativeEngine, ShowsProxiesToRunAndToNothingElse) {
  options_.build_args = {{"http_proxy", "http://user:canary@proxy:3128"}};

  build("FROM base\nRUN write x 1\n");

  EXPECT_THAT(runner_.containers.at(0).environment,
              testing::IsSupersetOf({"http_proxy=http://user:canary@proxy:3128",
                                     "HTTP_PROXY=http://user:canary@proxy:3128"}));
  EXPECT_FALSE(store_holds("canary"));
  options_.build_args = {};
  build("FROM base\nRUN write x 1\n");
  EXPECT_THAT(runner_.containers, SizeIs(1));
}

TEST_P(NativeEngine, WritesFilesOfHeredocs) {
  const auto root = unpack(
      build("FROM base\nENV A=1\nCOPY <<one <<\"two\" /made/\nfirst $A\none\nsecond $A\ntwo\n"));

  EXPECT_EQ(base::read_file(root / "made/one", 100), "first 1\n");
  EXPECT_EQ(base::read_file(root / "made/two", 100), "second $A\n");
}

TEST_P(NativeEngine, ChownsByTheNamesOfTheImage) {
  context_.file("a");
  const auto root = unpack(build("FROM base\nCOPY --chown=app a /a\n"));

  struct stat status {};
  ASSERT_EQ(::stat((root / "a").c_str(), &status), 0);
  EXPECT_EQ(status.st_uid, 1000U);
  EXPECT_EQ(status.st_gid, 1001U);
}

TEST_P(NativeEngine, Case203RefusesAnEpochThatIsNone) {
  options_.build_args = {{"SOURCE_DATE_EPOCH", "yesterday"}};

  const auto error = error_of("FROM base\n");

  EXPECT_EQ(error.code(), base::ErrorCode::kManifest);
  EXPECT_EQ(error.facts().what, "SOURCE_DATE_EPOCH 'yesterday' is no time");
}

TEST_P(NativeEngine, Case203MakesTheSameImageTwice) {
  options_.epoch = 1'500'000'000;
  options_.use_cache = false;
  context_.file("a");
  const std::string dockerfile = "FROM base\nCOPY a /\nRUN write made 1\nWORKDIR /w\nENV A=1\n";

  const auto first = build(dockerfile);
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));
  const auto second = build(dockerfile);

  EXPECT_EQ(first.digest, second.digest);
  EXPECT_EQ(config_of(first)["created"], "2017-07-14T02:40:00Z");
}

TEST_P(NativeEngine, LabelsTheImage) {
  options_.labels = {{"a", "1"}};

  EXPECT_EQ(config_of(build("FROM base\nLABEL b=2\n"))["config"]["Labels"],
            (nlohmann::json{{"a", "1"}, {"b", "2"}}));
}

TEST_P(NativeEngine, BuildsForOtherMachinesUpToWhatMustRun) {
  options_.platform = {.os = "linux", .architecture = "loong64", .variant = ""};
  const auto config = config_of(build("FROM scratch\nENV A=1\nWORKDIR /x\n"));
  EXPECT_EQ(config["architecture"], "loong64");

  const auto error = error_of("FROM scratch\nRUN x\n");
  EXPECT_EQ(error.code(), base::ErrorCode::kBuildStep);
  EXPECT_THAT(base::render(error), HasSubstr("loong64"));
  EXPECT_EQ(error_of("FROM base\n").code(), base::ErrorCode::kNotFound);
}

class NativeEngineOfBothKinds : public tests::EngineFixture {};

TEST_F(NativeEngineOfBothKinds, MakesTheSameImageInBothKinds) {
  if (!may_mount()) GTEST_SKIP() << "needs root and a mount namespace";
  options_.epoch = 1'500'000'000;
  options_.use_cache = false;
  context_.file("dir/a").file("dir/b");
  const std::string dockerfile =
      "FROM base AS one\nRUN write made/deep 1\nFROM one\nCOPY dir /dir/\nRUN remove old\n"
      "RUN write dir/a changed\nCOPY --from=one /made /made\n";

  options_.may_mount = true;
  const auto overlay = build(dockerfile);
  options_.may_mount = false;
  const auto directory = build(dockerfile);

  EXPECT_EQ(overlay.digest, directory.digest);
}

}  // namespace
