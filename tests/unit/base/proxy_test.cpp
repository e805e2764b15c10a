// SPDX-License-Identifier: Apache-2.0
#include "base/proxy.hpp"

#include <gtest/gtest.h>

namespace {

bool is_direct(const std::string& no_proxy, const std::string& url) {
  const base::ProxySettings settings(
      {{"HTTPS_PROXY", "http://proxy:3128"}, {"NO_PROXY", no_proxy}});
  return settings.proxy_for(*base::Url::parse(url)).empty();
}

}  // namespace

TEST(Proxy, Case061ChoosesByScheme) {
  const base::ProxySettings settings(
      {{"https_proxy", "http://a:1"}, {"HTTPS_PROXY", "http://b:1"}, {"http_proxy", "http://c:1"}});

  EXPECT_EQ(settings.proxy_for(*base::Url::parse("https://reg.io/")).reveal(), "http://a:1");
  EXPECT_EQ(settings.proxy_for(*base::Url::parse("http://reg.io/")).reveal(), "http://c:1");
}

TEST(Proxy, FallsBackToAllProxyAndToNone) {
  const auto url = *base::Url::parse("https://reg.io/");

  EXPECT_EQ(
      base::ProxySettings(base::Environment{{"ALL_PROXY", "socks5://p:1"}}).proxy_for(url).reveal(),
      "socks5://p:1");
  EXPECT_TRUE(
      base::ProxySettings(base::Environment{{"http_proxy", "http://c:1"}}).proxy_for(url).empty());
}

TEST(Proxy, Case061NoProxyKnowsSuffixesPortsNetworksAndStar) {
  EXPECT_TRUE(is_direct("*", "https://reg.io/"));
  EXPECT_TRUE(is_direct("a.io, reg.io", "https://reg.io/"));
  EXPECT_TRUE(is_direct("reg.io", "https://sub.reg.io/"));
  EXPECT_TRUE(is_direct(".reg.io", "https://sub.reg.io/"));
  EXPECT_TRUE(is_direct("*.REG.io", "https://sub.reg.io/"));
  EXPECT_TRUE(is_direct("reg.io:5000", "https://reg.io:5000/"));
  EXPECT_TRUE(is_direct("10.0.0.0/8", "https://10.1.2.3/"));
  EXPECT_TRUE(is_direct("fd00::/8", "https://[fd00::1]/"));
  EXPECT_FALSE(is_direct("reg.io:5000", "https://reg.io/"));
  EXPECT_FALSE(is_direct("reg.io", "https://myreg.io/"));
  EXPECT_FALSE(is_direct("10.0.0.0/8", "https://11.1.2.3/"));
  EXPECT_FALSE(is_direct("", "https://reg.io/"));
}

TEST(Proxy, LoopbackIsAlwaysDirect) {
  EXPECT_TRUE(is_direct("", "https://localhost:5000/"));
  EXPECT_TRUE(is_direct("", "https://127.0.0.1/"));
}
