// SPDX-License-Identifier: Apache-2.0
#include "stages/grub_config.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "base/process.hpp"
#include "tests/unit/stages/temp_tree.hpp"

using stages::Architecture;
using stages::grub_live_menu;
using testing::HasSubstr;
using testing::Not;

namespace {

void expect_golden(const std::string& actual, const std::string& name) {
  const auto path = std::filesystem::path(OSARTIFACT_TEST_DATA) / name;
  if (std::getenv("UPDATE_GOLDEN") != nullptr) {
    std::ofstream(path) << actual;
    GTEST_SKIP() << "rewrote " << path;
  }
  std::ifstream stream(path);
  EXPECT_EQ(actual, std::string(std::istreambuf_iterator<char>(stream), {}));
}

}  // namespace

TEST(GrubMenu, IsAsItWasForAmd64) { expect_golden(grub_live_menu({}), "grub/live-amd64.cfg"); }

TEST(GrubMenu, IsAsItWasForArm64) {
  expect_golden(grub_live_menu({.architecture = Architecture::kArm64,
                                .title = "Edge",
                                .console = "console=ttyAMA0",
                                .extra_words = "quiet",
                                .timeout_seconds = 0}),
                "grub/live-arm64.cfg");
}

TEST(GrubMenu, TakesNoLineEndsOrQuotesFromValues) {
  stages::GrubMenuOptions options;
  options.title = "A\"\n$(x)";
  options.extra_words = "  one\ninsmod evil ";

  const auto menu = grub_live_menu(options);

  EXPECT_THAT(menu, HasSubstr("menuentry \"A(x)\""));
  EXPECT_THAT(menu, HasSubstr("selinux=0 oneinsmod evil\n"));
  EXPECT_THAT(menu, Not(HasSubstr("\ninsmod")));
}

TEST(GrubMenu, IsTakenByGrubsOwnChecker) {
  if (!base::find_program("grub-script-check")) GTEST_SKIP() << "grub-common is missing";
  base::SystemProcessRunner runner;
  TempTree folder;
  for (const auto architecture : {Architecture::kAmd64, Architecture::kArm64}) {
    stages::GrubMenuOptions options;
    options.architecture = architecture;
    folder.file("grub.cfg", grub_live_menu(options) + stages::grub_finder());

    const auto result = runner.run({.program = "grub-script-check",
                                    .arguments = {folder.path("grub.cfg").string()},
                                    .environment = {},
                                    .working_directory = {},
                                    .input = {}},
                                   {}, {});

    EXPECT_EQ(result.exit_status, 0) << testing::PrintToString(result.tail);
  }
}
