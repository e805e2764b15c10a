// SPDX-License-Identifier: Apache-2.0
#include "stages/uki/pe_image.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.hpp"
#include "tests/support/made_uki.hpp"
#include "tests/unit/stages/temp_tree.hpp"

namespace {

using stages::Architecture;
using stages::DiskBytes;
using testing::HasSubstr;

constexpr std::size_t kOptional = 64 + 24;
constexpr std::size_t kTable = kOptional + 240;

std::string with(std::string bytes, std::size_t offset, std::string_view value) {
  return bytes.replace(offset, value.size(), value);
}

TEST(PeImage, ReadsWhatAStubIs) {
  TempTree folder;
  folder.file("stub", tests::made_pe());
  const DiskBytes file(folder.path("stub"));

  const auto image = stages::uki::read_pe(file);

  EXPECT_EQ(image.architecture(), Architecture::kAmd64);
  EXPECT_EQ(image.subsystem, stages::uki::kEfiApplication);
  ASSERT_EQ(image.sections.size(), 3U);
  EXPECT_EQ(image.find(".sbat")->virtual_address, 0x3000U);
  EXPECT_EQ(stages::uki::section_content(file, *image.find(".sbat"), 100), "sbat,1,made\n");
  EXPECT_EQ(image.find(".linux"), nullptr);
}

TEST(PeImage, KnowsOtherProcessors) {
  TempTree folder;
  folder.file("arm64", tests::made_pe({.machine = 0xaa64}))
      .file("riscv", tests::made_pe({.machine = 0x5064}));

  EXPECT_EQ(stages::uki::read_pe(DiskBytes(folder.path("arm64"))).architecture(),
            Architecture::kArm64);
  EXPECT_EQ(stages::uki::read_pe(DiskBytes(folder.path("riscv"))).architecture(), std::nullopt);
}

TEST(PeImage, RefusesWhatIsDamaged) {
  const auto whole = tests::made_pe();
  const struct {
    std::string bytes;
    std::string why;
  } cases[] = {
      {"", "no PE program"},
      {"MZ", "no PE program"},
      {std::string(4096, '\0'), "no PE program"},
      {with(whole, 60, "\xff\xff\xff\xff"), "no PE program"},
      {with(whole, 64, "NE"), "no PE program"},
      {with(whole, kOptional, "\x0b\x01"), "PE32+"},
      {whole.substr(0, 64 + 30), "it ends before byte"},
      {with(whole, 64 + 6, std::string_view("\0\0", 2)), "number of sections"},
      {with(whole, 64 + 6, "\xff\xff"), "number of sections"},
      {with(whole, kOptional + 32, std::string_view("\0\0\0\0", 4)), "powers of two"},
      {with(whole, kOptional + 36, std::string_view("\x03\0\0\0", 4)), "powers of two"},
      {with(whole, kOptional + 60, std::string_view("\x80\0\0\0", 4)), "fit into its headers"},
      {with(whole, kOptional + 108, std::string_view("\x02\0\0\0", 4)), "place for certificates"},
      {with(whole, kOptional + 144, std::string_view("\0\x02\0\0\xff\0\0\0", 8)), "last bytes"},
      {with(whole, kTable + 12, std::string_view("\0\0\0\0", 4)), "section .text: overlaps"},
      {with(whole, kTable + 40 + 12, std::string_view("\0\x10\0\0", 4)), "section .data: overlaps"},
      {with(whole, kTable + 8, "\xff\xff\xff\xff"), "section .text: is past the end"},
      {with(whole, kTable + 16, "\xff\xff\xff\xff"), "section .text: is cut off"},
      {with(whole, kTable + 20, std::string_view("\0\0\0\0", 4)), "section .text: overlaps the he"},
      {with(whole, kTable + 20, std::string_view("\x01\x02\0\0", 4)), "not aligned in the file"},
  };
  for (const auto& [bytes, why] : cases) {
    TempTree folder;
    folder.file("stub", bytes);
    try {
      static_cast<void>(stages::uki::read_pe(DiskBytes(folder.path("stub"))));
      ADD_FAILURE() << why;
    } catch (const base::Error& error) {
      EXPECT_EQ(error.code(), base::ErrorCode::kArtifactTool);
      EXPECT_THAT(error.facts().why, HasSubstr(why));
    }
  }
}

TEST(PeImage, FillsASectionThatIsLongerInMemoryWithZeros) {
  TempTree folder;
  folder.file("stub", with(tests::made_pe(), kTable + 80 + 8, std::string_view("\0\x04\0\0", 4)));
  const DiskBytes file(folder.path("stub"));

  const auto content =
      stages::uki::section_content(file, *stages::uki::read_pe(file).find(".sbat"), 4096);

  EXPECT_EQ(content.size(), 1024U);
  EXPECT_EQ(content.find_last_not_of('\0') + 1, 12U);
  EXPECT_THROW(static_cast<void>(stages::uki::section_content(
                   file, *stages::uki::read_pe(file).find(".sbat"), 1023)),
               base::Error);
}

}  // namespace
