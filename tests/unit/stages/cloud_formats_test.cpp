// SPDX-License-Identifier: Apache-2.0
#include "stages/gce_archive.hpp"
#include "stages/gpt_check.hpp"
#include "stages/vhd.hpp"
#include "tests/unit/stages/raw_disk_fixture.hpp"

using stages::DiskBytes;
using stages::DiskFirmware;
using testing::HasSubstr;

namespace {

constexpr std::uint64_t kMiB = 1U << 20;
constexpr std::uint64_t kGiB = 1ULL << 30;

class CloudFormats : public RawDiskTest {
 protected:
  void SetUp() override {
    RawDiskTest::SetUp();
    raw = build(work, DiskFirmware::kUefi, 1000);
  }

  static std::string vhd_problem(const std::filesystem::path& file) {
    try {
      stages::check_vhd(DiskBytes(file));
    } catch (const base::Error& error) {
      EXPECT_EQ(error.code(), base::ErrorCode::kArtifactTool);
      return error.facts().why;
    }
    return "";
  }

  std::string gce_problem(const std::filesystem::path& file) {
    try {
      stages::check_gce_archive(file, work.path(), {});
    } catch (const base::Error& error) {
      EXPECT_EQ(error.code(), base::ErrorCode::kArtifactTool);
      return error.facts().why;
    }
    return "";
  }

  TempTree work;
  std::filesystem::path raw;
};

}  // namespace

TEST(VhdFooter, Case226IsAsTheSpecificationSays) {
  stages::Uuid id{};
  id.fill(0xab);
  const auto footer =
      stages::vhd_footer({.bytes = 1000 * kMiB, .id = id, .epoch = 946684800 + 0x01020304});

  ASSERT_EQ(footer.size(), 512U);
  EXPECT_EQ(footer.substr(0, 8), "conectix");
  EXPECT_EQ(footer.substr(24, 4), "\x01\x02\x03\x04");
  EXPECT_EQ(footer.substr(40, 8), std::string("\0\0\0\0\x3e\x80\0\0", 8));
  // 2048000 sectors: 2031 cylinders, 16 heads, 63 sectors per track, as qemu-img has it.
  EXPECT_EQ(footer.substr(56, 4), "\x07\xef\x10\x3f");
  EXPECT_EQ(footer.substr(60, 4), std::string("\0\0\0\x02", 4));
  EXPECT_EQ(footer.substr(68, 16), std::string(16, '\xab'));
}

TEST_F(CloudFormats, HaveNoNameBeforeTheirReviewAndNoneIfThatFails) {
  const auto refuse = [&](const std::filesystem::path& file) {
    EXPECT_TRUE(std::filesystem::exists(file));
    EXPECT_NE(file, work.path("out"));
    throw std::runtime_error("refused");
  };

  EXPECT_THROW(stages::make_vhd(raw, work.path("out"), kEpoch, {}, refuse), std::runtime_error);
  EXPECT_THROW(stages::make_gce_archive(raw, work.path("out"), {.epoch = kEpoch, .threads = 2}, {},
                                        {}, refuse),
               std::runtime_error);

  EXPECT_FALSE(std::filesystem::exists(work.path("out")));
  EXPECT_FALSE(std::filesystem::exists(work.path("out.partial")));
}

TEST_F(CloudFormats, Case226MakesAFixedVhdOfWholeMebibytes) {
  const auto vhd = work.path("out.vhd");
  stages::make_vhd(raw, vhd, kEpoch, {});

  EXPECT_EQ(vhd_problem(vhd), "");
  EXPECT_EQ(std::filesystem::file_size(vhd), 1000 * kMiB + 512);
  const auto info = run("qemu-img", {"info", "-f", "vpc", vhd.string()}).standard_output;
  EXPECT_THAT(info, HasSubstr("1048576000 bytes"));
  struct stat status {};
  ASSERT_EQ(::stat(vhd.c_str(), &status), 0);
  EXPECT_LT(status.st_blocks * 512, 64 << 20) << "its holes were filled";
}

TEST_F(CloudFormats, Case227TakesIdentifiersAndTimesFromTheEpochAndTheContent) {
  const auto make = [&](const char* name, std::int64_t epoch) {
    stages::make_vhd(raw, work.path(name), epoch, {});
    return stages::check_vhd(DiskBytes(work.path(name)));
  };
  const auto one = make("one.vhd", kEpoch);
  const auto same = make("same.vhd", kEpoch);
  tree.file("etc/hostname", "another");
  const TempTree elsewhere;
  raw = build(elsewhere, DiskFirmware::kUefi, 1000);
  const auto other = make("other.vhd", kEpoch);

  EXPECT_EQ(one.epoch, kEpoch);
  EXPECT_EQ(one.id, same.id);
  EXPECT_NE(one.id, other.id);
}

TEST_F(CloudFormats, RefusesAVhdThatIsBroken) {
  const auto vhd = work.path("out.vhd");
  const auto broken = [&](std::uint64_t offset, std::string_view bytes) {
    stages::make_vhd(raw, vhd, kEpoch, {});
    overwrite(vhd, offset, bytes);
    return vhd_problem(vhd);
  };

  EXPECT_EQ(broken(1000 * kMiB, "x"), "it does not end with the footer of a VHD");
  EXPECT_EQ(broken(1000 * kMiB + 70, "x"), "its footer has a wrong checksum");
  EXPECT_EQ(broken(512, "x"), "it has no primary GPT header");
  EXPECT_EQ(vhd_problem(raw), "it does not end with the footer of a VHD");
}

TEST_F(CloudFormats, Case225PacksWholeGibibytesAndLeavesTheDiskAlone) {
  const auto archive = work.path("out.gce.tar.gz");
  const auto before = std::filesystem::last_write_time(raw);

  stages::make_gce_archive(raw, archive, {.epoch = kEpoch, .threads = 2}, {}, {});

  EXPECT_EQ(stages::check_gce_archive(archive, work.path(), {}).disk_bytes, kGiB);
  EXPECT_EQ(std::filesystem::file_size(raw), 1000 * kMiB);
  EXPECT_EQ(std::filesystem::last_write_time(raw), before);
  const auto listing =
      run("tar", {"-xSvvzf", archive.string(), "-C", work.path().string()}).standard_output;
  EXPECT_THAT(listing, HasSubstr("1073741824"));
  EXPECT_THAT(listing, HasSubstr(" disk.raw\n"));
  EXPECT_EQ(problem_of(work.path("disk.raw")), "") << "its backup table is not at its end";
}

TEST_F(CloudFormats, Case225KeepsADiskOfWholeGibibytesAsItIs) {
  const auto whole = build(work, DiskFirmware::kUefi, 1024);
  const auto archive = work.path("out.gce.tar.gz");

  stages::make_gce_archive(whole, archive, {.epoch = kEpoch, .threads = 1}, {}, {});

  EXPECT_EQ(stages::check_gce_archive(archive, work.path(), {}).disk_bytes, kGiB);
  const auto first = base::read_file(archive, 64 << 20);
  stages::make_gce_archive(whole, archive, {.epoch = kEpoch, .threads = 2}, {}, {});
  EXPECT_TRUE(base::read_file(archive, 64 << 20) == first) << "threads changed the bytes";
}

TEST_F(CloudFormats, RefusesAnArchiveThatIsBroken) {
  const auto archive = work.path("out.gce.tar.gz");
  stages::make_gce_archive(raw, archive, {.epoch = kEpoch, .threads = 2}, {}, {});
  const auto bytes = std::filesystem::file_size(archive);

  std::filesystem::resize_file(archive, bytes - 20);
  EXPECT_NE(gce_problem(archive), "");
  EXPECT_EQ(gce_problem(raw), "it is not in gzip");
  std::ofstream(work.path("plain")) << "x";
  run("tar", {"--format=pax", "-czf", archive.string(), "-C", work.path().string(), "plain"});
  EXPECT_EQ(gce_problem(archive), "its first member is not disk.raw");
}
