// SPDX-License-Identifier: Apache-2.0
#include "stages/uki/systemd_boot.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.hpp"
#include "tests/support/made_uki.hpp"
#include "tests/unit/stages/temp_tree.hpp"

namespace {

using stages::Architecture;
using stages::RootTree;
using testing::HasSubstr;

const std::string kFolder = "usr/lib/systemd/boot/efi/";

TEST(SystemdBoot, ComesFromTheImageFirst) {
  TempTree tree;
  tree.file(kFolder + "linuxaa64.efi.stub").file(kFolder + "systemd-bootaa64.efi");

  const auto found = stages::uki::find_systemd_boot(RootTree(tree.path()), Architecture::kArm64);

  EXPECT_EQ(found.stub.file, tree.path(kFolder + "linuxaa64.efi.stub"));
  EXPECT_EQ(found.loader.origin, "/" + kFolder + "systemd-bootaa64.efi of the image");
  EXPECT_EQ(found.fallback_name, "BOOTAA64.EFI");
}

// One from here and one from there may be of two versions that do not fit.
TEST(SystemdBoot, IsNeverHalfFromTheImage) {
  TempTree tree;
  tree.file(kFolder + "linuxaa64.efi.stub");
  try {
    static_cast<void>(stages::uki::find_systemd_boot(RootTree(tree.path()), Architecture::kArm64));
    GTEST_SKIP() << "this machine has systemd-boot for arm64";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::ErrorCode::kArtifactTool);
    EXPECT_THAT(error.facts().why, HasSubstr("systemd-bootaa64.efi"));
    EXPECT_EQ(error.facts().hint, "install systemd-boot-efi in the image");
  }
}

TEST(SystemdBoot, SaysItsVersion) {
  TempTree tree;
  tree.file("252", tests::made_pe())
      .file("257", tests::made_pe({.magic = "#### LoaderInfo: systemd-boot 257.7-1 ####"}))
      .file("none", tests::made_pe({.magic = "a kernel"}));

  EXPECT_EQ(stages::uki::systemd_version(tree.path("252")), 252);
  EXPECT_EQ(stages::uki::systemd_version(tree.path("257")), 257);
  EXPECT_EQ(stages::uki::systemd_version(tree.path("none")), 0);
}

TEST(KernelRelease, IsWhatTheHeaderOfAnX86KernelSays) {
  auto kernel = kernel_head();
  kernel[0x20e] = '\x00';
  kernel[0x20f] = '\x0a';  // 0xa00 + 0x200
  kernel.replace(0xc00, 26, "6.1.0-56-amd64 (made by x)");
  TempTree tree;
  tree.file("kernel", kernel);

  EXPECT_EQ(stages::uki::kernel_release(tree.path("kernel"), "name"), "6.1.0-56-amd64");
}

TEST(KernelRelease, IsElseThatOfItsName) {
  auto far = kernel_head();
  far[0x20e] = far[0x20f] = '\xff';
  TempTree tree;
  tree.file("short", "MZ").file("other", std::string(8192, 'x')).file("silent", kernel_head());
  tree.file("far", far);

  for (const char* name : {"short", "other", "silent", "far"}) {
    EXPECT_EQ(stages::uki::kernel_release(tree.path(name), "6.1-name"), "6.1-name") << name;
  }
}

}  // namespace
