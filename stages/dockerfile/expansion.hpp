// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace stages::dockerfile {

/// The value of a variable, or none when it is not set.
using Variables = std::function<std::optional<std::string>(std::string_view name)>;

/// Expands `$x ${x} ${x:-w} ${x-w} ${x:+w} ${x+w} ${x:?w} ${x?w} ${x#p} ${x##p} ${x%p} ${x%%p}
/// ${x/p/r} ${x//p/r}`, takes quotes and `escape` away. Throws base::Error kManifest saying what is
/// wrong; the caller adds the line. Source: BuildKit, reference.md, "Environment replacement".
std::string expand(std::string_view word, const Variables& variables, char escape);

/// The same, but keeps quotes and escapes: for what is only partly ours, such as a heredoc.
std::string expand_keeping_quotes(std::string_view text, const Variables& variables, char escape);

/// Expands and splits at blanks that stand outside quotes.
std::vector<std::string> expand_words(std::string_view text, const Variables& variables,
                                      char escape);

}  // namespace stages::dockerfile
