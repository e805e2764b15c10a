// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace orchestrator::templates {

/// `text` for HTML: < > & ' " and NUL.
std::string escape_html(std::string_view text);

/// `text` for a string of JavaScript that may stand in HTML.
std::string escape_js(std::string_view text);

/// `text` for the query of a URL; a blank is a +. Source: RFC 3986, 2.3.
std::string escape_query(std::string_view text);

/// `text` in double quotes with Go's escapes; `ascii` escapes everything else, as %+q does.
std::string quote(std::string_view text, bool ascii);

/// A character in single quotes with Go's escapes.
std::string quote_character(char32_t character, bool ascii);

/// Whether Go prints the character as it is: what is no control, space or unassigned area.
bool is_printable(char32_t character);

}  // namespace orchestrator::templates
