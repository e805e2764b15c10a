// SPDX-License-Identifier: Apache-2.0
#include "oci/mirrored_registry.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>

#include <functional>
#include <set>
#include <sstream>

#include "base/error.hpp"
#include "oci/referrer_lists.hpp"

namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const std::string kLayer = "the bytes of a layer";

base::Error failure(base::ErrorCode code, const std::string& why) {
  return base::Error({.code = code, .what = "cannot reach it", .why = why, .hint = "a hint"});
}

oci::Descriptor layer() {
  return {.media_type = std::string(oci::media_type::kOciLayer),
          .digest = oci::Digest::of(kLayer),
          .size = kLayer.size(),
          .annotations = {},
          .platform = std::nullopt,
          .urls = {}};
}

/// Does what a script says per host, and notes who was asked for what.
class FakeRegistry final : public oci::Registry, public oci::ReferrerLists {
 public:
  using Send = std::function<void(oci::BlobSink&)>;

  oci::Descriptor resolve(const oci::Reference& at, std::stop_token /*stop*/) override {
    ask(at.text());
    return serve(at), layer();
  }
  oci::ManifestDocument manifest(const oci::Reference& at, std::stop_token /*stop*/) override {
    ask(at.text());
    return serve(at), oci::ManifestDocument{.descriptor = layer(), .bytes = at.registry};
  }
  void fetch_blob(const oci::Reference& at, const oci::Descriptor& /*blob*/, oci::BlobSink& sink,
                  std::stop_token /*stop*/) override {
    ask(at.name());
    serve(at);
    if (const auto found = sends.find(at.registry); found != sends.end()) {
      return found->second(sink);
    }
    write(sink, kLayer.substr(sink.offset()));
  }
  std::vector<oci::Descriptor> referrers(const oci::Reference& at, const oci::Digest& /*subject*/,
                                         const std::string& type, std::stop_token /*s*/) override {
    ask(type + " of " + at.name());
    serve(at);
    if (without_referrers.contains(at.registry)) return {};
    return {layer()};
  }
  bool has_blob(const oci::Reference& at, const oci::Descriptor& /*blob*/,
                std::stop_token /*stop*/) override {
    ask("has " + at.name());
    return true;
  }
  bool push_blob(const oci::Reference& at, const oci::Descriptor& /*blob*/,
                 const std::filesystem::path& /*file*/, const std::string& /*mount_from*/,
                 const oci::SentBytes& /*sent*/, std::stop_token /*stop*/) override {
    ask("push " + at.name());
    return true;
  }
  void push_manifest(const oci::Reference& at, const std::string& /*media_type*/,
                     const std::string& /*bytes*/, std::stop_token /*stop*/) override {
    ask("push " + at.text());
  }

  static void write(oci::BlobSink& sink, const std::string& bytes) {
    sink.write(std::as_bytes(std::span(bytes)));
  }

  std::vector<std::string> asked;
  std::map<std::string, base::Error> failures;  ///< By host.
  std::map<std::string, Send> sends;            ///< By host: instead of the whole layer.
  std::set<std::string> without_referrers;      ///< Hosts.

 private:
  void ask(const std::string& what) { asked.push_back(what); }
  void serve(const oci::Reference& at) const {
    const auto found = failures.find(at.registry);
    if (found != failures.end()) throw base::Error(found->second);
  }
};

class TextSink final : public oci::BlobSink {
 public:
  [[nodiscard]] std::uint64_t offset() const override { return text.size(); }
  void restart() override { text.clear(); }
  void write(std::span<const std::byte> data) override {
    text.append(reinterpret_cast<const char*>(data.data()), data.size());
  }
  std::string text;
};

class MirroredRegistry : public testing::Test {
 protected:
  MirroredRegistry() {
    oci::RegistryRules rules;
    add_mirror_flag("quay.io=https://one.corp", rules);
    add_mirror_flag("quay.io=https://two.corp/quay", rules);
    auto log = std::make_shared<spdlog::logger>(
        "test", std::make_shared<spdlog::sinks::ostream_sink_mt>(log_));
    registry_ = make_mirrored_registry(rules, fake_, fake_, log);
  }
  std::string fetch(const std::string& start = "") {
    TextSink sink;
    sink.text = start;
    registry_->fetch_blob(name_, layer(), sink, {});
    return sink.text;
  }
  base::Error error_of(const std::function<void()>& call) {
    try {
      call();
    } catch (const base::Error& error) {
      return error;
    }
    return failure(base::ErrorCode::kInternal, "nothing was thrown");
  }

  std::shared_ptr<FakeRegistry> fake_ = std::make_shared<FakeRegistry>();
  std::ostringstream log_;
  std::unique_ptr<oci::Registry> registry_;
  const oci::Reference name_ = oci::Reference::parse("quay.io/a/b:1");
};

}  // namespace

TEST_F(MirroredRegistry, TheFirstMirrorThatHasItIsEnough) {
  const auto document = registry_->manifest(name_, {});

  EXPECT_EQ(document.bytes, "one.corp");
  EXPECT_THAT(fake_->asked, ElementsAre("one.corp/a/b:1"));
  EXPECT_THAT(log_.str(), HasSubstr("quay.io/a/b comes from one.corp/a/b (--registry-mirror)"));
}

TEST_F(MirroredRegistry, WhatAMirrorDoesNotListTheNextPlaceMay) {
  fake_->without_referrers = {"one.corp", "two.corp"};
  auto& lists = dynamic_cast<oci::ReferrerLists&>(*registry_);

  EXPECT_EQ(lists.referrers(name_, layer().digest, "a/type", {}).size(), 1U);
  EXPECT_THAT(fake_->asked, ElementsAre("a/type of one.corp/a/b", "a/type of two.corp/quay/a/b",
                                        "a/type of quay.io/a/b"));

  fake_->without_referrers.insert("quay.io");
  EXPECT_TRUE(lists.referrers(name_, layer().digest, "a/type", {}).empty());
}

TEST_F(MirroredRegistry, OtherNamesGoStraightToTheirRegistry) {
  fake_->failures.emplace("ghcr.io", failure(base::ErrorCode::kNotFound, "404"));

  const auto error =
      error_of([&] { registry_->manifest(oci::Reference::parse("ghcr.io/a/b:1"), {}); });

  EXPECT_THAT(fake_->asked, ElementsAre("ghcr.io/a/b:1"));
  EXPECT_EQ(error.facts().why, "404");
  EXPECT_THAT(log_.str(), IsEmpty());
}

TEST_F(MirroredRegistry, Case063AMirrorThatLacksOrBreaksIsPassedOver) {
  fake_->failures.emplace("one.corp", failure(base::ErrorCode::kNotFound, "GET x: 404"));
  fake_->failures.emplace("two.corp", failure(base::ErrorCode::kRegistry, "GET x: 503"));

  EXPECT_EQ(registry_->manifest(name_, {}).bytes, "quay.io");
  EXPECT_EQ(fetch(), kLayer);

  EXPECT_THAT(fake_->asked, ElementsAre("one.corp/a/b:1", "two.corp/quay/a/b:1", "quay.io/a/b:1",
                                        "one.corp/a/b", "quay.io/a/b"))
      << "one lacked a manifest and may have the blob; two broke";
  EXPECT_THAT(log_.str(),
              HasSubstr("the mirror two.corp (--registry-mirror) failed for two.corp/quay/a/b: "
                        "GET x: 503"));
}

TEST_F(MirroredRegistry, Case057TheLastErrorListsEveryPlace) {
  fake_->failures.emplace("one.corp", failure(base::ErrorCode::kNetwork, "handshake failure"));
  fake_->failures.emplace("two.corp", failure(base::ErrorCode::kUnauthorized, "GET x: 401"));
  fake_->failures.emplace("quay.io", failure(base::ErrorCode::kNotFound, "GET x: 404"));

  const auto first = error_of([&] { registry_->resolve(name_, {}); });
  const auto second = error_of([&] { registry_->resolve(name_, {}); });

  EXPECT_EQ(first.code(), base::ErrorCode::kNotFound);
  EXPECT_EQ(first.facts().what, "cannot pull quay.io/a/b:1");
  EXPECT_EQ(first.facts().hint, "a hint");
  for (const auto& error : {first, second}) {
    EXPECT_THAT(error.facts().why,
                AllOf(HasSubstr("one.corp: handshake failure"), HasSubstr("two.corp: GET x: 401"),
                      HasSubstr("quay.io: GET x: 404")));
  }
}

TEST_F(MirroredRegistry, Case063AMirrorThatCannotBeReachedIsAskedOnce) {
  fake_->failures.emplace("one.corp", failure(base::ErrorCode::kNetwork, "refused"));

  registry_->resolve(name_, {});
  fetch();
  registry_->manifest(oci::Reference::parse("quay.io/other:1"), {});

  EXPECT_THAT(fake_->asked, ElementsAre("one.corp/a/b:1", "two.corp/quay/a/b:1",
                                        "two.corp/quay/a/b", "two.corp/quay/other:1"));
}

TEST_F(MirroredRegistry, ABlobGoesOnWhereAMirrorBroke) {
  fake_->sends["one.corp"] = [](oci::BlobSink& sink) {
    FakeRegistry::write(sink, kLayer.substr(0, 5));
    throw failure(base::ErrorCode::kNetwork, "broken");
  };
  std::size_t offset = 0;
  fake_->sends["two.corp"] = [&](oci::BlobSink& sink) {
    offset = sink.offset();
    FakeRegistry::write(sink, kLayer.substr(sink.offset()));
  };

  EXPECT_EQ(fetch(), kLayer);
  EXPECT_EQ(offset, 5U);
}

TEST_F(MirroredRegistry, Case063WrongBytesAreToldOfAndTheNextPlaceIsAsked) {
  const auto wrong = [](oci::BlobSink& sink) {
    FakeRegistry::write(sink, std::string(kLayer.size(), 'x'));
  };
  fake_->sends["one.corp"] = wrong;
  fake_->sends["two.corp"] = wrong;

  EXPECT_EQ(fetch(), kLayer);
  EXPECT_THAT(log_.str(),
              AllOf(HasSubstr("one.corp"), HasSubstr("two.corp"),
                    HasSubstr("it sent " + oci::Digest::of(std::string(kLayer.size(), 'x')).text() +
                              " as blob " + layer().digest.text())));
}

TEST_F(MirroredRegistry, Case063WrongBytesOfABrokenMirrorAreNotBlamedOnTheNext) {
  fake_->sends["one.corp"] = [](oci::BlobSink& sink) {
    FakeRegistry::write(sink, "wrong");
    throw failure(base::ErrorCode::kNetwork, "broken");
  };

  EXPECT_EQ(fetch(), kLayer);
  EXPECT_THAT(fake_->asked, ElementsAre("one.corp/a/b", "two.corp/quay/a/b", "two.corp/quay/a/b"));
}

TEST_F(MirroredRegistry, Case063AManifestWithAnotherDigestIsPassedOver) {
  fake_->failures.emplace("one.corp", failure(base::ErrorCode::kIntegrity, "another digest"));
  auto pinned = name_;
  pinned.digest = layer().digest;

  EXPECT_EQ(registry_->manifest(pinned, {}).bytes, "two.corp");
  EXPECT_THAT(log_.str(), HasSubstr("one.corp (--registry-mirror) failed for one.corp/a/b: "
                                    "another digest"));
}

TEST_F(MirroredRegistry, WrongBytesEverywhereAreAnIntegrityError) {
  for (const auto* host : {"one.corp", "two.corp", "quay.io"}) {
    fake_->sends[host] = [](oci::BlobSink& sink) {
      FakeRegistry::write(sink, std::string(kLayer.size(), 'x'));
    };
  }

  EXPECT_EQ(error_of([&] { fetch(); }).code(), base::ErrorCode::kIntegrity);
}

TEST_F(MirroredRegistry, OurOwnTroubleEndsThePull) {
  for (const auto code :
       {base::ErrorCode::kNoSpace, base::ErrorCode::kInterrupted, base::ErrorCode::kUsage}) {
    fake_->asked.clear();
    fake_->failures.clear();
    fake_->failures.emplace("one.corp", failure(code, ""));

    EXPECT_EQ(error_of([&] { registry_->manifest(name_, {}); }).code(), code);
    EXPECT_THAT(fake_->asked, ElementsAre("one.corp/a/b:1"));
  }
}

TEST_F(MirroredRegistry, PushesNeverGoToAMirror) {
  registry_->has_blob(name_, layer(), {});
  registry_->push_blob(name_, layer(), "file", "", {}, {});
  registry_->push_manifest(name_, "type", "{}", {});

  EXPECT_THAT(fake_->asked,
              ElementsAre("has quay.io/a/b", "push quay.io/a/b", "push quay.io/a/b:1"));
}

TEST_F(MirroredRegistry, ADigestFoundForATagIsStillAPullByTag) {
  oci::RegistryRules rules;
  rules.set({.prefix = "quay.io",
             .location = "",
             .insecure = false,
             .blocked = false,
             .mirrors = {{.location = "tags.corp",
                          .insecure = false,
                          .plain_http = false,
                          .pull = oci::RegistryMirror::Pull::kTagOnly,
                          .origin = "a.conf"}},
             .origin = "a.conf"});
  registry_ = make_mirrored_registry(rules, fake_, fake_, std::make_shared<spdlog::logger>("test"));
  auto pinned = name_;
  pinned.digest = layer().digest;

  EXPECT_EQ(registry_->manifest(pinned, {}).bytes, "quay.io");
  registry_->resolve(name_, {});
  EXPECT_EQ(registry_->manifest(pinned, {}).bytes, "tags.corp");
}
