// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/completion_script.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "base/process.hpp"
#include "base/temp_dir.hpp"

namespace {

/// What bash offers after `typed`, whose last word is being completed.
std::vector<std::string> offered(const std::string& typed) {
  const base::TempDir folder(base::temp_root(), "completion");
  const auto script = folder.path() / "osartifact.bash";
  std::ofstream(script) << orchestrator::completion_script(orchestrator::describe_command_line(),
                                                           "bash");
  base::SystemProcessRunner runner;
  const auto result = runner.run({.program = "bash",
                                  .arguments = {"-c",
                                                "source \"$1\"; read -ra COMP_WORDS <<<\"$2\"; "
                                                "[[ $2 == *' ' ]] && COMP_WORDS+=(''); "
                                                "COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); "
                                                "_osartifact; printf '%s\\n' \"${COMPREPLY[@]}\"",
                                                "bash", script.string(), typed},
                                  .environment = {},
                                  .working_directory = folder.path(),
                                  .input = {}},
                                 {}, {});
  EXPECT_EQ(result.exit_status, 0);
  std::vector<std::string> words;
  std::string word;
  for (const char character : result.standard_output) {
    if (character != '\n') {
      word += character;
    } else if (!word.empty()) {
      words.push_back(std::exchange(word, ""));
    }
  }
  return words;
}

}  // namespace

TEST(CompletionScript, BashOffersCommandsFlagsAndValues) {
  using Words = std::vector<std::string>;

  EXPECT_EQ(offered("osartifact valid"), Words{"validate"});
  EXPECT_EQ(offered("osartifact store pr"), Words{"prune"});
  EXPECT_EQ(offered("osartifact store prune --al"), Words{"--all"});
  EXPECT_EQ(offered("osartifact build --offl"), Words{"--offline"});
  EXPECT_EQ(offered("osartifact build --progress t"), Words{"tty"});
  EXPECT_EQ(offered("osartifact completion "), (Words{"bash", "zsh", "fish"}));
  EXPECT_EQ(offered("osartifact build ./osart"), Words{"./osartifact.bash"});
}

TEST(CompletionScript, EveryShellKnowsEveryCommand) {
  const auto program = orchestrator::describe_command_line();

  for (const auto* shell : {"bash", "zsh", "fish"}) {
    const auto script = orchestrator::completion_script(program, shell);
    for (const auto& command : program.commands) {
      EXPECT_NE(script.find(command.name), std::string::npos) << shell << ' ' << command.name;
    }
  }
}
