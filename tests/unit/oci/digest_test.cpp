// SPDX-License-Identifier: Apache-2.0
#include "oci/digest.hpp"

#include <gtest/gtest.h>

namespace {
const std::string kEmpty =
    "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
}

TEST(Digest, OfNothingIsTheKnownValue) { EXPECT_EQ(oci::Digest::of("").text(), kEmpty); }

TEST(Digest, Case103RefusesWhatIsNotCanonical) {
  EXPECT_TRUE(oci::Digest::parse(kEmpty).has_value());
  for (const std::string text :
       {"sha256:E3B0", "md5:d41d8cd98f00b204e9800998ecf8427e", "sha256:../../etc/passwd",
        "sha256:", ":", "", "sha256",
        "SHA256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b85/",
        "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b8551",
        "sha512:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}) {
    EXPECT_FALSE(oci::Digest::parse(text).has_value()) << text;
  }
  auto upper = kEmpty;
  upper[10] = 'A';
  EXPECT_FALSE(oci::Digest::parse(upper).has_value());
}

TEST(Digest, Case104Sha512IsSupported) {
  oci::Hasher hasher("sha512");
  hasher.update("");
  const auto digest = hasher.finish();
  EXPECT_EQ(digest.algorithm(), "sha512");
  EXPECT_EQ(digest.hex().size(), 128U);
  EXPECT_TRUE(oci::Digest::parse(digest.text()).has_value());
}
