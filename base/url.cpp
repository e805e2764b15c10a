// SPDX-License-Identifier: Apache-2.0
#include "base/url.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

namespace base {
namespace {

constexpr std::size_t kMaxUrlBytes = 16384;

bool is_alnum(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return result;
}

bool is_plain(std::string_view text) {
  return text.size() <= kMaxUrlBytes && std::all_of(text.begin(), text.end(), [](unsigned char c) {
           return c > ' ' && c < 0x7f && c != '\\';
         });
}

bool is_host(std::string_view host) {
  if (host.starts_with('[')) {
    return host.size() > 2 && host.ends_with(']') &&
           host.substr(1, host.size() - 2).find_first_not_of("0123456789abcdefABCDEF:.") ==
               std::string_view::npos;
  }
  return !host.empty() && host.size() <= 253 && std::all_of(host.begin(), host.end(), [](char c) {
    return is_alnum(c) || c == '-' || c == '.' || c == '_';
  });
}

std::uint16_t default_port(std::string_view scheme) { return scheme == "https" ? 443 : 80; }

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || port == 0) return std::nullopt;
  return port;
}

/// Splits host[:port] into `url`; false when it is not that.
bool parse_authority(std::string_view authority, Url& url) {
  const auto bracket = authority.rfind(']');
  const auto colon = authority.rfind(':');
  const bool has_port =
      colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket);
  const auto host = has_port ? authority.substr(0, colon) : authority;
  if (!is_host(host)) return false;
  url.host = lower(host);
  url.port = default_port(url.scheme);
  if (!has_port) return true;
  const auto port = parse_port(authority.substr(colon + 1));
  if (port) url.port = *port;
  return port.has_value();
}

std::string without_fragment(std::string_view text) {
  return std::string(text.substr(0, text.find('#')));
}

bool is_shown(std::string_view name) {
  constexpr std::array<std::string_view, 7> kShown = {"digest",  "from", "mount", "scope",
                                                      "service", "n",    "last"};
  return std::find(kShown.begin(), kShown.end(), name) != kShown.end();
}

std::string redacted_query(std::string_view query) {
  std::string result;
  while (true) {
    const auto ampersand = query.find('&');
    const auto pair = query.substr(0, ampersand);
    const auto equals = pair.find('=');
    const auto name = pair.substr(0, equals);
    const bool masked = equals != std::string_view::npos && !is_shown(name);
    result += masked ? std::string(name) + "=***" : std::string(pair);
    if (ampersand == std::string_view::npos) return result;
    result += '&';
    query = query.substr(ampersand + 1);
  }
}

}  // namespace

std::optional<Url> Url::parse(std::string_view text) {
  if (!is_plain(text)) return std::nullopt;
  const auto colon = text.find("://");
  if (colon == std::string_view::npos) return std::nullopt;
  Url url;
  url.scheme = lower(text.substr(0, colon));
  if (url.scheme != "http" && url.scheme != "https") return std::nullopt;
  const auto rest = text.substr(colon + 3);
  const auto end = std::min(rest.find_first_of("/?#"), rest.size());
  if (!parse_authority(rest.substr(0, end), url)) return std::nullopt;
  url.target = without_fragment(rest.substr(end));
  if (!url.target.starts_with('/')) url.target.insert(0, "/");
  return url;
}

std::optional<Url> Url::resolve(std::string_view location) const {
  if (location.empty() || !is_plain(location)) return std::nullopt;
  if (location.starts_with("//")) return parse(scheme + ":" + std::string(location));
  const auto colon = location.find("://");
  if (colon != std::string_view::npos && colon < location.find_first_of("/?#")) {
    return parse(location);
  }
  Url url = *this;
  if (location.starts_with('/')) {
    url.target = without_fragment(location);
  } else if (location.starts_with('?')) {
    url.target = path() + without_fragment(location);
  } else {
    const auto folder = path();
    url.target = folder.substr(0, folder.rfind('/') + 1) + without_fragment(location);
  }
  return url;
}

std::string Url::authority() const {
  return port == default_port(scheme) ? host : fmt::format("{}:{}", host, port);
}

Url Url::with_query(std::string_view name, std::string_view value) const {
  Url url = *this;
  const char separator = target.find('?') == std::string::npos ? '?' : '&';
  if (!target.ends_with('?') && !target.ends_with('&')) url.target += separator;
  url.target += fmt::format("{}={}", name, percent_encode(value));
  return url;
}

std::string redacted(std::string_view url) {
  std::string result = without_fragment(url);
  const auto question = result.find('?');
  if (question != std::string::npos) {
    result = result.substr(0, question + 1) +
             redacted_query(std::string_view(result).substr(question + 1));
  }
  const auto scheme = result.find("://");
  const auto start = scheme == std::string::npos ? 0 : scheme + 3;
  const auto authority_end = std::min(result.find_first_of("/?", start), result.size());
  const auto at = result.rfind('@', authority_end);
  if (scheme != std::string::npos && at != std::string::npos && at >= start) {
    result.erase(start, at + 1 - start);
  }
  return result;
}

std::string percent_encode(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (is_alnum(c) || c == '-' || c == '.' || c == '_' || c == '~') {
      result += c;
    } else {
      result += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return result;
}

}  // namespace base
