// SPDX-License-Identifier: Apache-2.0
#include "stages/dockerfile/instruction_rules.hpp"

#include <algorithm>
#include <array>

namespace stages::dockerfile {
namespace {

constexpr auto kSwitch = FlagValue::kSwitch;
constexpr auto kText = FlagValue::kText;
constexpr auto kTextOften = FlagValue::kTextOften;

constexpr std::array<FlagRule, 7> kAddFlags = {{{"chown", kText},
                                                {"chmod", kText},
                                                {"link", kSwitch},
                                                {"keep-git-dir", kSwitch},
                                                {"checksum", kText},
                                                {"unpack", kSwitch},
                                                {"exclude", kTextOften}}};
constexpr std::array<FlagRule, 6> kCopyFlags = {{{"from", kText},
                                                 {"chown", kText},
                                                 {"chmod", kText},
                                                 {"link", kSwitch},
                                                 {"parents", kSwitch},
                                                 {"exclude", kTextOften}}};
constexpr std::array<FlagRule, 1> kFromFlags = {{{"platform", kText}}};
constexpr std::array<FlagRule, 5> kHealthcheckFlags = {{{"interval", kText},
                                                        {"timeout", kText},
                                                        {"start-period", kText},
                                                        {"start-interval", kText},
                                                        {"retries", kText}}};
constexpr std::array<FlagRule, 3> kRunFlags = {
    {{"mount", kTextOften}, {"network", kText}, {"security", kText}}};

constexpr std::array<InstructionRule, 18> kRules = {{
    {"ADD", ArgumentForm::kList, kAddFlags, true},
    {"ARG", ArgumentForm::kNames, {}},
    {"CMD", ArgumentForm::kCommand, {}},
    {"COPY", ArgumentForm::kList, kCopyFlags, true},
    {"ENTRYPOINT", ArgumentForm::kCommand, {}},
    {"ENV", ArgumentForm::kAssignments, {}},
    {"EXPOSE", ArgumentForm::kWords, {}},
    {"FROM", ArgumentForm::kWords, kFromFlags},
    {"HEALTHCHECK", ArgumentForm::kHealthcheck, kHealthcheckFlags},
    {"LABEL", ArgumentForm::kAssignments, {}},
    {"MAINTAINER", ArgumentForm::kText, {}},
    {"ONBUILD", ArgumentForm::kTrigger, {}},
    {"RUN", ArgumentForm::kCommand, kRunFlags, true},
    {"SHELL", ArgumentForm::kCommand, {}},
    {"STOPSIGNAL", ArgumentForm::kText, {}},
    {"USER", ArgumentForm::kText, {}},
    {"VOLUME", ArgumentForm::kList, {}},
    {"WORKDIR", ArgumentForm::kText, {}},
}};

}  // namespace

std::span<const InstructionRule> instruction_rules() { return kRules; }

const InstructionRule* find_rule(std::string_view keyword) {
  const auto* const found = std::find_if(kRules.begin(), kRules.end(),
                                         [&](const auto& rule) { return rule.keyword == keyword; });
  return found == kRules.end() ? nullptr : found;
}

}  // namespace stages::dockerfile
