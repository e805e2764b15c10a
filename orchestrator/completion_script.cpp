// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/completion_script.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace orchestrator {
namespace {

std::vector<std::string> flags_of(const CommandHelp& command) {
  std::vector<std::string> flags;
  for (const auto& option : command.options) {
    flags.insert(flags.end(), option.flags.begin(), option.flags.end());
  }
  return flags;
}

std::vector<std::string> names_of(const std::vector<CommandHelp>& commands) {
  std::vector<std::string> names;
  for (const auto& command : commands) names.push_back(command.name);
  return names;
}

/// What can stand where a command's arguments stand: commands below it, or a shell's name.
std::vector<std::string> words_of(const CommandHelp& command) {
  auto words = names_of(command.commands);
  for (const auto& option : command.options) {
    if (option.flags.empty()) {
      words.insert(words.end(), option.choices.begin(), option.choices.end());
    }
  }
  return words;
}

/// Calls `visit` with a command's names, "store prune", for the program ("") and all below.
template <typename Visit>
void walk(const CommandHelp& command, const std::string& path, const Visit& visit) {
  visit(path, command);
  for (const auto& below : command.commands) {
    walk(below, path.empty() ? below.name : path + " " + below.name, visit);
  }
}

/// Flags with a few values, once each, over all commands: "--progress", {"auto", ...}.
std::vector<std::pair<std::string, std::vector<std::string>>> choices_of(
    const CommandHelp& program) {
  std::vector<std::pair<std::string, std::vector<std::string>>> rows;
  walk(program, "", [&](const std::string& /*path*/, const CommandHelp& command) {
    for (const auto& option : command.options) {
      if (option.choices.empty()) continue;
      for (const auto& flag : option.flags) {
        const auto known = std::find_if(rows.begin(), rows.end(),
                                        [&](const auto& row) { return row.first == flag; });
        if (known == rows.end()) {
          rows.emplace_back(flag, option.choices);
          continue;
        }
        for (const auto& choice : option.choices) {
          auto& there = known->second;
          if (std::find(there.begin(), there.end(), choice) == there.end()) there.push_back(choice);
        }
      }
    }
  });
  return rows;
}

/// The same function serves bash and, through bashcompinit, zsh.
std::string bash_script(const CommandHelp& program) {
  std::string script =
      "# bash completion for osartifact\n"
      "_osartifact() {\n"
      "  local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} path= word i\n"
      "  COMPREPLY=()\n"
      "  case $before in\n";
  for (const auto& [flag, choices] : choices_of(program)) {
    script += fmt::format("    {}) COMPREPLY=($(compgen -W '{}' -- \"$current\")); return ;;\n",
                          flag, fmt::join(choices, " "));
  }
  script +=
      "  esac\n"
      "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
      "    word=${COMP_WORDS[i]}\n"
      "    case \"$path $word\" in\n";
  walk(program, "", [&](const std::string& path, const CommandHelp& /*command*/) {
    if (path.empty()) return;
    const auto space = path.rfind(' ');
    const auto pattern = space == std::string::npos ? " " + path : path;
    script += fmt::format("      '{}') path='{}' ;;\n", pattern, path);
  });
  script +=
      "    esac\n"
      "  done\n"
      "  case $path in\n";
  walk(program, "", [&](const std::string& path, const CommandHelp& command) {
    auto flags = flags_of(command);
    if (!path.empty()) {
      for (auto& flag : flags_of(program)) flags.push_back(std::move(flag));
    }
    script += fmt::format("    '{}') local flags='{}' words='{}' ;;\n", path, fmt::join(flags, " "),
                          fmt::join(words_of(command), " "));
  });
  script +=
      "  esac\n"
      "  if [[ $current == -* ]]; then\n"
      "    COMPREPLY=($(compgen -W \"$flags\" -- \"$current\"))\n"
      "  elif [[ -n $words && $before != -* ]]; then\n"
      "    COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
      "  else\n"
      "    COMPREPLY=($(compgen -f -- \"$current\"))\n"
      "  fi\n"
      "}\n"
      "complete -o filenames -F _osartifact osartifact\n";
  return script;
}

std::string zsh_script(const CommandHelp& program) {
  return "#compdef osartifact\nautoload -U +X bashcompinit && bashcompinit\n" +
         bash_script(program);
}

/// Single quotes of fish: a backslash before what would end them.
std::string fish_quoted(const std::string& text) {
  std::string quoted = "'";
  for (const char character : text) {
    if (character == '\'' || character == '\\') quoted += '\\';
    quoted += character;
  }
  return quoted + "'";
}

std::string fish_option(const OptionHelp& option, const std::string& condition) {
  std::string line = "complete -c osartifact";
  if (!condition.empty()) line += " -n " + fish_quoted(condition);
  for (const auto& flag : option.flags) {
    line += flag.starts_with("--") ? " -l " + flag.substr(2) : " -s " + flag.substr(1);
  }
  if (!option.choices.empty()) {
    line += " -xa " + fish_quoted(fmt::format("{}", fmt::join(option.choices, " ")));
  } else if (!option.value.empty()) {
    line += " -r";
  }
  return line + " -d " + fish_quoted(option.text) + "\n";
}

/// The condition that all commands of `path` were typed.
std::string seen(std::string_view path) {
  std::string condition;
  while (!path.empty()) {
    const auto name = path.substr(0, path.find(' '));
    condition += condition.empty() ? "" : "; and ";
    condition += fmt::format("__fish_seen_subcommand_from {}", name);
    path = name.size() == path.size() ? "" : path.substr(name.size() + 1);
  }
  return condition;
}

std::string fish_script(const CommandHelp& program) {
  std::string script = "# fish completion for osartifact\n";
  walk(program, "", [&](const std::string& path, const CommandHelp& command) {
    const auto condition = seen(path);
    for (const auto& option : command.options) {
      if (!option.flags.empty()) script += fish_option(option, condition);
    }
    const auto words = words_of(command);
    if (words.empty()) return;
    const auto none_yet =
        fmt::format("{}not __fish_seen_subcommand_from {}",
                    condition.empty() ? "" : condition + "; and ", fmt::join(words, " "));
    for (const auto& below : command.commands) {
      script += fmt::format("complete -c osartifact -f -n {} -a {} -d {}\n", fish_quoted(none_yet),
                            below.name, fish_quoted(below.text));
    }
    if (command.commands.empty()) {
      script += fmt::format("complete -c osartifact -f -n {} -a {}\n", fish_quoted(none_yet),
                            fish_quoted(fmt::format("{}", fmt::join(words, " "))));
    }
  });
  return script;
}

}  // namespace

std::string completion_script(const CommandHelp& program, std::string_view shell) {
  if (shell == "fish") return fish_script(program);
  return shell == "zsh" ? zsh_script(program) : bash_script(program);
}

}  // namespace orchestrator
