// SPDX-License-Identifier: Apache-2.0
#include "stages/uki/uki_image.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.hpp"
#include "stages/disk_bytes.hpp"
#include "stages/uki/authenticode.hpp"
#include "stages/uki/pcr_policy.hpp"
#include "stages/uki/uki_check.hpp"
#include "tests/support/made_uki.hpp"
#include "tests/unit/stages/temp_tree.hpp"

namespace {

using stages::Architecture;
using stages::DiskBytes;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr std::int64_t kEpoch = 1700000000;

const std::vector<std::string> kKnownTo254 = {".linux",  ".osrel",  ".cmdline", ".initrd",
                                              ".splash", ".dtb",    ".uname",   ".sbat",
                                              ".pcrsig", ".pcrpkey"};

class UkiImage : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    keys_folder = new TempTree;
    tests::write_made_keys(keys_folder->path());
  }
  static void TearDownTestSuite() { delete keys_folder; }

  void SetUp() override {
    root.file("usr/bin/immucore", "init").file("etc/hostname", "box").folder("usr/local");
    work.file("stub", tests::made_pe()).file("kernel", tests::made_pe({.magic = "a kernel"}));
  }

  std::filesystem::path make(const std::string& name = "norole.efi") {
    stages::uki::UkiContents contents;
    contents.stub = work.path("stub");
    contents.kernel = work.path("kernel");
    contents.release = "6.1.0-made";
    contents.os_release = "ID=made\n";
    stages::uki::make_uki(stages::RootTree(root.path()), contents, keys, work.path(name),
                          {.epoch = kEpoch}, {}, {});
    return work.path(name);
  }

  std::string problem(const std::filesystem::path& uki,
                      Architecture architecture = Architecture::kAmd64) {
    try {
      stages::uki::check_uki(uki, architecture, fingerprint, {});
    } catch (const base::Error& error) {
      return error.facts().why;
    }
    return "none";
  }

  static inline TempTree* keys_folder = nullptr;
  stages::uki::UkiKeys keys = stages::uki::read_uki_keys(keys_folder->path());
  std::string fingerprint = stages::uki::fingerprint_of(keys.secure_boot.certificate.get());
  TempTree root;
  TempTree work;
};

TEST_F(UkiImage, HoldsItsPartsInOrder) {
  const auto uki = make();

  const DiskBytes file(uki);
  const auto image = stages::uki::read_pe(file);
  std::vector<std::string> names;
  for (const auto& section : image.sections) names.push_back(section.name);
  EXPECT_THAT(names, ElementsAre(".text", ".data", ".sbat", ".osrel", ".cmdline", ".initrd",
                                 ".uname", ".pcrpkey", ".linux", ".pcrsig"));
  const auto content = [&](const char* name) {
    return stages::uki::section_content(file, *image.find(name), 1U << 20);
  };
  EXPECT_EQ(content(".linux"), work.content("kernel"));
  EXPECT_EQ(content(".osrel"), "ID=made\n");
  EXPECT_EQ(content(".uname"), "6.1.0-made");
  EXPECT_EQ(content(".cmdline"), stages::uki::kCommandLine);
  EXPECT_EQ(problem(uki), "none");
}

TEST_F(UkiImage, KeepsTheStubAsItWas) {
  const DiskBytes file(make());
  const auto image = stages::uki::read_pe(file);
  const DiskBytes stub(work.path("stub"));
  const auto before = stages::uki::read_pe(stub);

  for (const auto& section : before.sections) {
    const auto* now = image.find(section.name);
    EXPECT_EQ(now->virtual_address, section.virtual_address);
    EXPECT_EQ(now->characteristics, section.characteristics);
    EXPECT_EQ(stages::uki::section_content(file, *now, 4096),
              stages::uki::section_content(stub, section, 4096));
  }
}

TEST_F(UkiImage, IsTheSameFromTheSameInputs) {
  make("first");
  make("second");

  EXPECT_EQ(work.content("first"), work.content("second"));
}

TEST_F(UkiImage, HoldsNoPrivateKey) {
  make();
  const auto image = work.content("norole.efi");

  for (const char* name : {"db.key", "tpm2-pcr-private.pem"}) {
    const auto key = keys_folder->content(name);
    EXPECT_EQ(image.find(key.substr(60, 60)), std::string::npos) << name;
  }
  EXPECT_EQ(image.find("PRIVATE KEY"), std::string::npos);
}

TEST_F(UkiImage, HasASplashWhereThereIsOne) {
  stages::uki::UkiContents contents;
  contents.stub = work.path("stub");
  contents.kernel = work.path("kernel");
  contents.splash = work.file("splash.bmp", "BM picture").path("splash.bmp");
  stages::uki::make_uki(stages::RootTree(root.path()), contents, keys, work.path("uki"),
                        {.epoch = kEpoch}, {}, {});

  const DiskBytes file(work.path("uki"));
  const auto image = stages::uki::read_pe(file);
  EXPECT_EQ(stages::uki::section_content(file, *image.find(".splash"), 100), "BM picture");
  EXPECT_EQ(image.find(".osrel"), nullptr);
  EXPECT_EQ(image.find(".uname"), nullptr);
  EXPECT_EQ(problem(work.path("uki")), "none");
}

TEST_F(UkiImage, IsDescribed) {
  const auto description = stages::uki::describe_pe(make(), {});

  EXPECT_EQ(description.at("type"), "uki");
  EXPECT_EQ(description.at("architecture"), "amd64");
  EXPECT_EQ(description.at("commandLine"), stages::uki::kCommandLine);
  EXPECT_EQ(description.at("osRelease"), "ID=made\n");
  EXPECT_EQ(description.at("release"), "6.1.0-made");
  EXPECT_EQ(description.at("signature").at("signer"), "CN=test db");
  EXPECT_EQ(description.at("signature").at("valid"), true);
  EXPECT_EQ(description.at("pcrBanks"),
            nlohmann::json({{"sha1", 4}, {"sha256", 4}, {"sha384", 4}, {"sha512", 4}}));
  EXPECT_EQ(description.at("pcrPolicies"), "valid");
  EXPECT_EQ(description.at("pcr11").at("sha512").get<std::string>().size(), 128U);
}

TEST_F(UkiImage, IsDescribedAlsoWhenItIsNotRight) {
  const auto uki = make();
  auto bytes = work.content("norole.efi");
  bytes[bytes.find("ID=made")] = 'X';
  work.file("norole.efi", bytes);

  const auto description = stages::uki::describe_pe(uki, {});

  EXPECT_EQ(description.at("signature").at("valid"), false);
  EXPECT_EQ(description.at("pcrPolicies"), "its sha1 bank lacks a policy");
}

TEST_F(UkiImage, IsRefusedWhenItIsNotRight) {
  const auto uki = make();
  const auto whole = work.content("norole.efi");
  const auto after = [&](const std::function<void(std::string&)>& change) {
    auto bytes = whole;
    change(bytes);
    work.file("norole.efi", bytes);
    return problem(uki);
  };

  EXPECT_THAT(after([](auto& bytes) { bytes[bytes.find("a kernel")] = 'X'; }),
              HasSubstr("lacks a policy"));
  EXPECT_THAT(after([](auto& bytes) { bytes[bytes.find("sbat,1")] = 'X'; }),
              HasSubstr("its signature is not of these bytes"));
  EXPECT_THAT(after([](auto& bytes) { bytes.replace(bytes.find(".linux\0\0", 300), 6, ".linuX"); }),
              HasSubstr("it has no section .linux"));
  EXPECT_THAT(after([](auto& bytes) { bytes[bytes.find("\x28\xb5\x2f\xfd")] = 'X'; }),
              HasSubstr("not compressed with zstd"));
  EXPECT_THAT(after([](auto& bytes) { bytes.resize(bytes.size() / 2); }), HasSubstr("is cut off"));
  EXPECT_THAT(after([](auto& bytes) {
                const auto place = bytes.find("\"sig\":\"") + 20;
                bytes[place] = bytes[place] == 'A' ? 'B' : 'A';
              }),
              HasSubstr("its sha1 bank has a signature that is not right"));
  work.file("norole.efi", whole);
  EXPECT_EQ(problem(uki), "none");
  EXPECT_EQ(problem(uki, Architecture::kArm64), "it is not for arm64");
}

TEST_F(UkiImage, IsRefusedWhenSignedByAnother) {
  const auto uki = make();
  TempTree other;
  tests::write_made_keys(other.path(), "other");
  stages::uki::sign_pe(uki, stages::uki::read_uki_keys(other.path()).secure_boot, kEpoch, {});

  EXPECT_EQ(problem(uki), "it is signed by another certificate: CN=other db");
}

TEST_F(UkiImage, RefusesAKernelThatFirmwareCannotStart) {
  work.file("kernel", "\x1f\x8b compressed as a whole");
  try {
    make();
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::ErrorCode::kArtifactTool);
    EXPECT_THAT(error.facts().why, HasSubstr("no kernel that EFI can start"));
  }
}

TEST_F(UkiImage, RefusesAStubThatKnowsNoSections) {
  work.file("stub", tests::made_pe({.knows = {".osrel"}}));

  EXPECT_THAT(problem(make()), HasSubstr("its stub does not know the section .linux"));
}

// A stub measures the sections that it knows; one from before systemd 253 does not know .uname.
TEST_F(UkiImage, IsMeasuredAsItsOwnStubDoes) {
  const auto measured = [&](const std::string& name) {
    const auto uki = make(name);
    const DiskBytes file(uki);
    const auto image = stages::uki::read_pe(file);
    EXPECT_EQ(problem(uki), "none");
    return std::pair{stages::uki::measured_sections(file, image),
                     stages::uki::predict_pcrs(file, image, {})};
  };
  const auto [old_names, old_values] = measured("252.efi");
  work.file("stub", tests::made_pe({.knows = kKnownTo254}));
  const auto [new_names, new_values] = measured("254.efi");

  EXPECT_THAT(old_names, ElementsAre(".linux", ".osrel", ".cmdline", ".initrd", ".splash", ".dtb",
                                     ".pcrpkey"));
  EXPECT_THAT(new_names, ElementsAre(".linux", ".osrel", ".cmdline", ".initrd", ".splash", ".dtb",
                                     ".uname", ".sbat", ".pcrpkey"));
  EXPECT_NE(old_values, new_values);
}

// A section may be longer in memory than in the file, and is measured as it is in memory.
TEST_F(UkiImage, IsMeasuredWithTheZerosThatMemoryHas) {
  const auto uki = make();
  auto bytes = work.content("norole.efi");
  const auto predict = [&] {
    work.file("norole.efi", bytes);
    const DiskBytes file(uki);
    return stages::uki::predict_pcrs(file, stages::uki::read_pe(file), {});
  };
  const auto row = bytes.find(".cmdline");
  const auto raw = stages::little_endian(bytes, row + 20, 4);
  bytes.replace(row + 16, 4, 4, '\0');  // Nothing of it in the file.
  const auto all_zeros = predict();
  bytes[raw] = static_cast<char>(bytes[raw] ^ 1);
  EXPECT_EQ(predict(), all_zeros);
}

}  // namespace
