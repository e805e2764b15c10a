// SPDX-License-Identifier: Apache-2.0
#include "stages/uki/uki_keys.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.hpp"
#include "tests/support/made_uki.hpp"
#include "tests/unit/stages/temp_tree.hpp"

namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class UkiKeys : public testing::Test {
 protected:
  void SetUp() override { tests::write_made_keys(folder.path()); }

  std::string refusal() {
    try {
      static_cast<void>(stages::uki::read_uki_keys(folder.path()));
    } catch (const base::Error& error) {
      EXPECT_EQ(error.code(), base::ErrorCode::kManifest);
      return error.facts().why;
    }
    return "none";
  }

  TempTree folder;
};

TEST_F(UkiKeys, AreSixFiles) {
  const auto keys = stages::uki::read_uki_keys(folder.path());

  EXPECT_TRUE(keys.secure_boot.key);
  EXPECT_TRUE(keys.pcr);
  EXPECT_THAT(keys.warnings, IsEmpty());
  std::vector<std::string> names;
  for (const auto& file : keys.enrolment) names.push_back(file.name);
  EXPECT_THAT(names, ElementsAre("PK.auth", "KEK.auth", "db.auth"));
}

TEST_F(UkiKeys, AreMissedByNameAllAtOnce) {
  std::filesystem::remove(folder.path("db.key"));
  std::filesystem::remove(folder.path("PK.auth"));

  EXPECT_EQ(refusal(), "db.key: not there; PK.auth: not there");
}

TEST_F(UkiKeys, MustBelongTogether) {
  TempTree other;
  tests::write_made_keys(other.path());
  folder.file("db.key", other.content("db.key"));

  EXPECT_EQ(refusal(), "db.key: it is not the key of the certificate db.pem");
}

TEST_F(UkiKeys, MustBeWhatTheirNamesSay) {
  folder.file("db.pem", "no certificate").file("KEK.auth", std::string(100, 'x'));
  folder.file("tpm2-pcr-private.pem", folder.content("db.pem"));

  const auto why = refusal();

  EXPECT_THAT(why, HasSubstr("db.pem: no certificate in PEM"));
  EXPECT_THAT(why, HasSubstr("tpm2-pcr-private.pem: no private key in PEM"));
  EXPECT_THAT(why, HasSubstr("KEK.auth: no signed update of an EFI variable"));
}

TEST_F(UkiKeys, AreNotAskedAPassphraseFor) {
  folder.file("db.key",
              "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
              "MIGjMF8GCSqGSIb3DQEFDTBSMDEGCSqGSIb3DQEFDDAkBBCpJ4UMqMBGhKmMhYqJ\n"
              "-----END ENCRYPTED PRIVATE KEY-----\n");

  EXPECT_THAT(refusal(), HasSubstr("db.key: no private key in PEM without a passphrase"));
}

TEST_F(UkiKeys, NeverShowInAnError) {
  TempTree other;
  tests::write_made_keys(other.path());
  const auto key = folder.content("db.key");
  folder.file("db.pem", key).file("KEK.auth", key);

  const auto why = refusal();

  for (std::size_t i = 40; i + 16 < key.size(); i += 16) {
    EXPECT_THAT(why, Not(HasSubstr(key.substr(i, 16))));
  }
}

TEST_F(UkiKeys, WarnOfMachinesThatWouldRefuseTheImage) {
  auto enrolled = folder.content("db.auth");
  folder.file("db.auth", enrolled.substr(0, enrolled.size() - 1));

  const auto keys = stages::uki::read_uki_keys(folder.path());

  EXPECT_THAT(keys.warnings,
              ElementsAre(HasSubstr("db.auth does not hold the certificate db.pem")));
}

TEST_F(UkiKeys, AreIdentifiedByWhatIsPublic) {
  TempTree other;
  tests::write_made_keys(other.path());
  const auto ours = identify(stages::uki::read_uki_keys(folder.path()));

  EXPECT_EQ(ours, identify(stages::uki::read_uki_keys(folder.path())));
  EXPECT_NE(ours, identify(stages::uki::read_uki_keys(other.path())));
  EXPECT_EQ(ours.dump().find("PRIVATE"), std::string::npos);
}

}  // namespace
