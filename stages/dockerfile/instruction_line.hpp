// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "stages/dockerfile/instruction.hpp"
#include "stages/dockerfile/source_lines.hpp"

namespace stages::dockerfile {

/// Reads the instruction that `line` begins, with the heredocs that follow in `lines`, and checks
/// all that needs no expansion. Throws base::Error kManifest with the line.
Instruction read_instruction(const SourceLines::Joined& line, SourceLines& lines,
                             const std::string& file);

}  // namespace stages::dockerfile
