// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/termination_log.hpp"

#include <algorithm>
#include <fstream>
#include <string_view>

namespace orchestrator {
namespace {

constexpr std::size_t kMostBytes = 4096;
constexpr std::string_view kLeftOut = "\n[...]\n";

}  // namespace

std::string termination_message(const base::Error& error, std::size_t bytes) {
  auto text = base::render(error);
  if (const auto* more = dynamic_cast<const ErrorAfterLines*>(&error)) {
    text = more->lines() + "\n" + text;
  }
  if (text.size() <= bytes) return text;
  const auto half = (bytes - std::min(bytes, kLeftOut.size())) / 2;
  const auto inside_character = [&](std::size_t at) {
    return (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80U;
  };
  auto first_end = half;
  while (first_end > 0 && inside_character(first_end)) --first_end;
  auto second_begin = text.size() - half;
  while (second_begin < text.size() && inside_character(second_begin)) ++second_begin;
  return text.substr(0, first_end).append(kLeftOut).append(text.substr(second_begin));
}

void write_termination_log(const std::filesystem::path& file, const base::Error& error) {
  std::error_code ignored;
  if (!std::filesystem::exists(file, ignored)) return;
  std::ofstream(file) << termination_message(error, kMostBytes);
}

}  // namespace orchestrator
