// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/plan.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <mutex>

#include "base/error.hpp"
#include "base/temp_dir.hpp"
#include "orchestrator/executor.hpp"
#include "orchestrator/program_check.hpp"

namespace {

using stages::Inputs;
using stages::Record;

/// Answers nothing: the stages of these tests need no registry.
class NoRegistry final : public oci::Registry {
 public:
  oci::Descriptor resolve(const oci::Reference&, std::stop_token) override { fail(); }
  oci::ManifestDocument manifest(const oci::Reference&, std::stop_token) override { fail(); }
  void fetch_blob(const oci::Reference&, const oci::Descriptor&, oci::BlobSink&,
                  std::stop_token) override {
    fail();
  }
  bool has_blob(const oci::Reference&, const oci::Descriptor&, std::stop_token) override { fail(); }
  bool push_blob(const oci::Reference&, const oci::Descriptor&, const std::filesystem::path&,
                 const std::string&, const oci::SentBytes&, std::stop_token) override {
    fail();
  }
  void push_manifest(const oci::Reference&, const std::string&, const std::string&,
                     std::stop_token) override {
    fail();
  }

 private:
  [[noreturn]] static void fail() { throw std::logic_error("no registry here"); }
};

/// Counts its runs and may fail.
class FakeStage final : public stages::Stage {
 public:
  FakeStage(std::string name, std::vector<std::string> inputs, std::string parameter)
      : name_(std::move(name)), inputs_(std::move(inputs)), parameter_(std::move(parameter)) {}

  std::string_view name() const override { return name_; }
  int version() const override { return 1; }
  std::vector<std::string> inputs() const override { return inputs_; }
  nlohmann::json parameters() const override { return parameter_; }
  bool still_valid(const Record&, const oci::Store&) const override { return valid; }
  Record run(const stages::StageContext& context, const Inputs& inputs,
             const oci::Digest&) const override {
    ++runs;
    if (fails) {
      throw base::Error(
          {.code = base::ErrorCode::kArtifactTool, .what = "it broke", .why = "", .hint = ""});
    }
    if (waits_for_stop) {
      while (!context.stop.stop_requested()) std::this_thread::yield();
      stages::check_stop(context.stop);
    }
    if (!content.empty()) return {{"content", content}};
    for (const auto& name : inputs_) {
      if (inputs.at(name).is_object()) continue;
      EXPECT_EQ(inputs.at(name), Record(name));
    }
    return name_;
  }

  mutable std::atomic<int> runs = 0;
  bool fails = false;
  bool waits_for_stop = false;
  bool valid = true;
  std::string content;  ///< Not empty: the record says so.

 private:
  std::string name_;
  std::vector<std::string> inputs_;
  std::string parameter_;
};

class RecordingSink final : public orchestrator::EventSink {
 public:
  void take(const orchestrator::Event& event) override {
    const std::lock_guard lock(mutex_);
    lines.push_back(std::string(orchestrator::name_of(event.kind)) + " " + event.stage);
    if (event.kind == orchestrator::EventKind::kPlanned) after.push_back(event.after);
  }
  std::vector<std::string> lines;
  std::vector<std::string> after;  ///< Of the stages that are planned.

 private:
  std::mutex mutex_;
};

class PlanTest : public testing::Test {
 protected:
  std::size_t add(const std::shared_ptr<FakeStage>& stage,
                  const std::map<std::string, std::size_t>& inputs, bool goal) {
    return plan_.add("demo", "OSArtifact 'demo' (demo.yaml:1)", stage, registry_, inputs, goal);
  }
  void execute() { orchestrator::execute(plan_, store_, process_, events_, {}, {}, outcomes_); }

  base::TempDir folder_{base::temp_root(), "plan_test"};
  oci::Store store_{folder_.path() / "store"};
  base::SystemProcessRunner process_;
  std::shared_ptr<oci::Registry> registry_ = std::make_shared<NoRegistry>();
  RecordingSink events_;
  orchestrator::Plan plan_;
  std::vector<orchestrator::StageOutcome> outcomes_;
  std::shared_ptr<FakeStage> pull_ =
      std::make_shared<FakeStage>("pull", std::vector<std::string>{}, "a");
  std::shared_ptr<FakeStage> iso_ =
      std::make_shared<FakeStage>("iso", std::vector<std::string>{"pull"}, "b");
};

TEST_F(PlanTest, AnInputMadeAgainThatComesOutTheSameChangesNothing) {
  const auto digest = [](const char* text) { return oci::Digest::of(text).text(); };
  const auto build = [&](const char* parameter, const std::string& content) {
    auto stage = std::make_shared<FakeStage>("pull", std::vector<std::string>{}, parameter);
    stage->content = content;
    plan_ = {};
    const auto made = add(stage, {}, false);
    const auto before = iso_->runs.load();
    add(iso_, {{"pull", made}}, true);
    execute();
    return iso_->runs.load() - before;
  };

  EXPECT_EQ(build("one", digest("image")), 1);
  EXPECT_EQ(build("two", digest("image")), 0);
  EXPECT_EQ(outcomes_.back().state, orchestrator::StageState::kCached);
  EXPECT_EQ(build("three", digest("another image")), 1);
  EXPECT_EQ(build("four", digest("image")), 0);
}

}  // namespace

TEST_F(PlanTest, RunsInputsFirstAndNothingTheSecondTime) {
  const auto pull = add(pull_, {}, false);
  add(iso_, {{"pull", pull}}, true);

  execute();
  execute();

  EXPECT_EQ(pull_->runs, 1);
  EXPECT_EQ(iso_->runs, 1);
  EXPECT_EQ(events_.lines, (std::vector<std::string>{"stage-planned pull", "stage-planned iso",
                                                     "stage-started pull", "stage-finished pull",
                                                     "stage-started iso", "stage-finished iso",
                                                     "stage-planned pull", "stage-planned iso",
                                                     "stage-cached pull", "stage-cached iso"}));
  EXPECT_EQ(events_.after, (std::vector<std::string>{"", "pull", "", "pull"}));
}

TEST_F(PlanTest, AllProgramsThatAreMissingAreNamedAtOnce) {
  using orchestrator::StageState;
  const auto squashfs = std::make_shared<FakeStage>("squashfs", std::vector<std::string>{}, "a");
  const auto made = add(squashfs, {}, false);
  const auto pull = add(pull_, {}, false);
  const auto iso = std::make_shared<FakeStage>("iso", std::vector<std::string>{"pull"}, "b");
  add(iso, {{"pull", pull}, {"squashfs", made}}, true);
  const auto check = [&](const std::vector<StageState>& states) {
    orchestrator::check_programs(plan_, states,
                                 [](const std::string& name) { return name == "mformat"; });
  };

  EXPECT_NO_THROW(check({StageState::kCached, StageState::kRun, StageState::kCached}));
  try {
    check({StageState::kRun, StageState::kRun, StageState::kRun});
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::ErrorCode::kArtifactTool);
    EXPECT_EQ(error.facts().what, "mksquashfs, xorriso are needed and not on PATH");
    EXPECT_EQ(error.facts().hint, "apt-get install squashfs-tools xorriso; nothing was fetched");
  }
}

TEST_F(PlanTest, AnInputThatIsGoneIsNotMadeAgainForACachedGoal) {
  const auto pull = add(pull_, {}, false);
  add(iso_, {{"pull", pull}}, true);
  execute();
  pull_->valid = false;

  execute();

  EXPECT_EQ(pull_->runs, 1);
  EXPECT_EQ(outcomes_[0].state, orchestrator::StageState::kNotNeeded);
}

TEST_F(PlanTest, AGoalThatIsGoneBringsItsInputsBack) {
  const auto pull = add(pull_, {}, false);
  add(iso_, {{"pull", pull}}, true);
  execute();
  pull_->valid = false;
  iso_->valid = false;

  execute();

  EXPECT_EQ(pull_->runs, 2);
  EXPECT_EQ(iso_->runs, 2);
}

TEST_F(PlanTest, TheSameStageTwiceIsOneStage) {
  const auto first = add(pull_, {}, false);
  const auto second =
      add(std::make_shared<FakeStage>("pull", std::vector<std::string>{}, "a"), {}, true);
  const auto other =
      add(std::make_shared<FakeStage>("pull", std::vector<std::string>{}, "other"), {}, true);

  EXPECT_EQ(first, second);
  EXPECT_NE(first, other);
  EXPECT_TRUE(plan_.stages[first].goal);
}

TEST_F(PlanTest, TheFirstFailureIsTheOneThatIsThrown) {
  const auto pull = add(pull_, {}, false);
  add(iso_, {{"pull", pull}}, true);
  auto slow = std::make_shared<FakeStage>("slow", std::vector<std::string>{}, "c");
  slow->waits_for_stop = true;
  add(slow, {}, true);
  pull_->fails = true;

  try {
    execute();
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_STREQ(error.what(), "it broke");
    EXPECT_EQ(error.contexts().at(0), "running stage 'pull' of OSArtifact 'demo' (demo.yaml:1)");
  }
  EXPECT_EQ(iso_->runs, 0);
}
