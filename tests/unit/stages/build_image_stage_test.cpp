// SPDX-License-Identifier: Apache-2.0
#include "stages/build_image_stage.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

#include "base/error.hpp"
#include "base/temp_dir.hpp"
#include "oci/pull.hpp"
#include "stages/image_record.hpp"
#include "stages/push_stage.hpp"
#include "tests/support/fake_registry.hpp"
#include "tests/support/made_image.hpp"
#include "tests/support/tar_zoo.hpp"

namespace stages {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kSecret = "canary-of-a-secret";

class RecordingObserver final : public StageObserver {
 public:
  void progress(std::uint64_t, std::uint64_t) override {}
  void fact(std::string_view text) override { said.emplace_back(text); }
  void warning(std::string_view text) override { said.emplace_back(text); }
  std::vector<std::string> said;
};

/// Gives an image that is in the store already, or fails; says what it is told to say.
class FakeEngine final : public ImageEngine {
 public:
  [[nodiscard]] std::string_view name() const override { return "fake"; }
  void check(base::ProcessRunner&, const ImageBuild&) const override {}
  oci::Descriptor build(const StageContext& context, const ImageBuild&) const override {
    context.observer.fact(says);
    context.observer.warning(says);
    if (!fails) return image.value();
    throw base::Error(
        {.code = base::ErrorCode::kBuildStep, .what = says, .why = says, .hint = says});
  }
  std::optional<oci::Descriptor> image;
  std::string says = "nothing";
  bool fails = false;
};

class BuildImageStageTest : public testing::Test {
 protected:
  BuildImageStageTest() {
    options_.engine = engine_;
    options_.names = {"localhost/demo:latest"};
    options_.build.dockerfile = "FROM scratch\n";
    options_.build.platform = oci::Platform::parse("amd64");
    engine_->image = tests::make_image(store_, {tests::zoo_tar({tests::file("a")})}).descriptor;
  }

  [[nodiscard]] StageContext context(oci::Registry* registry = nullptr) {
    return {.store = store_,
            .registry = registry,
            .process = process_,
            .observer = observer_,
            .stop = {}};
  }
  Record run() { return BuildImageStage(options_).run(context(), {}, oci::Digest::of("it")); }
  nlohmann::json parameters() { return BuildImageStage(options_).parameters(); }

  base::TempDir folder_{base::temp_root(), "build_image_stage_test"};
  oci::Store store_{folder_.path() / "store"};
  base::SystemProcessRunner process_;
  RecordingObserver observer_;
  std::shared_ptr<FakeEngine> engine_ = std::make_shared<FakeEngine>();
  BuildImageStage::Options options_;
};

TEST_F(BuildImageStageTest, NamesTheImageAndDescribesIt) {
  const auto record = run();

  EXPECT_EQ(image_of(record).digest, engine_->image->digest);
  EXPECT_EQ(record.at("reference"), "localhost/demo:latest");
  EXPECT_EQ(record.at("engine"), "fake");
  EXPECT_EQ(record.at("layers"), 1);
  EXPECT_EQ(record.at("content"), engine_->image->digest.text());
  EXPECT_EQ(store_.find("localhost/demo:latest")->digest, engine_->image->digest);
}

TEST_F(BuildImageStageTest, IsValidWhileTheStoreHasTheWholeImage) {
  const auto record = run();
  const BuildImageStage stage(options_);
  EXPECT_TRUE(stage.still_valid(record, store_));

  store_.remove_blob(oci::read_manifest(store_, *engine_->image).layers[0].digest);

  EXPECT_FALSE(stage.still_valid(record, store_));
}

TEST_F(BuildImageStageTest, Case271LetsNoSecretIntoWhatIsSaid) {
  options_.mask = base::Mask({base::Secret(kSecret)});
  engine_->says = std::string("RUN echo ") + kSecret;
  static_cast<void>(run());
  engine_->fails = true;
  std::string error;
  try {
    static_cast<void>(run());
  } catch (const base::Error& thrown) {
    EXPECT_EQ(thrown.code(), base::ErrorCode::kBuildStep);
    error = base::render(thrown);
  }

  EXPECT_THAT(error, HasSubstr("RUN echo ***"));
  EXPECT_THAT(error, Not(HasSubstr(kSecret)));
  EXPECT_THAT(observer_.said, Contains("RUN echo ***"));
  EXPECT_THAT(observer_.said, Not(Contains(HasSubstr(kSecret))));
}

TEST_F(BuildImageStageTest, DependsOnAllThatMakesTheImage) {
  std::vector<nlohmann::json> seen = {parameters()};
  const auto changes = [&](const auto& change) {
    change(options_);
    const auto now = parameters();
    EXPECT_THAT(seen, Not(Contains(now)));
    seen.push_back(now);
  };
  using Options = BuildImageStage::Options;

  changes([](Options& o) { o.build.dockerfile += "USER 1\n"; });
  changes([](Options& o) { o.build.build_args["A"] = "1"; });
  changes([](Options& o) { o.build.target = "base"; });
  changes([](Options& o) { o.build.platform = oci::Platform::parse("arm64"); });
  changes([](Options& o) { o.build.secrets.push_back({"id", base::Secret(kSecret)}); });
  changes([](Options& o) { o.build.labels["a"] = "b"; });
  changes([](Options& o) { o.build.ignore = {"a"}; });
  changes([](Options& o) { o.build.epoch = 1; });
  changes([](Options& o) { o.bases["debian linux/amd64"] = "sha256:1"; });
  changes([](Options& o) { o.context_digest = "sha256:2"; });
  changes([](Options& o) { o.nonce = "3"; });
  EXPECT_THAT(parameters().dump(), Not(HasSubstr(kSecret)));
}

TEST_F(BuildImageStageTest, DoesNotDependOnTheWayThrough) {
  const auto before = parameters();

  options_.build.build_args["https_proxy"] = "http://user:pass@proxy.example";
  options_.build.build_args["NO_PROXY"] = "*";
  options_.build.threads = 7;
  options_.build.may_mount = true;
  options_.build.use_cache = false;

  EXPECT_EQ(parameters(), before);
}

TEST_F(BuildImageStageTest, APushSendsWhatWasBuiltAndAsksFirst) {
  tests::FakeRegistry registry;
  const auto record = run();
  const PushStage push({.destination = oci::Reference::parse("registry.example/a/b:1")});
  const Inputs inputs = {{"image", record}};

  const auto first = push.run(context(&registry), inputs, oci::Digest::of("it"));
  const auto sent = registry.count("send");
  const auto second = push.run(context(&registry), inputs, oci::Digest::of("it"));

  EXPECT_EQ(first.at("pushed"), "registry.example/a/b:1@" + engine_->image->digest.text());
  EXPECT_GT(sent, 0);
  EXPECT_EQ(registry.count("send"), sent);
  EXPECT_EQ(second.at("sentBytes"), 0);
  EXPECT_FALSE(push.still_valid(first, store_));
  EXPECT_THAT(push.inputs(), ElementsAre("image"));
}

TEST_F(BuildImageStageTest, APushWithoutTheRightToPullPushes) {
  tests::FakeRegistry registry;
  registry.before = [](const std::string& call) {
    if (!call.starts_with("get")) return;
    throw base::Error(
        {.code = base::ErrorCode::kUnauthorized, .what = "no", .why = "", .hint = ""});
  };
  const PushStage push({.destination = oci::Reference::parse("registry.example/a/b:1")});

  static_cast<void>(push.run(context(&registry), {{"image", run()}}, oci::Digest::of("it")));

  EXPECT_EQ(registry.count("put"), 1);
}

}  // namespace
}  // namespace stages
