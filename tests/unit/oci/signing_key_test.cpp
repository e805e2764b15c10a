// SPDX-License-Identifier: Apache-2.0
#include "oci/signing_key.hpp"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <cstdio>

#include "base/error.hpp"
#include "base/temp_dir.hpp"

namespace {

class SigningKey : public testing::Test {
 protected:
  /// Makes a key and writes both halves.
  void make(EVP_PKEY* key) {
    auto* file = std::fopen(private_file().c_str(), "w");
    EXPECT_EQ(::PEM_write_PrivateKey(file, key, nullptr, nullptr, 0, nullptr, nullptr), 1);
    std::fclose(file);
    file = std::fopen(public_file().c_str(), "w");
    EXPECT_EQ(::PEM_write_PUBKEY(file, key), 1);
    std::fclose(file);
    ::EVP_PKEY_free(key);
  }
  [[nodiscard]] std::filesystem::path private_file() const { return folder_.path() / "key"; }
  [[nodiscard]] std::filesystem::path public_file() const { return folder_.path() / "pub"; }

  base::TempDir folder_{base::temp_root(), "keys"};
};

}  // namespace

TEST_F(SigningKey, WhatOneHalfSignsTheOtherVerifies) {
  for (auto* key : {::EVP_EC_gen("P-256"), ::EVP_RSA_gen(2048),
                    ::EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")}) {
    make(key);
    const auto sign = oci::SigningKey::read_private(private_file());
    const auto verify = oci::SigningKey::read_public(public_file());

    const auto signature = sign.sign("payload");
    EXPECT_TRUE(verify.verifies("payload", signature));
    EXPECT_FALSE(verify.verifies("another", signature));
    EXPECT_FALSE(verify.verifies("payload", ""));
    EXPECT_FALSE(verify.verifies("payload", signature.substr(1)));
    EXPECT_EQ(sign.name(), verify.name());
  }
}

TEST_F(SigningKey, TheOtherHalfIsNoKeyToUse) {
  make(::EVP_EC_gen("P-256"));

  EXPECT_THROW(static_cast<void>(oci::SigningKey::read_private(public_file())), base::Error);
  EXPECT_THROW(static_cast<void>(oci::SigningKey::read_public(private_file())), base::Error);
}
