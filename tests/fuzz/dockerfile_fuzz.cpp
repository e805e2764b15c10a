// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.hpp"
#include "stages/dockerfile/arguments.hpp"
#include "stages/dockerfile/expansion.hpp"
#include "stages/dockerfile/git_source.hpp"
#include "stages/dockerfile/instruction.hpp"

namespace {

using namespace stages::dockerfile;

std::optional<std::string> variables(std::string_view name) {
  if (name.size() % 3 == 0) return std::nullopt;
  return std::string(name) + "/a*b \xc3\xa4 '\"$";
}

void read_arguments(const Instruction& instruction) {
  if (instruction.keyword == "FROM") from_arguments(instruction);
  if (instruction.keyword == "RUN") {
    run_arguments(instruction);
    run_options(instruction);
  }
  if (instruction.keyword == "ADD" || instruction.keyword == "COPY") {
    for (const auto& source : copy_arguments(instruction).sources) {
      if (source.kind == CopySource::Kind::kGit) parse_git_source(source.text);
    }
  }
  if (instruction.keyword == "HEALTHCHECK") healthcheck_arguments(instruction);
  if (instruction.keyword == "EXPOSE") exposed_ports(instruction);
  if (instruction.keyword == "STOPSIGNAL") stop_signal(instruction);
}

void build_with(const Instruction& instruction, char escape) {
  try {
    read_arguments(expanded(instruction, variables, escape));
    if (instruction.keyword == "ONBUILD") {
      read_arguments(parse_instruction(instruction.text, escape, "trigger"));
    }
  } catch (const base::Error&) {
    return;
  }
}

}  // namespace

/// Any text is a Dockerfile or an error, and each of its instructions expands or is an error.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    const auto dockerfile = parse_dockerfile(text, "Dockerfile");
    for (const auto& instruction : dockerfile.instructions) {
      build_with(instruction, dockerfile.escape);
    }
  } catch (const base::Error& error) {
    static_cast<void>(base::render(error));
  }
  return 0;
}
