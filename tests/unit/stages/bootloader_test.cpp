// SPDX-License-Identifier: Apache-2.0
#include "stages/bootloader.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.hpp"
#include "tests/unit/stages/temp_tree.hpp"

using stages::Architecture;
using stages::BootMedium;
using stages::find_efi_bootloader;
using stages::RootTree;

TEST(Bootloader, PrefersTheImageAndForAnIsoTheBuildForOpticalMedia) {
  TempTree tree;
  tree.file("usr/lib/shim/shimx64.efi.signed")
      .file("usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed")
      .file("usr/lib/grub/x86_64-efi-signed/gcdx64.efi.signed");
  const RootTree root(tree.path());

  const auto iso = find_efi_bootloader(root, Architecture::kAmd64, BootMedium::kIso);
  const auto disk = find_efi_bootloader(root, Architecture::kAmd64, BootMedium::kDisk);

  ASSERT_TRUE(iso.shim.has_value());
  EXPECT_EQ(iso.shim->file, tree.path("usr/lib/shim/shimx64.efi.signed"));
  EXPECT_EQ(iso.grub.origin, "/usr/lib/grub/x86_64-efi-signed/gcdx64.efi.signed of the image");
  EXPECT_EQ(iso.grub_name, "grubx64.efi");
  EXPECT_EQ(iso.fallback_name, "bootx64.efi");
  EXPECT_EQ(disk.grub.file.filename(), "grubx64.efi.signed");
}

TEST(Bootloader, NeverPairsAShimWithTheGrubOfAnotherDistribution) {
  TempTree tree;
  tree.file("usr/lib/shim/shimaa64.efi.signed")
      .link("usr/lib/shim/shimaa64.efi.signed.latest", "/etc/alternatives/none")
      .file("usr/lib/grub/arm64-efi-signed/gcdaa64.efi.signed");

  const auto found =
      find_efi_bootloader(RootTree(tree.path()), Architecture::kArm64, BootMedium::kIso);

  EXPECT_EQ(found.shim->origin, "/usr/lib/shim/shimaa64.efi.signed of the image");
  EXPECT_EQ(found.fallback_name, "bootaa64.efi");
  EXPECT_EQ(found.grub_name, "grubaa64.efi");
}

TEST(Bootloader, StartsAnUnsignedGrubWithoutShim) {
  TempTree tree;
  tree.file("usr/lib/grub/arm64-efi/monolithic/gcdaa64.efi");

  const auto found =
      find_efi_bootloader(RootTree(tree.path()), Architecture::kArm64, BootMedium::kIso);

  EXPECT_FALSE(found.shim.has_value());
  EXPECT_EQ(found.grub.file, tree.path("usr/lib/grub/arm64-efi/monolithic/gcdaa64.efi"));
}

TEST(Bootloader, SaysWhereItLookedWhenThereIsNone) {
  if (std::filesystem::exists("/usr/lib/shim/shimaa64.efi.signed")) {
    GTEST_SKIP() << "this machine has a shim for arm64";
  }
  const TempTree tree;

  try {
    find_efi_bootloader(RootTree(tree.path()), Architecture::kArm64, BootMedium::kIso);
    FAIL() << "found one";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::ErrorCode::kArtifactTool);
    EXPECT_THAT(error.facts().why, testing::HasSubstr("/usr/lib/shim/shimaa64.efi.signed"));
    EXPECT_THAT(error.facts().why, testing::HasSubstr("gcdaa64.efi.signed"));
  }
}

TEST(Flavor, ComesFromKairosReleaseThenFromOsRelease) {
  TempTree tree;
  tree.file("usr/lib/os-release", "NAME=x\nID=debian\n")
      .link("etc/os-release", "/usr/lib/os-release");

  EXPECT_EQ(stages::flavor_of(RootTree(tree.path())), "debian");
  tree.file("etc/kairos-release", "KAIROS_FLAVOR=\"Ubuntu\"\nKAIROS_FLAVOR_RELEASE=\"24.04\"\n");
  EXPECT_EQ(stages::flavor_of(RootTree(tree.path())), "ubuntu");
}
