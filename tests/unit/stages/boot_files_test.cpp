// SPDX-License-Identifier: Apache-2.0
#include "stages/boot_files.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.hpp"
#include "tests/unit/stages/temp_tree.hpp"

using stages::find_kernel;
using stages::RootTree;
using testing::HasSubstr;

namespace {

struct Choice {
  std::string name;
  std::vector<std::string> files;                          // Of /boot.
  std::vector<std::pair<std::string, std::string>> links;  // Of /boot.
  std::string kernel;
  std::string initrd;
};

void PrintTo(const Choice& choice, std::ostream* stream) { *stream << choice.name; }

class BootFiles : public testing::TestWithParam<Choice> {};

const std::vector<Choice> kChoices = {
    {"plain names", {"vmlinuz", "initrd"}, {}, "vmlinuz", "initrd"},
    {"absolute links stay inside the root",
     {"vmlinuz-6.1", "initrd.img-6.1"},
     {{"vmlinuz", "/boot/vmlinuz-6.1"}, {"initrd", "/boot/initrd.img-6.1"}},
     "vmlinuz-6.1",
     "initrd.img-6.1"},
    {"links that climb stay inside the root",
     {"vmlinuz-6.1", "initrd-6.1"},
     {{"vmlinuz", "../../../../../boot/vmlinuz-6.1"}},
     "vmlinuz-6.1",
     "initrd-6.1"},
    {"newest by number, not by letter",
     {"vmlinuz-6.9.1", "vmlinuz-6.10.2", "initrd.img-6.9.1", "initrd.img-6.10.2"},
     {},
     "vmlinuz-6.10.2",
     "initrd.img-6.10.2"},
    {"newest that has an initrd",
     {"vmlinuz-6.9.1", "vmlinuz-6.10.2", "initrd.img-6.9.1"},
     {},
     "vmlinuz-6.9.1",
     "initrd.img-6.9.1"},
    {"initrd of the kernel that the image points at",
     {"vmlinuz-6.1", "vmlinuz-6.2", "initramfs-6.1.img", "initramfs-6.2.img"},
     {{"vmlinuz", "vmlinuz-6.1"}},
     "vmlinuz-6.1",
     "initramfs-6.1.img"},
    {"backups, checksums and rescue kernels are passed over",
     {"vmlinuz-6.1", "vmlinuz-6.2.old", "vmlinuz-0-rescue-abc", "initrd-6.1", "initrd-6.1kdump",
      ".vmlinuz-6.1.hmac"},
     {},
     "vmlinuz-6.1",
     "initrd-6.1"},
    {"prefixes in order",
     {"vmlinuz-6.1", "Image-6.1", "initrd-6.1"},
     {},
     "Image-6.1",
     "initrd-6.1"},
};

std::string reason_of(const RootTree& root) {
  try {
    find_kernel(root);
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::ErrorCode::kArtifactTool);
    return error.facts().what + "; " + error.facts().why;
  }
  return "no error";
}

}  // namespace

TEST_P(BootFiles, AreChosenAsTheImageMeansIt) {
  TempTree tree;
  tree.folder("usr/bin").file("usr/bin/immucore");
  for (const auto& file : GetParam().files) tree.file("boot/" + file);
  for (const auto& [name, target] : GetParam().links) tree.link("boot/" + name, target);

  const auto found = find_kernel(RootTree(tree.path()));

  EXPECT_EQ(found.kernel.file, tree.path("boot/" + GetParam().kernel));
  EXPECT_EQ(found.initrd.file, tree.path("boot/" + GetParam().initrd));
  EXPECT_TRUE(found.warnings.empty());
}

INSTANTIATE_TEST_SUITE_P(Table, BootFiles, testing::ValuesIn(kChoices));

TEST(BootFilesErrors, Case233NameWhatWasLookedForInAnEmptyImage) {
  const TempTree tree;

  const auto reason = reason_of(RootTree(tree.path()));

  EXPECT_THAT(reason, HasSubstr("the image has no kernel"));
  EXPECT_THAT(reason, HasSubstr("/boot/vmlinuz*"));
  EXPECT_THAT(reason, HasSubstr("there is no folder /boot"));
}

TEST(BootFilesErrors, Case233NameADanglingLink) {
  TempTree tree;
  tree.file("boot/initrd").link("boot/vmlinuz", "/boot/vmlinuz-6.1");

  EXPECT_THAT(reason_of(RootTree(tree.path())), HasSubstr("/boot/vmlinuz leads to no file"));
}

TEST(BootFilesErrors, Case165DoNotTakeAFileOfThisMachine) {
  TempTree tree;
  TempTree host;
  host.file("vmlinuz");
  tree.file("boot/initrd").link("boot/vmlinuz", host.path("vmlinuz").string());

  EXPECT_THAT(reason_of(RootTree(tree.path())), HasSubstr("the image has no kernel"));
}

TEST(BootFilesErrors, SayWhatBootHoldsWhenOnlyTheInitrdIsMissing) {
  TempTree tree;
  tree.file("boot/vmlinuz-6.1").file("boot/config-6.1");

  const auto reason = reason_of(RootTree(tree.path()));

  EXPECT_THAT(reason, HasSubstr("the image has no initrd"));
  EXPECT_THAT(reason, HasSubstr("/boot holds config-6.1, vmlinuz-6.1"));
}

TEST(BootFilesErrors, TakeAnEmptyKernelForNone) {
  TempTree tree;
  tree.file("boot/vmlinuz-6.1", "").file("boot/initrd-6.1");

  EXPECT_THAT(reason_of(RootTree(tree.path())), HasSubstr("the image has no kernel"));
}

TEST(BootFilesWarnings, TellOfDifferentVersionsAndOfAMissingLiveModule) {
  TempTree tree;
  tree.file("boot/vmlinuz-6.2").file("boot/initrd-6.1");

  const auto warnings = find_kernel(RootTree(tree.path())).warnings;

  ASSERT_EQ(warnings.size(), 2U);
  EXPECT_THAT(warnings[0], HasSubstr("the kernel is 6.2 but the initrd is for 6.1"));
  EXPECT_THAT(warnings[1], HasSubstr("dmsquash-live"));
}
