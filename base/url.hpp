// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace base {

/// An http or https URL in parts. A URL with user info, control characters, blanks or a backslash
/// does not parse: nothing that two parsers could read differently. Source: RFC 3986.
struct Url {
  std::string scheme;      ///< "http" or "https".
  std::string host;        ///< Lower case; an IPv6 address keeps its brackets.
  std::uint16_t port = 0;  ///< The scheme's own when none was given.
  std::string target;      ///< Path and query; begins with a slash; no fragment.

  /// nullopt unless `text` is an absolute http or https URL.
  static std::optional<Url> parse(std::string_view text);
  /// What `location` (a Location header, a realm) means in a document at this URL: absolute,
  /// scheme-relative, absolute path, relative path, or a query alone.
  [[nodiscard]] std::optional<Url> resolve(std::string_view location) const;

  [[nodiscard]] std::string text() const { return origin() + target; }
  /// "https://host", with the port unless it is the scheme's own.
  [[nodiscard]] std::string origin() const { return scheme + "://" + authority(); }
  /// "host" or "host:port", as a registry is named in a reference.
  [[nodiscard]] std::string authority() const;
  /// The target up to the query.
  [[nodiscard]] std::string path() const { return target.substr(0, target.find('?')); }
  [[nodiscard]] bool same_origin(const Url& other) const {
    return scheme == other.scheme && host == other.host && port == other.port;
  }
  /// This URL with `name=value` added to its query; `value` is percent-encoded.
  [[nodiscard]] Url with_query(std::string_view name, std::string_view value) const;

  friend bool operator==(const Url&, const Url&) = default;
};

/// A URL for messages and logs: without user info, and with the values of query parameters masked
/// but for those on a short list (digest, from, mount, scope, service, n, last). Takes any text.
std::string redacted(std::string_view url);
inline std::string redacted(const Url& url) { return redacted(std::string_view(url.text())); }

/// RFC 3986 unreserved characters stay, the rest becomes %XX.
std::string percent_encode(std::string_view text);

}  // namespace base
