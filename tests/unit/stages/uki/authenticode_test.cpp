// SPDX-License-Identifier: Apache-2.0
#include "stages/uki/authenticode.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.hpp"
#include "tests/support/made_uki.hpp"
#include "tests/unit/stages/temp_tree.hpp"

namespace {

using stages::DiskBytes;
using testing::HasSubstr;

constexpr std::int64_t kEpoch = 1700000000;

class Authenticode : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new TempTree;
    tests::write_made_keys(folder_->path("ours"), "ours");
    tests::write_made_keys(folder_->path("theirs"), "theirs");
  }
  static void TearDownTestSuite() { delete folder_; }

  static stages::uki::UkiKeys keys(const char* owner) {
    return stages::uki::read_uki_keys(folder_->path(owner));
  }

  std::string sign(const std::string& program, const char* owner = "ours",
                   std::int64_t epoch = kEpoch) {
    work.file("program", program);
    stages::uki::sign_pe(work.path("program"), keys(owner).secure_boot, epoch, {});
    return work.content("program");
  }

  std::optional<stages::uki::PeSignature> read(const std::string& program) {
    work.file("read", program);
    const DiskBytes file(work.path("read"));
    return stages::uki::read_signature(file, stages::uki::read_pe(file), {});
  }

  TempTree work;

 private:
  static inline TempTree* folder_ = nullptr;
};

TEST_F(Authenticode, TellsWhoSigned) {
  const auto signature = read(sign(tests::made_pe()));

  ASSERT_TRUE(signature);
  EXPECT_TRUE(signature->valid);
  EXPECT_EQ(signature->signer, "CN=ours db");
  EXPECT_EQ(signature->fingerprint,
            stages::uki::fingerprint_of(keys("ours").secure_boot.certificate.get()));
}

TEST_F(Authenticode, IsNotThereWhereNobodySigned) {
  EXPECT_EQ(read(tests::made_pe()), std::nullopt);
}

TEST_F(Authenticode, IsTheSameForTheSameBytesKeyAndDate) {
  const auto first = sign(tests::made_pe());

  EXPECT_EQ(sign(tests::made_pe()), first);
  EXPECT_NE(sign(tests::made_pe(), "theirs"), first);
  EXPECT_NE(sign(tests::made_pe(), "ours", kEpoch + 1), first);
}

TEST_F(Authenticode, ReplacesASignature) {
  const auto ours = sign(tests::made_pe());

  const auto again = sign(sign(tests::made_pe(), "theirs"));

  EXPECT_EQ(again, ours);
}

TEST_F(Authenticode, CoversEveryByteOfTheProgram) {
  const auto whole = sign(tests::made_pe());
  const auto end = tests::made_pe().size();
  constexpr std::size_t kChecksum = 64 + 24 + 64;
  constexpr std::size_t kCertificates = 64 + 24 + 144;
  // Fields that lead the reader: to change them is another error than a bad signature.
  for (std::size_t i = 0; i < end; ++i) {
    const bool outside =
        (i >= kChecksum && i < kChecksum + 4) || (i >= kCertificates && i < kCertificates + 8);
    auto changed = whole;
    changed[i] = static_cast<char>(changed[i] ^ 0x01);
    std::optional<stages::uki::PeSignature> signature;
    try {
      signature = read(changed);
    } catch (const base::Error&) {
      continue;
    }
    if (outside) continue;
    ASSERT_TRUE(signature) << i;
    EXPECT_FALSE(signature->valid) << i;
  }
}

TEST_F(Authenticode, IsNotValidWithTheSignatureOfAnotherKey) {
  auto signature_of = [](const std::string& program) {
    return program.substr(tests::made_pe().size());
  };
  auto forged = sign(tests::made_pe());
  const auto place = forged.size() - 64;  // Inside the encrypted digest.
  forged[place] = static_cast<char>(forged[place] ^ 0x01);

  EXPECT_NE(signature_of(forged), signature_of(sign(tests::made_pe())));
  EXPECT_FALSE(read(forged)->valid);
}

TEST_F(Authenticode, FillsAProgramOfAnOddLengthUp) {
  const auto odd = tests::made_pe() + "tail";

  const auto signature = read(sign(odd));

  ASSERT_TRUE(signature);
  EXPECT_TRUE(signature->valid);
}

TEST_F(Authenticode, RefusesBytesThatNoSignatureCovers) {
  auto program = tests::made_pe();
  // The last section begins one step later: 512 bytes that no signature covers lie before it.
  constexpr std::size_t kLastRow = 64 + 24 + 240 + 80;
  program.insert(program.size() - 512, std::string(512, '!'));
  program[kLastRow + 21] = static_cast<char>(program[kLastRow + 21] + 2);
  try {
    static_cast<void>(sign(program));
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_THAT(error.facts().why, HasSubstr("bytes before section .sbat"));
  }
}

TEST_F(Authenticode, RefusesASignatureThatCannotBeRead) {
  auto program = sign(tests::made_pe());
  for (std::size_t i = tests::made_pe().size() + 8; i < program.size(); ++i) program[i] = '!';
  try {
    static_cast<void>(read(program));
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_THAT(error.facts().why, HasSubstr("cannot be read"));
  }
}

}  // namespace
