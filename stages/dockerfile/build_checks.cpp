// SPDX-License-Identifier: Apache-2.0
#include "stages/dockerfile/build_checks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <utility>

#include "base/format.hpp"
#include "oci/reference.hpp"
#include "stages/dockerfile/arguments.hpp"
#include "stages/dockerfile/blanks.hpp"
#include "stages/dockerfile/expansion.hpp"

namespace stages::dockerfile {
namespace {

constexpr std::array<std::string_view, 10> kSecretWords = {
    "apikey",   "auth",  "credential", "credentials", "key",
    "password", "pword", "passwd",     "secret",      "token"};
constexpr std::array<std::string_view, 3> kHarmlessWords = {"public", "file", "version"};
constexpr std::array<std::string_view, 11> kPlatformArguments = {
    "BUILDPLATFORM",   "BUILDOS",        "BUILDOSVERSION", "BUILDARCH",
    "BUILDVARIANT",    "TARGETPLATFORM", "TARGETOS",       "TARGETARCH",
    "TARGETOSVERSION", "TARGETVARIANT",  "TARGETSTAGE"};

template <typename Words>
bool has_word(std::string_view name, const Words& words) {
  const auto lower = lower_case(name);
  std::string_view rest = lower;
  while (true) {
    const auto word = rest.substr(0, rest.find('_'));
    if (std::find(words.begin(), words.end(), word) != words.end()) return true;
    if (word.size() == rest.size()) return false;
    rest.remove_prefix(word.size() + 1);
  }
}

bool is_one_case(std::string_view text) {
  return text == lower_case(text) || text == upper_case(text);
}

/// The keyword as it is written.
std::string_view written_keyword(const Instruction& instruction) {
  return std::string_view(instruction.original).substr(0, instruction.keyword.size());
}

bool is_reference(std::string_view text) {
  try {
    static_cast<void>(oci::Reference::parse(text));
    return true;
  } catch (const base::Error&) {
    return false;
  }
}

/// The value of a text of true and false as Go reads them.
std::optional<bool> truth(std::string_view text) {
  const auto lower = lower_case(trimmed(text));
  if (lower == "1" || lower == "t" || lower == "true") return true;
  if (lower == "0" || lower == "f" || lower == "false") return false;
  return std::nullopt;
}

}  // namespace

bool names_a_secret(std::string_view name) {
  return has_word(name, kSecretWords) && !has_word(name, kHarmlessWords);
}

BuildChecks::BuildChecks(const Dockerfile& dockerfile) : dockerfile_(dockerfile) {
  std::string_view rest = dockerfile.check ? std::string_view(*dockerfile.check) : "";
  const auto fail = [&](std::string_view option) {
    throw base::Error(
        {.code = base::ErrorCode::kManifest,
         .what = fmt::format("{}: invalid check option \"{}\"", dockerfile.name,
                             base::printable(option)),
         .why = fmt::format("# check={}", *dockerfile.check),
         .hint = "write # check=skip=NAME,NAME or all; error=true; experimental=NAME"});
  };
  while (!rest.empty()) {
    const auto option = rest.substr(0, rest.find(';'));
    rest.remove_prefix(std::min(option.size() + 1, rest.size()));
    const auto equals = option.find('=');
    const auto name = trimmed(option.substr(0, equals));
    if (equals == std::string_view::npos) fail(option);
    auto value = trimmed(option.substr(equals + 1));
    if (name == "error") {
      const auto on = truth(value);
      if (!on) fail(option);
      is_error_ = on.value_or(false);
    } else if (name == "skip") {
      skip_all_ = skip_all_ || value == "all";
      while (!value.empty()) {
        const auto rule = value.substr(0, value.find(','));
        skipped_.emplace(trimmed(rule));
        value.remove_prefix(std::min(rule.size() + 1, value.size()));
      }
    } else if (name != "experimental") {  // There are no experimental checks here.
      fail(name);
    }
  }
}

void BuildChecks::add(const Instruction& instruction, std::string_view rule,
                      const std::string& text) {
  if (skip_all_ || skipped_.contains(rule)) return;
  findings_.push_back(
      {.line = instruction.line,
       .text = fmt::format("{}: {} ({}:{})", rule, text, dockerfile_.name, instruction.line),
       .rule = std::string(rule)});
}

void BuildChecks::found_empty_continuation(const Instruction& instruction) {
  add(instruction, "NoEmptyContinuation", "Empty continuation line");
}

void BuildChecks::check_casing() {
  int lower = 0;
  int upper = 0;
  for (const auto& instruction : dockerfile_.instructions) {
    const auto keyword = written_keyword(instruction);
    if (!is_one_case(keyword)) continue;
    (keyword == lower_case(keyword) ? lower : upper) += 1;
  }
  const bool expect_lower = lower > upper;
  for (const auto& instruction : dockerfile_.instructions) {
    const auto keyword = written_keyword(instruction);
    if (keyword == (expect_lower ? lower_case(keyword) : upper_case(keyword))) continue;
    add(instruction, "ConsistentInstructionCasing",
        fmt::format("Command '{}' should match the case of the command majority ({})", keyword,
                    expect_lower ? "lowercase" : "uppercase"));
  }
}

void BuildChecks::check_stages() {
  std::set<std::string> names;
  for (const auto& instruction : dockerfile_.instructions) {
    if (instruction.keyword != "FROM") continue;
    const auto from = from_arguments(instruction);
    if (from.stage.empty()) continue;
    const auto& written = instruction.words[2];
    if (written != from.stage) {
      add(instruction, "StageNameCasing",
          fmt::format("Stage name '{}' should be lowercase", written));
    }
    const auto keyword = written_keyword(instruction);
    const auto& as = instruction.words[1];
    if (is_one_case(keyword) &&
        as != (keyword == lower_case(keyword) ? lower_case(as) : upper_case(as))) {
      add(instruction, "FromAsCasing",
          fmt::format("'{}' and '{}' keywords' casing do not match", as, keyword));
    }
    if (from.stage == "scratch" || from.stage == "context") {
      add(instruction, "ReservedStageName",
          fmt::format("Stage name should not use the same name as reserved stage \"{}\"",
                      from.stage));
    }
    if (!names.insert(from.stage).second) {
      add(instruction, "DuplicateStageName",
          fmt::format("Duplicate stage name \"{}\", stage names should be unique", from.stage));
    }
  }
}

void BuildChecks::check_arguments_of_from() {
  std::map<std::string, std::string, std::less<>> globals;
  std::set<std::string, std::less<>> declared(kPlatformArguments.begin(), kPlatformArguments.end());
  bool before_first = true;
  for (const auto& instruction : dockerfile_.instructions) {
    before_first = before_first && instruction.keyword != "FROM";
    const Variables defaults = [&](std::string_view name) -> std::optional<std::string> {
      const auto found = globals.find(name);
      return found == globals.end() ? std::nullopt : std::optional(found->second);
    };
    if (instruction.keyword == "ARG" && before_first) {
      for (const auto& [name, value] : instruction.assignments) {
        declared.insert(name);
        if (!value) continue;
        try {
          globals[name] = expand(*value, defaults, dockerfile_.escape);
        } catch (const base::Error&) {
          continue;  // The build says so itself, where nothing else is given.
        }
      }
    }
    if (instruction.keyword != "FROM") continue;
    const auto from = from_arguments(instruction);
    bool undeclared = false;
    const Variables asked = [&](std::string_view name) -> std::optional<std::string> {
      if (declared.contains(name)) return defaults(name);
      undeclared = true;
      const auto meant = base::nearest(name, declared);
      add(instruction, "UndefinedArgInFrom",
          fmt::format("FROM argument '{}' is not declared{}", name,
                      meant.empty() ? "" : fmt::format(" (did you mean {}?)", meant)));
      return std::nullopt;
    };
    try {
      const auto image = expand(from.image, asked, dockerfile_.escape);
      const bool constant = from.image.find('$') == std::string::npos;
      if (!constant && !undeclared && !is_reference(image)) {
        add(instruction, "InvalidDefaultArgInFrom",
            fmt::format("Default value for ARG {} results in empty or invalid base image name",
                        from.image));
      }
      static_cast<void>(expand(from.platform, asked, dockerfile_.escape));
    } catch (const base::Error&) {
      continue;  // Likewise.
    }
    if (from.platform == "$TARGETPLATFORM" || from.platform == "${TARGETPLATFORM}") {
      add(instruction, "RedundantTargetPlatform",
          fmt::format("Setting platform to predefined {} in FROM is redundant as this is the "
                      "default behavior",
                      from.platform));
    } else if (!from.platform.empty() && from.platform.find('$') == std::string::npos) {
      const auto slash = from.platform.find('/');
      const auto architecture =
          slash == std::string::npos ? from.platform : from.platform.substr(slash + 1);
      if (from.stage.find(from.platform.substr(0, slash)) == std::string::npos &&
          from.stage.find(architecture) == std::string::npos) {
        add(instruction, "FromPlatformFlagConstDisallowed",
            fmt::format("FROM --platform flag should not use constant value \"{}\"",
                        from.platform));
      }
    }
  }
}

void BuildChecks::check_instruction(const Instruction& instruction) {
  const auto& keyword = instruction.keyword;
  if (keyword == "MAINTAINER") {
    add(instruction, "MaintainerDeprecated",
        "Maintainer instruction is deprecated in favor of using label");
  }
  if (keyword == "ENV" || keyword == "LABEL") {
    if (instruction.words.front().find('=') == std::string::npos) {
      add(instruction, "LegacyKeyValueFormat",
          fmt::format("\"{0} key=value\" should be used instead of legacy \"{0} key value\" format",
                      keyword));
    }
  }
  if (keyword == "ENV" || keyword == "ARG") {
    for (const auto& [name, value] : instruction.assignments) {
      if (!names_a_secret(name)) continue;
      add(instruction, "SecretsUsedInArgOrEnv",
          fmt::format("Do not use ARG or ENV instructions for sensitive data ({} \"{}\")", keyword,
                      name));
    }
  }
  if (keyword == "EXPOSE") {
    for (const auto& word : instruction.words) {
      if (word.find('$') != std::string::npos) continue;
      const auto slash = std::min(word.find('/'), word.size());
      if (word.substr(slash) != lower_case(word.substr(slash))) {
        add(instruction, "ExposeProtoCasing",
            fmt::format("Defined protocol '{}' in EXPOSE instruction should be lowercase", word));
      }
      if (word.find(':') != std::string::npos) {
        add(instruction, "ExposeInvalidFormat",
            fmt::format("EXPOSE instruction should not define an IP address or host-port mapping, "
                        "found '{}'",
                        word));
      }
    }
  }
}

void BuildChecks::check_commands() {
  std::map<std::string, const Instruction*> last;
  bool shell_given = false;
  for (const auto& instruction : dockerfile_.instructions) {
    const auto& keyword = instruction.keyword;
    if (keyword == "FROM") {
      last.clear();
      shell_given = false;
    }
    shell_given = shell_given || keyword == "SHELL";
    const bool is_command = keyword == "CMD" || keyword == "ENTRYPOINT";
    if (!is_command && keyword != "HEALTHCHECK") continue;
    if (is_command && !instruction.exec_form && !shell_given) {
      add(instruction, "JSONArgsRecommended",
          fmt::format("JSON arguments recommended for {} to prevent unintended behavior related to "
                      "OS signals",
                      keyword));
    }
    if (const auto* const earlier = std::exchange(last[keyword], &instruction)) {
      add(*earlier, "MultipleInstructionsDisallowed",
          fmt::format("Multiple {} instructions should not be used in the same stage because only "
                      "the last one will be used",
                      keyword));
    }
  }
}

void BuildChecks::check_workdirs() {
  std::map<std::string, bool> set_in_stage;
  std::string stage;
  bool is_set = false;
  for (const auto& instruction : dockerfile_.instructions) {
    if (instruction.keyword == "FROM") {
      const auto from = from_arguments(instruction);
      is_set = set_in_stage[lower_case(from.image)];
      stage = from.stage;
    }
    if (instruction.keyword != "WORKDIR") continue;
    const auto& text = instruction.text;
    const bool known = text.find_first_of("$\"'") == std::string::npos;
    if (!is_set && known && !text.starts_with('/')) {
      add(instruction, "WorkdirRelativePath",
          fmt::format(
              "Relative workdir \"{}\" can have unexpected results if the base image changes",
              text));
    }
    is_set = true;
    if (!stage.empty()) set_in_stage[stage] = true;
  }
}

std::vector<std::string> BuildChecks::run() {
  check_casing();
  check_stages();
  check_arguments_of_from();
  check_commands();
  check_workdirs();
  for (const auto& instruction : dockerfile_.instructions) check_instruction(instruction);
  return take_findings();
}

std::optional<std::string> BuildChecks::undefined_variable(const Instruction& instruction,
                                                           std::string_view name,
                                                           const std::vector<std::string>& known) {
  const auto meant = base::nearest(name, known);
  add(instruction, "UndefinedVar",
      fmt::format("Usage of undefined variable '${}'{}", name,
                  meant.empty() ? "" : fmt::format(" (did you mean ${}?)", meant)));
  auto warnings = take_findings();
  if (warnings.empty()) return std::nullopt;
  return std::move(warnings.front());
}

std::vector<std::string> BuildChecks::take_findings() {
  std::stable_sort(findings_.begin(), findings_.end(),
                   [](const auto& left, const auto& right) { return left.line < right.line; });
  if (is_error_ && !findings_.empty()) {
    throw base::Error({.code = base::ErrorCode::kManifest,
                       .what = fmt::format("{}: build checks failed", dockerfile_.name),
                       .why = findings_.front().text,
                       .hint = "mend it, or leave error=true out of # check="});
  }
  std::vector<std::string> warnings;
  for (auto& finding : findings_) warnings.push_back(std::move(finding.text));
  findings_.clear();
  return warnings;
}

}  // namespace stages::dockerfile
