// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "stages/dockerfile/instruction.hpp"

namespace stages::dockerfile {

/// The value of a variable, or none when it is not set.
using Variables = std::function<std::optional<std::string>(std::string_view name)>;

/// Told of a variable that is not set, and has no word of its own for that: `${x:-w}` has.
using UnsetVariable = std::function<void(std::string_view name)>;

/// Expands `$x ${x} ${x:-w} ${x-w} ${x:+w} ${x+w} ${x:?w} ${x?w} ${x#p} ${x##p} ${x%p} ${x%%p}
/// ${x/p/r} ${x//p/r}`, takes quotes and `escape` away. Names are ASCII letters, digits and `_`.
/// Throws base::Error kManifest saying what is wrong; the caller adds the line.
/// Source: BuildKit, reference.md, "Environment replacement".
std::string expand(std::string_view word, const Variables& variables, char escape);

/// The instruction with all expanded that BuildKit expands for its kind: words of ADD, COPY,
/// EXPOSE, VOLUME and FROM; `text` of USER, WORKDIR and STOPSIGNAL; names and values of ENV and
/// LABEL; names of ARG; heredocs of ADD and COPY whose delimiter is not quoted; the flags --chown,
/// --chmod, --checksum, --platform and --mount. All else (RUN, CMD, ENTRYPOINT, SHELL, HEALTHCHECK,
/// ONBUILD, the values of ARG) is left as it is. Words are no longer quoted then. Throws
/// base::Error kManifest with the line. Source: BuildKit, frontend/dockerfile/instructions.
Instruction expanded(const Instruction& instruction, const Variables& variables, char escape,
                     const UnsetVariable& on_unset = {});

}  // namespace stages::dockerfile
