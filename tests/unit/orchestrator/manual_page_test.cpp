// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/manual_page.hpp"

#include <gtest/gtest.h>

#include "base/process.hpp"

namespace {

/// The page as a reader sees it, without overstrikes; groff's complaints go to `warnings`.
std::string shown(std::string* warnings) {
  const auto page = orchestrator::manual_page(orchestrator::describe_command_line(), "1.2.3");
  base::SystemProcessRunner runner;
  const auto result = runner.run({.program = "groff",
                                  .arguments = {"-man", "-ww", "-Tascii", "-P-cbou", "-rLL=200n"},
                                  .environment = {},
                                  .working_directory = {},
                                  .input = page},
                                 {}, {});
  EXPECT_EQ(result.exit_status, 0);
  for (const auto& line : result.tail) {
    if (line.starts_with("troff:")) *warnings += line + "\n";
  }
  return result.standard_output;
}

}  // namespace

TEST(ManualPage, HasEveryCommandAndFlagAndNothingThatGroffComplainsOf) {
  std::string warnings;
  const auto text = shown(&warnings);

  EXPECT_EQ(warnings, "");
  EXPECT_NE(text.find("osartifact - make bootable"), std::string::npos);
  EXPECT_NE(text.find("build FILE"), std::string::npos);
  EXPECT_NE(text.find("--store DIR"), std::string::npos) << text;
  EXPECT_NE(text.find("Variable: OSARTIFACT_STORE"), std::string::npos);
  EXPECT_NE(text.find("store prune"), std::string::npos);
  EXPECT_NE(text.find("completion bash|zsh|fish"), std::string::npos);
}
