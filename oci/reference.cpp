// SPDX-License-Identifier: Apache-2.0
#include "oci/reference.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "base/error.hpp"
#include "base/format.hpp"

namespace oci {
namespace {

constexpr std::size_t kMaxNameBytes = 255;
constexpr std::size_t kMaxTagBytes = 128;

bool is_lower_alnum(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }
bool is_alnum(char c) { return is_lower_alnum(c) || (c >= 'A' && c <= 'Z'); }

[[noreturn]] void refuse(std::string_view text, std::string why, std::string hint = "") {
  throw base::Error({.code = base::ErrorCode::kUsage,
                     .what = fmt::format("'{}' is not an image reference", base::printable(text)),
                     .why = std::move(why),
                     .hint = std::move(hint)});
}

/// [a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*
bool is_path_component(std::string_view text) {
  if (text.empty() || !is_lower_alnum(text.front()) || !is_lower_alnum(text.back())) return false;
  for (std::size_t i = 0; i < text.size();) {
    if (is_lower_alnum(text[i])) {
      ++i;
      continue;
    }
    auto end = i;
    while (end < text.size() && text[end] == text[i]) ++end;
    const auto length = end - i;
    const bool separator =
        (text[i] == '.' && length == 1) || (text[i] == '_' && length <= 2) || text[i] == '-';
    if (!separator || !is_lower_alnum(text[end])) return false;
    i = end;
  }
  return true;
}

bool is_tag(std::string_view text) {
  if (text.empty() || text.size() > kMaxTagBytes) return false;
  if (!is_alnum(text.front()) && text.front() != '_') return false;
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return is_alnum(c) || c == '_' || c == '.' || c == '-'; });
}

bool is_host_label_text(std::string_view text) {
  return !text.empty() && is_alnum(text.front()) && is_alnum(text.back()) &&
         std::all_of(text.begin(), text.end(), [](char c) { return is_alnum(c) || c == '-'; });
}

bool is_registry(std::string_view text) {
  std::string_view host = text;
  std::string_view port;
  if (text.starts_with('[')) {
    const auto close = text.find(']');
    if (close == std::string_view::npos) return false;
    host = text.substr(1, close - 1);
    const auto rest = text.substr(close + 1);
    if (!rest.empty() && !rest.starts_with(':')) return false;
    if (!rest.empty()) port = rest.substr(1);
    if (host.empty() ||
        host.find_first_not_of("0123456789abcdefABCDEF:.") != std::string_view::npos)
      return false;
    if (rest == ":") return false;
  } else {
    const auto colon = text.find(':');
    host = text.substr(0, colon);
    if (colon != std::string_view::npos) {
      port = text.substr(colon + 1);
      if (port.empty()) return false;
    }
    for (std::string_view rest = host; true;) {
      const auto dot = rest.find('.');
      if (!is_host_label_text(rest.substr(0, dot))) return false;
      if (dot == std::string_view::npos) break;
      rest = rest.substr(dot + 1);
    }
  }
  return port.size() <= 5 && port.find_first_not_of("0123456789") == std::string_view::npos;
}

/// Docker's rule: the part before the first slash is a registry if it looks like a host.
bool looks_like_registry(std::string_view component) {
  return component == "localhost" || component.find_first_of(".:[") != std::string_view::npos ||
         std::any_of(component.begin(), component.end(),
                     [](char c) { return c >= 'A' && c <= 'Z'; });
}

std::string canonical_registry(std::string_view text) {
  std::string host(text);
  std::transform(host.begin(), host.end(), host.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (host == "index.docker.io" || host == "registry-1.docker.io") return "docker.io";
  return host;
}

void split_name(std::string_view text, std::string_view name, Reference& reference) {
  const auto slash = name.find('/');
  std::string_view path = name;
  reference.registry = "docker.io";
  if (slash != std::string_view::npos && looks_like_registry(name.substr(0, slash))) {
    if (!is_registry(name.substr(0, slash))) {
      refuse(text,
             fmt::format("'{}' is not a registry host", base::printable(name.substr(0, slash))));
    }
    reference.registry = canonical_registry(name.substr(0, slash));
    if (!looks_like_registry(reference.registry)) {
      // Only its capitals say that it is a host, and hosts are written in lower case.
      refuse(text, fmt::format("'{}' may be a host or a folder of docker.io", reference.registry),
             fmt::format("add the port: {}:443/...", reference.registry));
    }
    path = name.substr(slash + 1);
  }
  if (path.size() > kMaxNameBytes) refuse(text, "the repository name is longer than 255 bytes");
  for (std::string_view rest = path; true;) {
    const auto next = rest.find('/');
    const auto component = rest.substr(0, next);
    if (!is_path_component(component)) {
      refuse(text,
             fmt::format("'{}' is not a repository name component", base::printable(component)),
             "use lower-case letters, digits and single . _ or - between them");
    }
    if (next == std::string_view::npos) break;
    rest = rest.substr(next + 1);
  }
  const bool short_name =
      reference.registry == "docker.io" && path.find('/') == std::string_view::npos;
  reference.repository = short_name ? "library/" + std::string(path) : std::string(path);
}

}  // namespace

Reference Reference::parse(std::string_view text) {
  if (text.empty()) refuse(text, "it is empty");
  if (text.find("://") != std::string_view::npos) {
    refuse(text, "a reference has no scheme", "leave out https:// or http://");
  }
  Reference reference;
  auto name = text;
  if (const auto at = name.find('@'); at != std::string_view::npos) {
    reference.digest = Digest::parse(name.substr(at + 1));
    if (!reference.digest) {
      refuse(text, "what follows @ is not a digest", "use sha256: and 64 lower-case hex digits");
    }
    name = name.substr(0, at);
  }
  const auto last_slash = name.rfind('/');
  const auto colon = name.rfind(':');
  if (colon != std::string_view::npos &&
      (last_slash == std::string_view::npos || colon > last_slash)) {
    reference.tag = name.substr(colon + 1);
    if (!is_tag(reference.tag)) {
      refuse(text, fmt::format("'{}' is not a tag", base::printable(reference.tag)),
             "use at most 128 letters, digits, . _ and -, not beginning with . or -");
    }
    name = name.substr(0, colon);
  }
  split_name(text, name, reference);
  if (reference.tag.empty() && !reference.digest) reference.tag = "latest";
  return reference;
}

std::string Reference::text() const {
  auto text = name();
  if (!tag.empty()) text += ":" + tag;
  if (digest) text += "@" + digest->text();
  return text;
}

}  // namespace oci
