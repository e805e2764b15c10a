// SPDX-License-Identifier: Apache-2.0
// What sbverify, cpio, zstd and systemd-measure make of our unified kernel images.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/error.hpp"
#include "base/process.hpp"
#include "base/temp_dir.hpp"
#include "stages/disk_bytes.hpp"
#include "stages/uki/authenticode.hpp"
#include "stages/uki/pcr_policy.hpp"
#include "stages/uki/systemd_boot.hpp"
#include "stages/uki/uki_check.hpp"
#include "stages/uki/uki_image.hpp"
#include "tests/support/made_uki.hpp"
#include "tests/support/tree_listing.hpp"
#include "tests/unit/stages/temp_tree.hpp"

namespace {

using stages::DiskBytes;
using testing::HasSubstr;

constexpr std::int64_t kEpoch = 1700000000;
constexpr const char* kMeasure = "/usr/lib/systemd/systemd-measure";
constexpr const char* kStub = "/usr/lib/systemd/boot/efi/linuxx64.efi.stub";
constexpr const char* kLoader = "/usr/lib/systemd/boot/efi/systemd-bootx64.efi";

class UkiPeers : public testing::Test {
 protected:
  void SetUp() override {
    tests::write_made_keys(work.path("keys"), "ours");
    root.file("usr/bin/immucore", "init").file("etc/hostname", "box").folder("usr/local");
  }

  static bool missing(const std::string& file) {
    return !base::find_program(file) && !std::filesystem::exists(file);
  }

  base::ProcessResult run(const std::string& program, std::vector<std::string> arguments,
                          const std::filesystem::path& folder = {}) {
    base::SystemProcessRunner runner;
    return runner.run({.program = program,
                       .arguments = std::move(arguments),
                       .environment = {},
                       .working_directory = folder.empty() ? work.path() : folder,
                       .input = {}},
                      {}, {});
  }

  stages::uki::UkiKeys keys() { return stages::uki::read_uki_keys(work.path("keys")); }

  /// A UKI on the real stub; the stub's own bytes stand in for a kernel.
  std::filesystem::path make_uki() {
    stages::uki::UkiContents contents;
    contents.stub = kStub;
    contents.kernel = kStub;
    contents.release = "6.1.0-made";
    contents.os_release = "ID=made\n";
    stages::uki::make_uki(stages::RootTree(root.path()), contents, keys(), work.path("norole.efi"),
                          {.epoch = kEpoch}, {}, {});
    return work.path("norole.efi");
  }

  /// Writes the sections of a UKI into files as systemd-measure takes them.
  std::vector<std::string> section_flags(const std::filesystem::path& uki) {
    const DiskBytes file(uki);
    const auto image = stages::uki::read_pe(file);
    std::vector<std::string> flags;
    for (const auto& name : stages::uki::measured_sections(file, image)) {
      const auto* section = image.find(name);
      if (section == nullptr) continue;
      work.file("section" + name, stages::uki::section_content(file, *section, 64U << 20));
      flags.push_back("--" + name.substr(1) + "=" + work.path("section" + name).string());
    }
    return flags;
  }

  TempTree work;
  TempTree root;
};

TEST_F(UkiPeers, SbverifyAgreesWithOurSignatures) {
  if (missing("sbverify") || missing(kStub)) GTEST_SKIP() << "no sbverify or systemd-boot-efi";
  tests::write_made_keys(work.path("theirs"), "theirs");
  std::filesystem::copy_file(kLoader, work.path("BOOTX64.EFI"));
  stages::uki::sign_pe(work.path("BOOTX64.EFI"), keys().secure_boot, kEpoch, {});
  const auto uki = make_uki();

  for (const auto& file : {uki, work.path("BOOTX64.EFI")}) {
    const auto ours = run("sbverify", {"--cert", work.path("keys/db.pem").string(), file.string()});
    EXPECT_EQ(ours.exit_status, 0) << testing::PrintToString(ours.tail);
    EXPECT_THAT(ours.tail, testing::Contains("Signature verification OK"));
    const auto theirs =
        run("sbverify", {"--cert", work.path("theirs/db.pem").string(), file.string()});
    EXPECT_NE(theirs.exit_status, 0);
  }
  auto bytes = work.content("norole.efi");
  bytes[bytes.find("6.1.0-made")] = '7';
  work.file("norole.efi", bytes);
  const auto changed = run("sbverify", {"--cert", work.path("keys/db.pem").string(), uki.string()});
  EXPECT_NE(changed.exit_status, 0);
}

TEST_F(UkiPeers, WeAgreeWithSignaturesOfSbsign) {
  if (missing("sbsign") || missing(kLoader)) GTEST_SKIP() << "no sbsign or systemd-boot-efi";
  const auto signed_file = work.path("signed.efi");
  const auto result =
      run("sbsign", {"--key", work.path("keys/db.key").string(), "--cert",
                     work.path("keys/db.pem").string(), "--output", signed_file.string(), kLoader});
  ASSERT_EQ(result.exit_status, 0) << testing::PrintToString(result.tail);

  stages::uki::check_signed_pe(signed_file, stages::Architecture::kAmd64,
                               stages::uki::fingerprint_of(keys().secure_boot.certificate.get()),
                               {});

  const DiskBytes file(signed_file);
  EXPECT_TRUE(stages::uki::read_signature(file, stages::uki::read_pe(file), {})->valid);
}

TEST_F(UkiPeers, CpioUnpacksTheInitrd) {
  if (missing("cpio") || missing("zstd")) GTEST_SKIP() << "no cpio or zstd";
  if (::geteuid() != 0) GTEST_SKIP() << "devices and owners need root";
  // What an initrd has besides the image is here already, so that nothing is added.
  ::chmod(root.path().c_str(), 0755);
  root.link("init", "/usr/bin/immucore").folder("efi").folder("oem");
  root.folder("usr/local/cloud-config");
  root.file("bin/tool", std::string(100000, 'x')).link("bin/alias", "tool").folder("empty");
  std::filesystem::create_hard_link(root.path("bin/tool"), root.path("srv"));
  ::chmod(root.path("bin/tool").c_str(), 04751);
  ASSERT_EQ(::mknod(root.path("device").c_str(), S_IFCHR | 0620, ::makedev(5, 300)), 0);
  ASSERT_EQ(::chown(root.path("empty").c_str(), 1234, 70000), 0);
  std::ofstream initrd(work.path("initrd.zst"), std::ios::binary);
  stages::uki::write_initrd(stages::RootTree(root.path()),
                            [&](std::span<const std::byte> data) {
                              initrd.write(reinterpret_cast<const char*>(data.data()),
                                           static_cast<std::streamsize>(data.size()));
                            },
                            {.epoch = 4000000000}, {}, {});
  initrd.close();

  ASSERT_EQ(run("zstd", {"-d", "-q", "initrd.zst", "-o", "initrd.cpio"}).exit_status, 0);
  work.folder("out");
  const auto unpacked =
      run("cpio", {"-i", "-d", "-m", "--quiet", "-F", work.path("initrd.cpio").string()},
          work.path("out"));
  ASSERT_EQ(unpacked.exit_status, 0) << testing::PrintToString(unpacked.tail);

  EXPECT_EQ(tests::list_tree(work.path("out"), false), tests::list_tree(root.path(), false));
}

TEST_F(UkiPeers, SystemdMeasureCalculatesTheSamePcrs) {
  if (missing(kMeasure) || missing(kStub)) GTEST_SKIP() << "no systemd-measure or systemd-boot-efi";
  const auto uki = make_uki();
  auto arguments = section_flags(uki);
  arguments.insert(arguments.begin(), "calculate");
  arguments.insert(arguments.end(), {"--phase=", "--json=short"});

  const auto result = run(kMeasure, arguments);

  ASSERT_EQ(result.exit_status, 0) << testing::PrintToString(result.tail);
  const auto theirs = nlohmann::json::parse(result.standard_output);
  const auto ours = stages::uki::describe_pe(uki, {}).at("pcr11");
  ASSERT_EQ(ours.size(), 4U);
  for (const auto& [bank, value] : ours.items()) {
    EXPECT_EQ(theirs.at(bank).at(0).at("hash"), value) << bank;
  }
}

/// A TPM in software, as long as this lives.
class SoftwareTpm {
 public:
  explicit SoftwareTpm(const TempTree& folder) : folder_(folder) {
    std::filesystem::create_directories(folder.path("tpm"));
    thread_ = std::jthread([this](const std::stop_token& stop) {
      base::SystemProcessRunner runner;
      try {
        static_cast<void>(runner.run(
            {.program = "swtpm",
             .arguments = {"socket", "--tpm2", "--tpmstate", "dir=" + folder_.path("tpm").string(),
                           "--server", "type=unixio,path=" + socket(), "--ctrl",
                           "type=unixio,path=" + socket() + ".ctrl", "--flags", "not-need-init",
                           "--pid", "file=" + ready_file()},
             .environment = {},
             .working_directory = {},
             .input = {}},
            {}, stop));
      } catch (const base::Error&) {  // Stopped.
      }
    });
    // Written once swtpm listens; the socket's name is there before, and refuses whoever comes.
    for (int i = 0; i < 200 && !std::filesystem::exists(ready_file()); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
  }
  [[nodiscard]] std::string socket() const { return folder_.path("tpm/socket").string(); }

 private:
  [[nodiscard]] std::string ready_file() const { return folder_.path("tpm/pid").string(); }

  const TempTree& folder_;
  std::jthread thread_;
};

TEST_F(UkiPeers, SystemdMeasureSignsTheSamePolicies) {
  if (missing(kMeasure) || missing(kStub) || missing("swtpm")) {
    GTEST_SKIP() << "no systemd-measure, systemd-boot-efi or swtpm";
  }
  const auto uki = make_uki();
  const SoftwareTpm tpm(work);
  auto arguments = section_flags(uki);
  arguments.insert(arguments.begin(), "sign");
  const auto pem = stages::uki::public_key_pem(keys().pcr.get());
  work.file("public.pem", pem);
  arguments.insert(arguments.end(),
                   {"--private-key=" + work.path("keys/tpm2-pcr-private.pem").string(),
                    "--public-key=" + work.path("public.pem").string(), "--json=short",
                    "--tpm2-device=swtpm:path=" + tpm.socket()});

  const auto result = run(kMeasure, arguments);

  ASSERT_EQ(result.exit_status, 0) << testing::PrintToString(result.tail);
  const DiskBytes file(uki);
  const auto image = stages::uki::read_pe(file);
  const auto ours = stages::uki::section_content(file, *image.find(".pcrsig"), 1U << 20);
  EXPECT_EQ(nlohmann::json::parse(result.standard_output), nlohmann::json::parse(ours));
}

}  // namespace
