// SPDX-License-Identifier: Apache-2.0
#include "oci/registries_conf.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/temp_dir.hpp"

namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class RegistriesConf : public testing::Test {
 protected:
  std::filesystem::path write(const std::string& name, const std::string& text) {
    const auto path = folder_.path() / name;
    base::make_directories(path.parent_path());
    base::write_file_atomically(path, text);
    return path;
  }
  oci::RegistriesConf read(const std::string& text) {
    return oci::read_registries_conf({write("registries.conf", text)});
  }
  std::string error_of(const std::string& text) {
    try {
      read(text);
    } catch (const base::Error& error) {
      EXPECT_EQ(error.code(), base::ErrorCode::kUsage);
      return base::render(error);
    }
    return "nothing was thrown";
  }
  /// The files that count, relative to the test's folder.
  std::vector<std::string> found(const base::Environment& environment) {
    std::vector<std::string> names;
    for (const auto& file : oci::find_registries_conf(environment, folder_.path() / "etc")) {
      names.push_back(file.lexically_relative(folder_.path()));
    }
    return names;
  }
  std::string path(const char* name) { return (folder_.path() / name).string(); }
  base::TempDir folder_{base::temp_root(), "registries-conf"};
};

std::vector<std::string> places(const oci::RegistryRules& rules, const std::string& name) {
  const auto reference = oci::Reference::parse(name);
  std::vector<std::string> texts;
  for (const auto& place : rules.places_for(reference, reference.digest.has_value())) {
    texts.push_back(place.reference.text() + " " +
                    place.origin.substr(place.origin.rfind('/') + 1));
  }
  return texts;
}

const std::string kDigest = "sha256:" + std::string(64, 'a');

}  // namespace

TEST_F(RegistriesConf, ReadsRewritesAndMirrorsWithTheirPlaceInTheFile) {
  const auto conf = read(R"(unqualified-search-registries = ["example.com"]

[[registry]]
prefix = "example.com/foo"
insecure = false
blocked = false
location = "internal.example.net/bar"

[[registry.mirror]]
location = "mirror-0.local/mirror-for-foo/"

[[registry.mirror]]
location = "mirror-1.local/mirrors/foo"
insecure = true
)");

  EXPECT_THAT(places(conf.rules, "example.com/foo/image:latest"),
              ElementsAre("mirror-0.local/mirror-for-foo/image:latest registries.conf:9",
                          "mirror-1.local/mirrors/foo/image:latest registries.conf:12",
                          "internal.example.net/bar/image:latest registries.conf:3"));
  EXPECT_THAT(conf.warnings, IsEmpty());
  base::TlsTrustOptions trust;
  conf.rules.add_trust(trust);
  EXPECT_THAT(trust.insecure_hosts, ElementsAre("mirror-1.local"));
}

TEST_F(RegistriesConf, KnowsWhichMirrorsAreForDigestsAndTags) {
  const auto conf = read(R"(
[[registry]]
location = "a.io"
mirror-by-digest-only = true
mirror = [{location = "m.io"}]
[[registry]]
location = "b.io"
[[registry.mirror]]
location = "tags.io"
pull-from-mirror = "tag-only"
[[registry.mirror]]
location = "digests.io"
pull-from-mirror = "digest-only"
[[registry.mirror]]
location = "all.io"
pull-from-mirror = "all"
)");

  EXPECT_EQ(places(conf.rules, "a.io/x:1").size(), 1U);
  EXPECT_EQ(places(conf.rules, "a.io/x@" + kDigest).size(), 2U);
  EXPECT_THAT(places(conf.rules, "b.io/x:1"),
              ElementsAre(HasSubstr("tags.io"), HasSubstr("all.io"), HasSubstr("b.io")));
  EXPECT_THAT(places(conf.rules, "b.io/x@" + kDigest),
              ElementsAre(HasSubstr("digests.io"), HasSubstr("all.io"), HasSubstr("b.io")));
}

TEST_F(RegistriesConf, RefusesTheFirstFormatWithAHint) {
  EXPECT_THAT(error_of("[registries.search]\nregistries = ['registry1.com']\n"),
              AllOf(HasSubstr("registries.conf:1:"), HasSubstr("first version of the format"),
                    HasSubstr("[[registry]]")));
}

TEST_F(RegistriesConf, ErrorsNameFileAndLine) {
  const struct {
    const char* text;
    const char* what;
  } rows[] = {
      {"a = = 1", "registries.conf:1:5 is no TOML"},
      {"[[registry]]\ninsecure = true", "neither prefix nor location"},
      {"[[registry]]\nlocation = 1", "registries.conf:2:12"},
      {"[[registry]]\nlocation = \"https://a.io\"", "it is a URL"},
      {"[[registry]]\nlocation = \"*.a.io\"", "no host"},
      {"[[registry]]\nlocation = \"a.io\"\ninsecure = \"yes\"", "neither true nor false"},
      {"[[registry]]\nlocation = \"a.io\"\n[[registry]]\nprefix = \"a.io\"", "a second time"},
      {"[registry]\nlocation = \"a.io\"", "'registry' is no list of tables"},
      {"[[registry]]\nlocation = \"a.io\"\n[[registry.mirror]]\ninsecure = true",
       "this mirror has no location"},
      {"[[registry]]\nlocation = \"a.io\"\n[[registry.mirror]]\nlocation = \"b.io\"\n"
       "pull-from-mirror = \"never\"",
       "pull-from-mirror is 'never'"},
      {"[[registry]]\nlocation = \"a.io\"\nmirror-by-digest-only = true\n[[registry.mirror]]\n"
       "location = \"b.io\"\npull-from-mirror = \"all\"",
       "mirror-by-digest-only"},
  };
  for (const auto& row : rows) EXPECT_THAT(error_of(row.text), HasSubstr(row.what)) << row.text;
}

TEST_F(RegistriesConf, TellsOfKeysThatHaveNoEffect) {
  const auto conf = read("[[registry]]\nlocation = \"a.io\"\ninsecur = true\n");

  EXPECT_THAT(conf.warnings,
              ElementsAre(AllOf(HasSubstr("registries.conf:3:"), HasSubstr("'insecur'"),
                                HasSubstr("did you mean 'insecure'?"))));
}

TEST_F(RegistriesConf, TellsOfAHostThatIsInsecureForSomeOfItsImages) {
  const auto conf = read(R"(
[[registry]]
prefix = "a.io/x"
location = "shared.io/x"
insecure = true
[[registry]]
location = "b.io"
[[registry.mirror]]
location = "shared.io/b"
)");

  EXPECT_THAT(conf.warnings, ElementsAre(HasSubstr("shared.io is insecure for all its images")));
}

TEST_F(RegistriesConf, ALaterFileReplacesARule) {
  const auto first = write("1.conf", "[[registry]]\nlocation = \"a.io\"\nblocked = true\n");
  const auto second = write("2.conf",
                            "[[registry]]\nlocation = \"a.io\"\n"
                            "[[registry.mirror]]\nlocation = \"m.io\"\n");

  const auto conf = oci::read_registries_conf({first, second});

  EXPECT_THAT(places(conf.rules, "a.io/x:1"), ElementsAre("m.io/x:1 2.conf:3", "a.io/x:1 "));
}

TEST_F(RegistriesConf, FindsTheSystemsFileAndAllDropIns) {
  write("etc/registries.conf", "");
  write("etc/registries.conf.d/20.conf", "");
  write("etc/registries.conf.d/10.conf", "");
  write("etc/registries.conf.d/30.ignored", "");
  write("home/.config/containers/registries.conf.d/00.conf", "");

  EXPECT_THAT(found({{"HOME", path("home")}}),
              ElementsAre("etc/registries.conf", "etc/registries.conf.d/10.conf",
                          "etc/registries.conf.d/20.conf",
                          "home/.config/containers/registries.conf.d/00.conf"));
  EXPECT_THAT(found({}), ElementsAre("etc/registries.conf", "etc/registries.conf.d/10.conf",
                                     "etc/registries.conf.d/20.conf"));
}

TEST_F(RegistriesConf, TheUsersFileStandsForTheSystems) {
  write("etc/registries.conf", "");
  write("etc/registries.conf.d/10.conf", "");
  write("home/.config/containers/registries.conf", "");
  write("xdg/containers/registries.conf", "");
  write("xdg/containers/registries.conf.d/a.conf", "");

  EXPECT_THAT(found({{"HOME", path("home")}}),
              ElementsAre("home/.config/containers/registries.conf"));
  EXPECT_THAT(
      found({{"HOME", path("home")}, {"XDG_CONFIG_HOME", path("xdg")}}),
      ElementsAre("xdg/containers/registries.conf", "xdg/containers/registries.conf.d/a.conf"));
}

TEST_F(RegistriesConf, TheVariableNamesAFileThatMustBeThere) {
  write("etc/registries.conf", "");
  write("mine.conf", "");

  EXPECT_THAT(found({{"CONTAINERS_REGISTRIES_CONF", path("mine.conf")}}), ElementsAre("mine.conf"));
  EXPECT_THROW(found({{"CONTAINERS_REGISTRIES_CONF", path("none.conf")}}), base::Error);
}

TEST_F(RegistriesConf, NoFileIsNoRule) {
  EXPECT_THAT(found({{"HOME", path("nowhere")}}), IsEmpty());
  EXPECT_TRUE(oci::read_registries_conf({}).rules.empty());
}
