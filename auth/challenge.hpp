// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace auth {

/// One challenge of a WWW-Authenticate header. Source: RFC 9110, section 11; distribution spec,
/// "Token Authentication Specification".
struct Challenge {
  std::string scheme;                             ///< Lower case: "bearer", "basic", ...
  std::map<std::string, std::string> parameters;  ///< Names in lower case.

  [[nodiscard]] std::string parameter(const std::string& name) const;
};

/// All challenges of a header value. Lenient: unquoted values, missing commas and closing quotes,
/// empty parameters, any case. Never fails; what makes no sense is left out. At most 16 KiB are
/// read.
std::vector<Challenge> parse_challenges(std::string_view header);

}  // namespace auth
