// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.hpp"
#include "base/url.hpp"

namespace base {

/// A process's environment, passed in: nothing below the command line calls getenv().
using Environment = std::map<std::string, std::string>;

/// The value of `name`, empty when it is not set.
std::string value_of(const Environment& environment, const std::string& name);

/// Which proxy a URL goes through, from http_proxy, https_proxy, all_proxy and no_proxy (lower case
/// first, then upper case). no_proxy entries: `*`, `host`, `.suffix`, `*.suffix`, `host:port`, an
/// address, or a network (10.0.0.0/8); a name also covers what is below it. Loopback hosts are
/// never proxied. Source: curl(1) and Go's http.ProxyFromEnvironment, whose meanings it joins.
class ProxySettings {
 public:
  ProxySettings() = default;
  explicit ProxySettings(const Environment& environment);

  /// The proxy's URL, which may hold a password; empty for a direct connection.
  [[nodiscard]] const Secret& proxy_for(const Url& url) const;

 private:
  [[nodiscard]] bool is_direct(const Url& url) const;

  Secret http_;
  Secret https_;
  Secret none_;
  std::vector<std::string> direct_;
};

}  // namespace base
