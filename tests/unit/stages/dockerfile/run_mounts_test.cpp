// SPDX-License-Identifier: Apache-2.0
#include "stages/dockerfile/run_mounts.hpp"

#include <sys/stat.h>

#include <atomic>
#include <thread>

#include "base/files.hpp"
#include "tests/unit/stages/dockerfile/engine_fixture.hpp"

namespace {

namespace fs = std::filesystem;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

/// With and without the right to mount.
class RunMounts : public tests::EngineFixture,
                  public testing::WithParamInterface<oci::SnapshotKind> {
 protected:
  void SetUp() override {
    options_.may_mount = GetParam() == oci::SnapshotKind::kOverlay;
    if (!options_.may_mount) return;
    if (!may_mount()) GTEST_SKIP() << "needs root and a mount namespace";
    if (const auto why = oci::overlay_obstacle(store_)) GTEST_SKIP() << *why;
  }

  /// Calls `look` with the only mount of each container that has some.
  void look_at_mounts(const std::function<void(const oci::ContainerMount&)>& look) {
    runner_.before = [look](const oci::Container& container) {
      if (!container.mounts.empty()) look(container.mounts.front());
    };
  }
};
INSTANTIATE_TEST_SUITE_P(Kinds, RunMounts,
                         testing::Values(oci::SnapshotKind::kOverlay,
                                         oci::SnapshotKind::kDirectory),
                         [](const auto& kind) { return std::string(oci::name_of(kind.param)); });

std::string text_of(const fs::path& path) { return base::read_file(path, 1000); }

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  return names;
}

TEST_P(RunMounts, ShowTheContextWithoutWhatIsIgnored) {
  context_.file("dir/kept", "k").file("dir/secret", "s").file(".dockerignore", "**/secret\n");
  oci::ContainerMount seen;
  std::vector<std::string> names;
  look_at_mounts([&](const oci::ContainerMount& mount) {
    seen = mount;
    names = names_in(mount.source);
  });

  build("FROM base\nWORKDIR /w\nRUN --mount=type=bind,source=dir,target=in print x\n");

  EXPECT_EQ(seen.target, "/w/in");
  EXPECT_TRUE(seen.read_only);
  EXPECT_THAT(names, testing::ElementsAre("kept"));
}

TEST_P(RunMounts, ForgetWhatIsWrittenIntoABind) {
  context_.file("dir/a", "1");
  look_at_mounts([&](const oci::ContainerMount& mount) {
    EXPECT_FALSE(mount.read_only);
    EXPECT_EQ(text_of(mount.source / "a"), "1");
    std::ofstream(mount.source / "a") << "2";
    std::ofstream(mount.source / "b") << "2";
  });

  build("FROM base\nRUN --mount=type=bind,source=dir,target=/in,rw print x\n");

  EXPECT_EQ(context_.content("dir/a"), "1");
  EXPECT_FALSE(fs::exists(context_.path("dir/b")));
}

TEST_P(RunMounts, RunAgainWhenTheContextBehindThemChanged) {
  context_.file("dir/a", "1").file("other", "1");
  const std::string dockerfile =
      "FROM base\nRUN --mount=type=bind,source=dir,target=/in write x 1\n";
  build(dockerfile);
  context_.file("other", "2");
  build(dockerfile);
  EXPECT_THAT(runner_.containers, SizeIs(1));
  context_.file("dir/a", "2");

  build(dockerfile);

  EXPECT_THAT(runner_.containers, SizeIs(2));
}

TEST_P(RunMounts, KeepCachesFromRunToRun) {
  look_at_mounts([&](const oci::ContainerMount& mount) {
    EXPECT_FALSE(mount.read_only);
    struct stat status {};
    EXPECT_EQ(::stat(mount.source.c_str(), &status), 0);
    EXPECT_EQ(status.st_uid, 1000U);
    EXPECT_EQ(status.st_mode & 0777U, 0700U);
    const bool second = fs::exists(mount.source / "from-the-first");
    EXPECT_EQ(runner_.containers.size(), second ? 2U : 1U);
    std::ofstream(mount.source / "from-the-first") << "x";
  });

  for (const auto* step : {"write x 1", "write x 2"}) {
    const auto root = unpack(build(
        std::string("FROM base\nRUN --mount=type=cache,target=/c,uid=1000,mode=0700 ") + step));
    EXPECT_FALSE(fs::exists(root / "c"));
  }
}

TEST_P(RunMounts, Case178KeepsASourceInsideTheCache) {
  look_at_mounts([&](const oci::ContainerMount& mount) {
    EXPECT_THAT(names_in(mount.source), IsEmpty());
    fs::create_directory_symlink("/", mount.source / "out");
  });
  build("FROM base\nRUN --mount=type=cache,id=c,source=../../..,target=/c write x 1\n");
  look_at_mounts([&](const oci::ContainerMount& mount) {
    // "/" is the cache, where the link out is.
    EXPECT_THAT(names_in(mount.source), testing::ElementsAre("out"));
  });

  build("FROM base\nRUN --mount=type=cache,id=c,source=out/../out,target=/c write x 2\n");

  EXPECT_THAT(runner_.containers, SizeIs(2));
}

TEST_P(RunMounts, Case182ResolvesASourceInsideItsStage) {
  const auto error_free = [&](const std::string& source) {
    fs::path seen;
    look_at_mounts([&](const oci::ContainerMount& mount) { seen = text_of(mount.source); });
    build(
        "FROM base AS one\nRUN link out /etc/passwd\nRUN link climb ../../../../../etc/passwd\n"
        "FROM base\nRUN --mount=type=bind,from=one,source=" +
        source + ",target=/in print " + source + "\n");
    return seen.string();
  };

  EXPECT_THAT(error_free("/out"), HasSubstr("app:x:1000"));
  EXPECT_THAT(error_free("climb"), HasSubstr("app:x:1000"));
}

TEST_P(RunMounts, Case183TakesNoRawMountOptions) {
  for (const auto* option : {"bind-propagation=shared", "propagation=rshared", "exec", "dev"}) {
    const auto error = error_of(std::string("FROM base\nRUN --mount=type=bind,target=/x,") +
                                option + " print x\n");
    EXPECT_EQ(error.code(), base::ErrorCode::kManifest) << option;
  }
}

TEST_P(RunMounts, Case181GivesNoStepTheRightsOfTheHost) {
  const auto error = error_of("FROM base\nRUN --security=insecure print x\n");

  EXPECT_EQ(error.code(), base::ErrorCode::kManifest);
  EXPECT_THAT(base::render(error), HasSubstr("Dockerfile:2"));
  EXPECT_THAT(runner_.containers, IsEmpty());
}

TEST_P(RunMounts, Case205SayWhatDoesNotHoldAStep) {
  runner_.missing = {"no seccomp here"};

  build("FROM base\nRUN print x\n");

  EXPECT_THAT(observer_.warnings, Contains("no seccomp here"));
  EXPECT_THAT(runner_.containers, Not(Contains(testing::Field(&oci::Container::privileged, true))));
}

TEST_P(RunMounts, Case194FailsWithoutARequiredSecret) {
  const std::string mount = "FROM base\nRUN --mount=type=secret,id=token";

  const auto error = error_of(mount + ",required=true print x\n");

  EXPECT_EQ(error.code(), base::ErrorCode::kBuildStep);
  EXPECT_EQ(error.facts().what, "the secret 'token' is required");
  build(mount + " print y\n");
  EXPECT_THAT(runner_.containers.at(0).mounts, IsEmpty());
}

TEST_P(RunMounts, Case194ShowsASecretToItsStepAlone) {
  options_.secrets.push_back({.id = "token", .value = base::Secret("canary-value")});
  look_at_mounts([&](const oci::ContainerMount& mount) {
    struct stat status {};
    ASSERT_EQ(::stat(mount.source.c_str(), &status), 0);
    EXPECT_EQ(text_of(mount.source), "canary-value");
    EXPECT_EQ(status.st_mode & 0777U, 0440U);
    EXPECT_EQ(status.st_uid, 1000U);
    EXPECT_TRUE(mount.read_only);
    EXPECT_EQ(mount.target, "/run/secrets/token");
  });

  const auto image = build(
      "FROM base\n"
      "RUN --mount=type=secret,id=token,uid=1000,mode=0440 write x 1\n"
      "RUN --mount=type=secret,id=token,env=TOKEN write y 1\n");

  EXPECT_THAT(runner_.containers.at(1).environment, Contains("TOKEN=canary-value"));
  EXPECT_FALSE(store_holds("canary-value"));
  for (const auto& fact : observer_.facts) EXPECT_THAT(fact, Not(HasSubstr("canary-value")));
  EXPECT_THAT(config_of(image).dump(), Not(HasSubstr("canary-value")));
}

TEST_P(RunMounts, Case271ASecretIsNoPartOfTheCacheKey) {
  options_.secrets.push_back({.id = "token", .value = base::Secret("canary-one")});
  const std::string dockerfile =
      "FROM base\nLABEL a=b\nRUN --mount=type=secret,id=token,env=TOKEN write y 1\n";
  const auto first = build(dockerfile);
  options_.secrets[0].value = base::Secret("canary-two");

  const auto second = build(dockerfile);

  EXPECT_EQ(first.digest, second.digest);
  EXPECT_THAT(runner_.containers, SizeIs(1));
  EXPECT_FALSE(store_holds("canary"));
}

TEST_P(RunMounts, LimitATmpfs) {
  oci::ContainerMount seen;
  look_at_mounts([&](const oci::ContainerMount& mount) { seen = mount; });

  build("FROM base\nRUN --mount=type=tmpfs,target=/t,size=64m print x\n");

  EXPECT_EQ(seen.kind, oci::ContainerMount::Kind::kTmpfs);
  EXPECT_EQ(seen.bytes, 64U << 20);
}

TEST_P(RunMounts, RunAProgramOfAHeredoc) {
  look_at_mounts([&](const oci::ContainerMount& mount) {
    EXPECT_EQ(text_of(mount.source / "EOF"), "#!/usr/bin/x\nprint it\n");
    EXPECT_EQ(mount.target, "/dev/pipes");
  });

  build("FROM base\nRUN <<EOF\n#!/usr/bin/x\nprint it\nEOF\n");

  EXPECT_EQ(runner_.containers.at(0).arguments.back(), "/dev/pipes/EOF");
}

TEST_P(RunMounts, HaveNoNetworkWhereNoneIsWanted) {
  build("FROM base\nRUN --network=none print x\nRUN --network=host print x\nRUN print y\n");

  EXPECT_FALSE(runner_.containers.at(0).network);
  EXPECT_TRUE(runner_.containers.at(1).network);
  EXPECT_TRUE(runner_.containers.at(2).network);
}

/// What runs beside a step may change the cache that the step mounts a part of.
class RunMountsInRace : public tests::EngineFixture {
 protected:
  void SetUp() override {
    if (!may_mount()) GTEST_SKIP() << "needs root and a mount namespace";
    if (const auto why = oci::overlay_obstacle(store_)) GTEST_SKIP() << *why;
  }

  /// Where the cache without a number is kept.
  [[nodiscard]] fs::path cache(const std::string& id) const {
    return store_.result_folder(oci::Digest::of("cache mount 0 " + id));
  }
};

TEST_F(RunMountsInRace, Case179SeesTheCacheThoughALinkTookItsPlace) {
  std::string seen;
  runner_.before = [&](const oci::Container& container) {
    fs::rename(cache("c") / "sub", cache("c") / "away");
    fs::create_directory_symlink("/etc", cache("c") / "sub");
    std::ofstream(cache("c") / "away/mine") << "x";
    seen = names_in(container.mounts.at(0).source).at(0);
  };

  build("FROM base\nRUN --mount=type=cache,id=c,source=sub,target=/c print x\n");

  EXPECT_EQ(seen, "mine");
}

TEST_F(RunMountsInRace, Case184StagesSideBySideReachNothingOfTheHost) {
  TempTree host;
  host.file("canary");
  fs::create_directories(cache("c") / "sub/in");
  std::jthread swapper([&](const std::stop_token& done) {
    while (!done.stop_requested()) {
      std::error_code error;
      fs::rename(cache("c") / "sub", cache("c") / "away", error);
      fs::create_directory_symlink(host.path(), cache("c") / "sub", error);
      fs::remove(cache("c") / "sub", error);
      fs::rename(cache("c") / "away", cache("c") / "sub", error);
    }
  });
  std::atomic<int> reached = 0;
  runner_.before = [&](const oci::Container& container) {
    for (const auto& mount : container.mounts) {
      if (fs::exists(mount.source / "canary") || fs::exists(mount.source / "in/canary")) ++reached;
    }
  };
  std::string dockerfile;
  for (int stage = 0; stage < 4; ++stage) {
    dockerfile += "FROM base AS s" + std::to_string(stage) + "\n";
    for (int step = 0; step < 5; ++step) {
      dockerfile += "RUN --mount=type=cache,id=c,source=sub/in,target=/c print " +
                    std::to_string(step) + "\n";
    }
  }
  dockerfile += "FROM base\n";
  for (int stage = 0; stage < 4; ++stage) {
    dockerfile +=
        "COPY --from=s" + std::to_string(stage) + " /old /x" + std::to_string(stage) + "\n";
  }
  options_.threads = 4;
  options_.may_mount = true;

  try {
    build(dockerfile);
  } catch (const base::Error&) {
    // A folder that is swapped at the wrong moment may fail the step that wanted it.
  }
  swapper.request_stop();
  swapper.join();

  EXPECT_EQ(reached, 0);
  EXPECT_FALSE(fs::exists(host.path("in")));
}

}  // namespace
