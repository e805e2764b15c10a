// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/format.hpp"
#include "stages/dockerfile/arguments.hpp"
#include "stages/dockerfile/blanks.hpp"

namespace stages::dockerfile {
namespace {

constexpr std::array<std::string_view, 37> kNames = {
    "ABRT", "ALRM", "BUS",   "CHLD",   "CLD",   "CONT",  "FPE",   "HUP",  "ILL",  "INT",
    "IO",   "IOT",  "KILL",  "PIPE",   "POLL",  "PROF",  "PWR",   "QUIT", "SEGV", "STKFLT",
    "STOP", "SYS",  "TERM",  "TRAP",   "TSTP",  "TTIN",  "TTOU",  "URG",  "USR1", "USR2",
    "XCPU", "XFSZ", "WINCH", "VTALRM", "RTMIN", "RTMAX", "UNUSED"};

/// "RTMIN+3", "RTMAX-14".
bool is_realtime(std::string_view name) {
  const bool from_first = name.starts_with("RTMIN+");
  if (!from_first && !name.starts_with("RTMAX-")) return false;
  name.remove_prefix(6);
  int offset = 0;
  const auto* const end = name.data() + name.size();
  const auto [at, error] = std::from_chars(name.data(), end, offset);
  return error == std::errc() && at == end && offset >= 1 && offset <= (from_first ? 15 : 14);
}

}  // namespace

std::string stop_signal(const Instruction& instruction) {
  const auto& text = instruction.text;
  int number = 0;
  const auto* const end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, number);
  if (error == std::errc() && at == end) {
    if (number > 0) return text;
  } else {
    auto name = upper_case(text);
    if (name.starts_with("SIG")) name.erase(0, 3);
    if (is_realtime(name) || std::find(kNames.begin(), kNames.end(), name) != kNames.end()) {
      return text;
    }
  }
  throw instruction_error(instruction, fmt::format("invalid signal: {}", base::printable(text)),
                          "write a number or a name, as SIGTERM");
}

}  // namespace stages::dockerfile
