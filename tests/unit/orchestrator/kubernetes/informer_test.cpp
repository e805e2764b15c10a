// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/kubernetes/informer.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <spdlog/sinks/null_sink.h>

#include "tests/support/fake_api_server.hpp"

namespace kubernetes = orchestrator::kubernetes;
using namespace std::chrono_literals;
using kubernetes::Informer;
using kubernetes::Object;
using testing::ElementsAre;
using tests::FakeApiServer;

namespace {

Object pod(const std::string& name, int version) {
  return {{"metadata",
           {{"name", name},
            {"namespace", "n"},
            {"resourceVersion", std::to_string(version)},
            {"managedFields", {"much"}}}}};
}

std::string list_of(const std::vector<Object>& items, int version) {
  return Object{{"metadata", {{"resourceVersion", std::to_string(version)}}}, {"items", items}}
      .dump();
}

std::string event(const char* type, const Object& object) {
  return Object{{"type", type}, {"object", object}}.dump() + "\n";
}

/// Answers lists and watches with the next of each that the test gave, then hangs.
class Informing : public testing::Test {
 protected:
  void start(std::vector<std::string> lists, std::vector<FakeApiServer::Answer> watches) {
    lists_ = std::move(lists);
    watches_ = std::move(watches);
    server_ = std::make_unique<FakeApiServer>([this](const auto& request) {
      const std::scoped_lock lock(mutex_);
      if (request.target.find("watch=true") == std::string::npos) {
        return FakeApiServer::Answer{.body = lists_.at(listed_++)};
      }
      if (watched_ < watches_.size()) return watches_.at(watched_++);
      return FakeApiServer::Answer{.hang = true};
    });
    kubernetes::ClusterConfig config;
    config.server = *base::Url::parse(server_->url());
    client_ = std::make_unique<kubernetes::Client>(config);
    Informer::Options options;
    options.first_wait = 1ms;
    options.longest_wait = 4ms;
    options.index = [](const Object& object) {
      return kubernetes::name_of(object).name.substr(0, 1);
    };
    informer_ = std::make_unique<Informer>(*client_, kubernetes::kPods, options, log_);
    informer_->add_handler([this](const auto& before, const auto& after) {
      const std::scoped_lock lock(mutex_);
      const auto text = [](const auto& object) {
        return object ? fmt::format("{}@{}", kubernetes::name_of(*object).name,
                                    kubernetes::version_of(*object))
                      : std::string("-");
      };
      told_.push_back(text(before) + ">" + text(after));
    });
    informer_->start();
  }
  std::vector<std::string> told_when(std::size_t count) {
    for (int tries = 0; tries < 500; ++tries) {
      {
        const std::scoped_lock lock(mutex_);
        if (told_.size() >= count) return told_;
      }
      std::this_thread::sleep_for(10ms);
    }
    const std::scoped_lock lock(mutex_);
    return told_;
  }
  void TearDown() override {
    informer_.reset();
    client_.reset();
    server_.reset();
  }

  std::mutex mutex_;
  std::vector<std::string> lists_;
  std::vector<FakeApiServer::Answer> watches_;
  std::size_t listed_ = 0;
  std::size_t watched_ = 0;
  std::vector<std::string> told_;
  std::shared_ptr<spdlog::logger> log_ =
      std::make_shared<spdlog::logger>("test", std::make_shared<spdlog::sinks::null_sink_mt>());
  std::unique_ptr<FakeApiServer> server_;
  std::unique_ptr<kubernetes::Client> client_;
  std::unique_ptr<Informer> informer_;
};

}  // namespace

TEST_F(Informing, TellsOfTheListAndThenOfEachChange) {
  start({list_of({pod("a", 1), pod("b", 2)}, 5)},
        {{.body = event("MODIFIED", pod("a", 6)) + event("DELETED", pod("b", 7)), .hang = true}});

  EXPECT_THAT(told_when(4), ElementsAre("->a@1", "->b@2", "a@1>a@6", "b@2>-"));
  EXPECT_TRUE(informer_->is_synced());
  EXPECT_EQ(informer_->size(), 1U);
  EXPECT_EQ(informer_->find({"n", "b"}), nullptr);
  EXPECT_EQ(informer_->find_by("a").size(), 1U);
  EXPECT_TRUE(informer_->find_by("b").empty());
  EXPECT_FALSE((*informer_->find({"n", "a"}))["metadata"].contains("managedFields"));
}

TEST_F(Informing, GoesOnFromTheLastVersionBookmarksIncluded) {
  start({list_of({pod("a", 1)}, 5)},
        {{.body = event("MODIFIED", pod("a", 6))},
         {.body = event("BOOKMARK", {{"metadata", {{"resourceVersion", "90"}}}})},
         {.body = event("MODIFIED", pod("a", 91)), .hang = true}});

  EXPECT_THAT(told_when(3), ElementsAre("->a@1", "a@1>a@6", "a@6>a@91"));
  const auto requests = server_->requests();
  ASSERT_EQ(requests.size(), 4U) << "listed once only";
  EXPECT_THAT(requests[1].target, testing::HasSubstr("resourceVersion=5&"));
  EXPECT_THAT(requests[2].target, testing::HasSubstr("resourceVersion=6&"));
  EXPECT_THAT(requests[3].target, testing::HasSubstr("resourceVersion=90&"));
}

TEST_F(Informing, ListsAgainWhenTheVersionIsGoneAndTellsOnlyTheDifference) {
  const auto gone = Object{{"code", 410}, {"reason", "Expired"}, {"message", "too old"}};
  start({list_of({pod("a", 1), pod("b", 2), pod("c", 3)}, 5),
         list_of({pod("a", 1), pod("c", 8), pod("d", 9)}, 10)},
        {{.body = event("ERROR", gone)}});

  EXPECT_THAT(told_when(6), ElementsAre("->a@1", "->b@2", "->c@3", "c@3>c@8", "->d@9", "b@2>-"));
  EXPECT_EQ(client_->metrics().value("osartifact_relists_total", R"(kind="Pod")"), 1);
}

TEST_F(Informing, AServerThatFailsIsAskedAgain) {
  start({list_of({pod("a", 1)}, 5)}, {{.status = 500, .body = "{}"},
                                      {.body = "no event\n"},
                                      {.status = 503, .body = ""},
                                      {.body = event("MODIFIED", pod("a", 6)), .hang = true}});

  EXPECT_THAT(told_when(2), ElementsAre("->a@1", "a@1>a@6"));
}

TEST_F(Informing, StopEndsAWatchThatSaysNothing) {
  start({list_of({}, 5)}, {});
  EXPECT_TRUE(informer_->wait_until_synced({}));
  const auto began = std::chrono::steady_clock::now();
  informer_->stop();
  EXPECT_LT(std::chrono::steady_clock::now() - began, 5s);
}
