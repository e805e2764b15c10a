// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/command_line.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.hpp"

using testing::HasSubstr;
using testing::Not;

namespace {

base::Error refusal(const std::vector<std::string>& arguments) {
  try {
    static_cast<void>(orchestrator::parse_command_line(arguments));
  } catch (const base::Error& error) {
    return error;
  }
  return base::Error(
      {.code = base::ErrorCode::kInternal, .what = "it was taken", .why = "", .hint = ""});
}

}  // namespace

TEST(CommandLine, TheVersionIsAFlagToo) {
  const auto parsed = orchestrator::parse_command_line({"--version"});

  ASSERT_TRUE(std::holds_alternative<orchestrator::HelpText>(parsed));
  EXPECT_THAT(std::get<orchestrator::HelpText>(parsed).text, testing::StartsWith("osartifact "));
}

TEST(CommandLine, HelpShowsTheWholeCommand) {
  const auto help = [](const std::vector<std::string>& arguments) {
    return std::get<orchestrator::HelpText>(orchestrator::parse_command_line(arguments)).text;
  };

  EXPECT_THAT(help({"build", "--help"}), testing::HasSubstr("Usage: osartifact build "));
  EXPECT_THAT(help({"image", "build", "-h"}), testing::HasSubstr("Usage: osartifact image build "));
  EXPECT_THAT(help({"-h"}), testing::HasSubstr("Usage: osartifact "));
}

TEST(CommandLine, AFlagOfAnotherProgramIsToldOfWithWhatToGiveInstead) {
  const struct {
    std::vector<std::string> arguments;
    const char* flag;
    const char* hint;
  } cases[] = {
      {{"pull", "--authfile", "f", "a/b:1"}, "pull has no option --authfile", "--credentials FILE"},
      {{"push", "a", "b", "--tls-verify=false"}, "--tls-verify", "--insecure-registry HOST"},
      {{"build", "-f", "demo.yaml"}, "build has no option -f", "the manifest is an argument"},
      {{"build", "demo.yaml", "--debug"}, "--debug", "--log-level debug"},
      {{"pull", "a/b:1", "--platform", "linux/arm64"}, "--platform", "--arch"},
      {{"image", "build", "--destination", "a", "."}, "image build has", "-t REF --push"},
      {{"image", "build", "--no-cach", "."}, "--no-cach", "did you mean --no-cache?"},
      {{"store", "df", "--frobnicate"}, "--frobnicate", "osartifact store df --help"},
  };
  for (const auto& [arguments, flag, hint] : cases) {
    const auto error = refusal(arguments);

    EXPECT_EQ(error.code(), base::ErrorCode::kUsage);
    EXPECT_THAT(error.facts().why, HasSubstr(flag));
    EXPECT_THAT(error.facts().hint, HasSubstr(hint));
  }
}

TEST(CommandLine, APasswordInAnArgumentIsNotRepeated) {
  const auto error = refusal({"pull", "--creds=me:password", "a/b:1"});

  EXPECT_THAT(error.facts().why, Not(HasSubstr("password")));
  EXPECT_THAT(error.facts().hint, HasSubstr("--credentials FILE"));
}

TEST(CommandLine, SynopsesSayWhatMayBeLeftOutAndWhatMayBeRepeated) {
  const auto program = orchestrator::describe_command_line();
  const auto arguments_of = [&](const std::string& name) {
    std::string text;
    for (const auto& command : program.commands) {
      if (command.name != name) continue;
      for (const auto& option : command.options) {
        if (option.flags.empty()) text += orchestrator::synopsis(option) + " ";
      }
    }
    return text;
  };

  EXPECT_EQ(arguments_of("run"), "FILE [NAME] ");
  EXPECT_EQ(arguments_of("validate"), "FILE... ");
  EXPECT_EQ(arguments_of("completion"), "bash|zsh|fish ");
}
