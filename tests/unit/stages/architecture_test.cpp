// SPDX-License-Identifier: Apache-2.0
#include "stages/architecture.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.hpp"
#include "tests/unit/stages/temp_tree.hpp"

using stages::Architecture;
using stages::architecture_of_kernel;
using stages::architecture_of_tree;
using stages::RootTree;

TEST(ArchitectureOfTree, ReadsTheElfHeaderThroughLinks) {
  TempTree tree;
  tree.file("usr/bin/dash", elf_head(183)).link("bin", "/usr/bin").link("usr/bin/sh", "dash");

  EXPECT_EQ(architecture_of_tree(RootTree(tree.path())), Architecture::kArm64);
}

TEST(ArchitectureOfTree, IsUnknownWithoutPrograms) {
  TempTree tree;
  tree.file("bin/sh", "#!/bin/other\n");

  EXPECT_EQ(architecture_of_tree(RootTree(tree.path())), std::nullopt);
}

TEST(ArchitectureOfTree, RefusesAnotherProcessor) {
  TempTree tree;
  tree.file("bin/sh", elf_head(243));

  EXPECT_THROW(architecture_of_tree(RootTree(tree.path())), base::Error);
}

TEST(ArchitectureOfKernel, KnowsTheHeaders) {
  std::string arm64(64, '\0');
  arm64.replace(0x38, 4, "ARM\x64");
  std::string portable(256, '\0');
  portable.replace(0, 2, "MZ");
  portable[0x3c] = 0x40;
  portable.replace(0x40, 2, "PE");
  portable.replace(0x44, 2, "\x64\xaa");

  EXPECT_EQ(architecture_of_kernel(kernel_head()), Architecture::kAmd64);
  EXPECT_EQ(architecture_of_kernel(arm64), Architecture::kArm64);
  EXPECT_EQ(architecture_of_kernel(portable), Architecture::kArm64);
  EXPECT_EQ(architecture_of_kernel("\x1f\x8b"), std::nullopt);
  EXPECT_EQ(architecture_of_kernel(""), std::nullopt);
}

TEST(CheckArchitecture, RefusesProgramsOfAnotherArchitecture) {
  TempTree tree;
  tree.file("sbin/init", elf_head(183));

  try {
    stages::check_architecture(RootTree(tree.path()), "", Architecture::kAmd64);
    FAIL() << "arm64 passed for amd64";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::ErrorCode::kArtifactTool);
    EXPECT_EQ(error.facts().why, "the image's programs are for arm64");
  }
}

TEST(CheckArchitecture, RefusesAKernelOfAnotherArchitecture) {
  TempTree tree;
  tree.file("sbin/init", elf_head(183));

  EXPECT_THROW(
      stages::check_architecture(RootTree(tree.path()), kernel_head(), Architecture::kArm64),
      base::Error);
}
