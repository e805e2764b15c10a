// SPDX-License-Identifier: Apache-2.0
#include "stages/iso_image.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/files.hpp"
#include "stages/copy_file.hpp"
#include "stages/disk_bytes.hpp"
#include "stages/file_digest.hpp"
#include "stages/iso_check.hpp"
#include "stages/iso_padding.hpp"
#include "stages/iso_revision.hpp"
#include "stages/squashfs.hpp"
#include "tests/unit/stages/temp_tree.hpp"

using stages::Architecture;
using testing::HasSubstr;

namespace {

constexpr std::int64_t kEpoch = 1700000000;
constexpr std::size_t kMostBytes = 256U << 20;

/// A tree that is just enough for an ISO, and the ISO made from it.
class IsoImage : public testing::Test {
 protected:
  void SetUp() override {
    tree.file("boot/vmlinuz", kernel_head())
        .file("boot/initrd", "initrd")
        .file("usr/lib/shim/shimx64.efi.signed", "shim")
        .file("usr/lib/grub/x86_64-efi-signed/gcdx64.efi.signed", "grub")
        .file("etc/hostname", "test")
        .file("proc/left-out", "left out")
        .file("run/.left-out-too", "left out")
        .file("srv/run/kept", "kept");
  }

  /// Everything into `work`, as a build would.
  std::filesystem::path build(const TempTree& work,
                              const std::function<void(stages::IsoContents&)>& change = {},
                              const stages::ReviewFile& review = {}) {
    work_squashfs(work);
    const stages::RootTree root(tree.path());
    const auto boot = stages::find_kernel(root);
    stages::IsoContents contents;
    contents.kernel = boot.kernel.file;
    contents.initrd = boot.initrd.file;
    contents.squashfs = work.path("rootfs.squashfs");
    contents.efi =
        stages::find_efi_bootloader(root, Architecture::kAmd64, stages::BootMedium::kIso);
    contents.bios_modules = stages::find_bios_grub(root).file;
    if (change) change(contents);
    const auto iso = work.path("out.iso");
    stages::make_iso(runner, contents, iso, {.menu = {}, .epoch = kEpoch, .work = work.path()},
                     review, {});
    return iso;
  }

  void work_squashfs(const TempTree& work) {
    stages::make_squashfs(runner, tree.path(), work.path("rootfs.squashfs"), {.epoch = kEpoch},
                          [&](double fraction) { squashfs_progress = fraction; }, {});
  }

  std::string run(const std::string& program, std::vector<std::string> arguments) {
    return base::run_or_throw(runner,
                              {.program = program,
                               .arguments = std::move(arguments),
                               .environment = {},
                               .working_directory = {},
                               .input = {}},
                              base::ErrorCode::kArtifactTool, {}, {})
        .standard_output;
  }

  std::string problem_of(const std::filesystem::path& iso,
                         Architecture architecture = Architecture::kAmd64) {
    try {
      stages::check_iso(runner, iso, architecture, {});
    } catch (const base::Error& error) {
      EXPECT_EQ(error.code(), base::ErrorCode::kArtifactTool);
      return error.facts().why;
    }
    return "";
  }

  base::SystemProcessRunner runner;
  TempTree tree;
  double squashfs_progress = 0;
};

void overwrite(const std::filesystem::path& file, std::uint64_t offset, std::string_view bytes) {
  const base::FileDescriptor fd(::open(file.c_str(), O_WRONLY | O_CLOEXEC));
  ASSERT_EQ(::pwrite(fd.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset)),
            static_cast<ssize_t>(bytes.size()));
}

}  // namespace

TEST_F(IsoImage, PaddingBehindTheBackupTableIsCutOff) {
  const TempTree work;
  const auto iso = build(work);
  const auto size = std::filesystem::file_size(iso);
  EXPECT_EQ(stages::cut_padding(iso), 0U);

  std::filesystem::resize_file(iso, size + 307'200);
  EXPECT_THAT(problem_of(iso), HasSubstr("backup GPT"));
  EXPECT_EQ(stages::cut_padding(iso), 307'200U);
  EXPECT_EQ(problem_of(iso), "");

  std::filesystem::resize_file(iso, size + 4096);
  overwrite(iso, size + 4000, "somebody's");
  EXPECT_EQ(stages::cut_padding(iso), 0U);
  EXPECT_EQ(std::filesystem::file_size(iso), size + 4096);
}

TEST_F(IsoImage, IsTheSameTwiceAndPassesItsCheck) {
  const TempTree one;
  const TempTree two;

  const auto first = build(one);
  ::sleep(1);
  tree.file("boot/initrd", "initrd");  // The same bytes with another date.
  const auto second = build(two);

  EXPECT_EQ(problem_of(first), "");
  EXPECT_TRUE(base::read_file(first, kMostBytes) == base::read_file(second, kMostBytes));
  EXPECT_FALSE(std::filesystem::exists(first.string() + ".partial"));
}

TEST_F(IsoImage, OfAnotherCloudConfigIsTheRevisionOfTheLast) {
  const TempTree one;
  const TempTree two;
  const std::string before = "#cloud-config\nhostname: one\n";
  const std::string after = "#cloud-config\nhostname: two and longer\n";
  const auto config = [](const std::string& text) {
    return [text](stages::IsoContents& contents) { contents.cloud_config = text; };
  };
  const auto last = build(one, config(before));
  const auto revised = one.path("revised.iso");

  const auto changes = stages::changes_for_config(last, oci::Digest::of(before), after);
  ASSERT_TRUE(changes);
  stages::copy_file(last, revised, {});
  stages::write_changes(revised, *changes);

  EXPECT_EQ(stages::digest_of_file(last, {}, *changes), stages::digest_of_file(revised, {}));
  EXPECT_EQ(problem_of(revised), "");
  EXPECT_TRUE(base::read_file(revised, kMostBytes) ==
              base::read_file(build(two, config(after)), kMostBytes));
}

TEST_F(IsoImage, IsNotRevisedWhereMoreWouldChange) {
  const TempTree work;
  const std::string before = "#cloud-config\n";
  const auto iso =
      build(work, [&](stages::IsoContents& contents) { contents.cloud_config = before; });
  const auto revise = [&](const oci::Digest& expected, const std::string& after) {
    return stages::changes_for_config(iso, expected, after).has_value();
  };

  EXPECT_FALSE(revise(oci::Digest::of("#another\n"), before));
  EXPECT_FALSE(revise(oci::Digest::of(before), ""));
  EXPECT_FALSE(revise(oci::Digest::of(before), std::string(2049, '#')));
  EXPECT_TRUE(revise(oci::Digest::of(before), std::string(2048, '#')));
}

TEST_F(IsoImage, HasNoNameBeforeItsReviewAndNoneIfThatFails) {
  const TempTree work;
  const auto iso = work.path("out.iso");
  const auto refuse = [&](const std::filesystem::path& file) {
    EXPECT_EQ(problem_of(file), "");
    EXPECT_FALSE(std::filesystem::exists(iso));
    throw std::runtime_error("refused");
  };

  EXPECT_THROW(build(work, {}, refuse), std::runtime_error);

  EXPECT_FALSE(std::filesystem::exists(iso));
  EXPECT_FALSE(std::filesystem::exists(iso.string() + ".partial"));
}

TEST_F(IsoImage, HoldsTheTreeWithoutWhatBelongsToARunningSystem) {
  const TempTree work;
  work_squashfs(work);

  const auto listing = run("unsquashfs", {"-l", "-d", "", work.path("rootfs.squashfs").string()});

  EXPECT_THAT(listing, HasSubstr("/etc/hostname\n"));
  EXPECT_THAT(listing, HasSubstr("/srv/run/kept\n"));
  EXPECT_THAT(listing, HasSubstr("/proc\n"));
  EXPECT_THAT(listing, testing::Not(HasSubstr("left-out")));
  EXPECT_EQ(squashfs_progress, 1.0);
}

TEST_F(IsoImage, HoldsCloudConfigMenuAndOverlay) {
  const TempTree work;
  TempTree overlay;
  overlay.file("boot/grub2/grub.cfg", "of the overlay").file("extra/file", "extra");

  const auto iso = build(work, [&](stages::IsoContents& contents) {
    contents.cloud_config = "#cloud-config\n";
    contents.grub_config = "given menu\n";
    contents.overlay = overlay.path();
    contents.flavor = "ubuntu";
  });

  run("xorriso", {"-no_rc", "-osirrox", "on", "-indev", iso.string(), "-extract", "/",
                  work.path("tree").string()});
  EXPECT_EQ(work.content("tree/config.yaml"), "#cloud-config\n");
  EXPECT_EQ(work.content("tree/boot/grub2/grub.cfg"), "given menu\n");
  EXPECT_EQ(work.content("tree/extra/file"), "extra");
  EXPECT_EQ(work.content("tree/boot/initrd"), "initrd");
  EXPECT_EQ(work.content("tree/EFI/ubuntu/grub.cfg"), stages::grub_finder());
  const auto lines = run("xorriso", {"-no_rc", "-indev", iso.string(), "-lsl", "/config.yaml"});
  EXPECT_THAT(lines, HasSubstr("-rw-------"));
  EXPECT_EQ(
      run("mtype", {"-i", work.path("tree/boot/uefi.img").string(), "::/EFI/BOOT/bootx64.efi"}),
      "shim");
  EXPECT_EQ(
      run("mtype", {"-i", work.path("tree/boot/uefi.img").string(), "::/EFI/BOOT/grubx64.efi"}),
      "grub");
}

TEST_F(IsoImage, Case230IsCheckedForEveryPartThatBoots) {
  const TempTree work;
  const auto iso = build(work);
  const auto size = std::filesystem::file_size(iso);
  const auto good = base::read_file(iso, kMostBytes);
  struct Damage {
    std::string name;
    std::uint64_t offset;
    std::string bytes;
    std::string problem;
  };
  const std::vector<Damage> damages = {
      {"label", 16 * 2048 + 40, "OTHER   ", "its volume is \"OTHER"},
      {"descriptor", 16 * 2048 + 1, "XX", "it has no ISO 9660 volume"},
      {"boot record", 17 * 2048 + 7, "XX", "it has no El Torito record"},
      {"MBR type", 446 + 4, std::string(60, '\0'), "its MBR has no protective partition"},
      {"primary GPT", 512 + 56, "XX", "its primary GPT header has a wrong checksum"},
      {"backup GPT", size - 512 + 56, "XX", "its backup GPT header has a wrong checksum"},
      {"no backup GPT", size - 512, std::string(512, '\0'), "it has no backup GPT header"},
      {"kernel", good.find("HdrS"), "XXXX", ""},
      {"squashfs", good.find("hsqs"), "XXXX", "its /rootfs.squashfs is no squashfs"},
  };

  for (const auto& damage : damages) {
    overwrite(iso, damage.offset, damage.bytes);

    EXPECT_THAT(problem_of(iso), HasSubstr(damage.problem)) << damage.name;

    overwrite(iso, damage.offset, good.substr(damage.offset, damage.bytes.size()));
  }
  EXPECT_EQ(problem_of(iso), "");
  EXPECT_EQ(problem_of(iso, Architecture::kArm64),
            "its EFI partition has no EFI/BOOT/bootaa64.efi");
}

TEST_F(IsoImage, IsRefusedWhenCutOff) {
  const TempTree work;
  const auto iso = build(work);

  std::filesystem::resize_file(iso, std::filesystem::file_size(iso) - 2048);

  EXPECT_THAT(problem_of(iso), HasSubstr("shorter than its volume says"));
}

TEST_F(IsoImage, LeavesNothingWhenATheToolFails) {
  const TempTree work;

  EXPECT_THROW(build(work, [](stages::IsoContents& contents) { contents.kernel = "/none"; }),
               base::Error);

  EXPECT_FALSE(std::filesystem::exists(work.path("out.iso")));
  EXPECT_FALSE(std::filesystem::exists(work.path("out.iso.partial")));
}

TEST_F(IsoImage, Case231BootsByUefiAloneForArm64) {
  tree.file("usr/lib/shim/shimaa64.efi.signed", "shim")
      .file("usr/lib/grub/arm64-efi-signed/gcdaa64.efi.signed", "grub")
      .file("boot/vmlinuz", std::string(0x38, '\0') + "ARM\x64" + std::string(100, '\0'));
  const TempTree work;

  const auto iso = build(work, [&](stages::IsoContents& contents) {
    contents.efi = stages::find_efi_bootloader(stages::RootTree(tree.path()), Architecture::kArm64,
                                               stages::BootMedium::kIso);
    contents.bios_modules.reset();
  });

  EXPECT_EQ(problem_of(iso, Architecture::kArm64), "");
  EXPECT_EQ(problem_of(iso), "its El Torito catalogue has no BIOS entry");
}

TEST(DiskBytes, SumsAsTheStandardSays) { EXPECT_EQ(stages::crc32("123456789"), 0xcbf43926U); }
