// SPDX-License-Identifier: Apache-2.0
#include "base/proxy.hpp"

#include <algorithm>
#include <cctype>

#include "base/network_address.hpp"

namespace base {
namespace {

std::string either_case(const Environment& environment, const std::string& name) {
  const auto value = value_of(environment, name);
  if (!value.empty()) return value;
  std::string upper = name;
  std::transform(upper.begin(), upper.end(), upper.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return value_of(environment, upper);
}

std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  for (const char c : text) {
    if (c == ',' || std::isspace(static_cast<unsigned char>(c)) != 0) {
      if (!word.empty()) words.push_back(word);
      word.clear();
    } else {
      word += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
  }
  if (!word.empty()) words.push_back(word);
  return words;
}

bool names_host(std::string_view entry, std::string_view host) {
  if (entry.starts_with("*.")) entry.remove_prefix(1);
  if (entry.starts_with('.')) entry.remove_prefix(1);
  if (entry.empty() || !host.ends_with(entry)) return false;
  return host.size() == entry.size() || host[host.size() - entry.size() - 1] == '.';
}

bool covers(std::string_view entry, const Url& url) {
  if (entry == "*") return true;
  if (is_in_network(url.host, entry)) return true;
  const auto port = ":" + std::to_string(url.port);
  if (entry.ends_with(port) && entry.find("::") == std::string_view::npos) {
    entry.remove_suffix(port.size());
  }
  return names_host(entry, url.host);
}

}  // namespace

std::string value_of(const Environment& environment, const std::string& name) {
  const auto found = environment.find(name);
  return found == environment.end() ? "" : found->second;
}

ProxySettings::ProxySettings(const Environment& environment)
    : direct_(split_list(either_case(environment, "no_proxy"))) {
  const auto all = either_case(environment, "all_proxy");
  const auto http = either_case(environment, "http_proxy");
  const auto https = either_case(environment, "https_proxy");
  http_ = Secret(http.empty() ? all : http);
  https_ = Secret(https.empty() ? all : https);
}

const Secret& ProxySettings::proxy_for(const Url& url) const {
  if (is_direct(url)) return none_;
  return url.scheme == "https" ? https_ : http_;
}

bool ProxySettings::is_direct(const Url& url) const {
  return is_loopback_host(url.host) ||
         std::any_of(direct_.begin(), direct_.end(),
                     [&](const std::string& entry) { return covers(entry, url); });
}

}  // namespace base
