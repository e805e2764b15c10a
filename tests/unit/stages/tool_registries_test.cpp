// SPDX-License-Identifier: Apache-2.0
#include "stages/tool_registries.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "auth/docker_config.hpp"
#include "base/error.hpp"

namespace stages {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class ToolRegistriesTest : public testing::Test {
 protected:
  void knows(const std::string& image, const std::string& user) {
    credentials_[image] = {.kind = auth::Credential::Kind::kBasic,
                           .user = user,
                           .secret = base::Secret("password of " + user),
                           .origin = "a test"};
  }
  [[nodiscard]] ToolRegistries registries(const std::vector<std::string>& names) {
    const RegistryKnowledge knowledge{
        .login = [this](const oci::Reference& place,
                        const std::stop_token&) -> std::optional<auth::Credential> {
          asked_.push_back(place.name());
          if (dead_.contains(place.name())) {
            throw base::Error(
                {.code = base::ErrorCode::kNetwork, .what = "dead", .why = "", .hint = ""});
          }
          const auto found = credentials_.find(place.name());
          if (found == credentials_.end()) return std::nullopt;
          return found->second;
        },
        .places = [this](const oci::Reference& image) { return rules_.places_for(image, false); },
        .trust = std::make_shared<base::TlsTrust>(trust_, "")};
    std::vector<oci::Reference> images;
    for (const auto& name : names) images.push_back(oci::Reference::parse(name));
    return ToolRegistries(knowledge, images, {});
  }
  [[nodiscard]] static auth::DockerConfig config_of(const ToolRegistries& registries) {
    return auth::DockerConfig::parse(registries.docker_config(), "it");
  }

  std::map<std::string, auth::Credential> credentials_;
  std::set<std::string> dead_;
  std::vector<std::string> asked_;
  oci::RegistryRules rules_;
  base::TlsTrustOptions trust_;
};

TEST_F(ToolRegistriesTest, GivesOnlyWhatTheImagesNeed) {
  knows("reg.io/a/b", "one");
  knows("other.io/c", "two");

  const auto config = config_of(registries({"reg.io/a/b:1", "reg.io/a/b:2"}));

  EXPECT_THAT(asked_, ElementsAre("reg.io/a/b"));
  EXPECT_EQ(config.find("reg.io", "a/b")->user, "one");
  EXPECT_EQ(config.find("reg.io", "a/b")->secret.reveal(), "password of one");
  EXPECT_FALSE(config.find("other.io", "c"));
}

TEST_F(ToolRegistriesTest, TwoCredentialsForOneHostStandUnderTheirImages) {
  knows("reg.io/a/b", "one");
  knows("reg.io/c", "two");
  knows("docker.io/library/debian", "three");

  const auto config = config_of(
      registries({"reg.io/a/b", "reg.io/c", "reg.io/public", "debian", "docker.io/team/private"}));

  EXPECT_EQ(config.find("reg.io", "a/b")->user, "one");
  EXPECT_EQ(config.find("reg.io", "c")->user, "two");
  EXPECT_FALSE(config.find("reg.io", "public"));
  EXPECT_EQ(config.find("docker.io", "library/debian")->user, "three");
  EXPECT_FALSE(config.find("docker.io", "team/private"));
}

TEST_F(ToolRegistriesTest, TokensStayWhatTheyAre) {
  credentials_["reg.io/a"] = {.kind = auth::Credential::Kind::kIdentityToken,
                              .user = "",
                              .secret = base::Secret("refresh"),
                              .origin = "a test"};

  const auto found = config_of(registries({"reg.io/a"})).find("reg.io", "a");

  EXPECT_EQ(found->kind, auth::Credential::Kind::kIdentityToken);
  EXPECT_EQ(found->secret.reveal(), "refresh");
}

TEST_F(ToolRegistriesTest, TellsOfMirrorsAndWhatIsNotToBeVerified) {
  oci::add_mirror_flag("docker.io=http://mirror.corp:5000/hub", rules_);
  rules_.add_trust(trust_);
  trust_.insecure_hosts.insert("reg.io");

  const auto text = registries({"debian", "reg.io/a", "safe.io/b"}).registries_conf();

  EXPECT_THAT(text, HasSubstr("[[registry]]\nlocation = \"reg.io\"\ninsecure = true\n"));
  EXPECT_THAT(text, HasSubstr("[[registry]]\nlocation = \"safe.io\"\ninsecure = false\n"));
  EXPECT_THAT(text, HasSubstr("[[registry]]\nprefix = \"docker.io/library/debian\"\n"
                              "location = \"docker.io/library/debian\"\ninsecure = false\n"
                              "[[registry.mirror]]\n"
                              "location = \"mirror.corp:5000/hub/library/debian\"\n"
                              "insecure = true\n"));
  EXPECT_THAT(text, Not(HasSubstr("prefix = \"reg.io")));
}

TEST_F(ToolRegistriesTest, AMirrorMayBeDeadButNotTheOnlyPlace) {
  oci::add_mirror_flag("quay.io=https://mirror.corp", rules_);
  dead_ = {"mirror.corp/a", "reg.io/a"};
  knows("quay.io/a", "one");

  EXPECT_EQ(config_of(registries({"quay.io/a"})).find("quay.io", "a")->user, "one");
  EXPECT_THROW(static_cast<void>(registries({"reg.io/a"})), base::Error);
}

}  // namespace
}  // namespace stages
