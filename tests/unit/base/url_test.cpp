// SPDX-License-Identifier: Apache-2.0
#include "base/url.hpp"

#include <gtest/gtest.h>

using base::redacted;
using base::Url;

TEST(Url, TakesHttpUrlsApart) {
  const auto url = Url::parse("HTTPS://Reg.IO:5000/v2/a?b=c#d");

  ASSERT_TRUE(url);
  EXPECT_EQ(url->scheme, "https");
  EXPECT_EQ(url->host, "reg.io");
  EXPECT_EQ(url->port, 5000);
  EXPECT_EQ(url->target, "/v2/a?b=c");
  EXPECT_EQ(url->path(), "/v2/a");
  EXPECT_EQ(url->text(), "https://reg.io:5000/v2/a?b=c");
}

TEST(Url, LeavesTheSchemesOwnPortOut) {
  EXPECT_EQ(Url::parse("https://reg.io:443")->text(), "https://reg.io/");
  EXPECT_EQ(Url::parse("http://[::1]:80/x")->authority(), "[::1]");
  EXPECT_EQ(Url::parse("http://[::1]:5000")->authority(), "[::1]:5000");
}

TEST(Url, RefusesWhatTwoParsersMightReadDifferently) {
  for (const auto* text :
       {"", "reg.io/v2/", "ftp://reg.io/", "https://", "https://user:pass@reg.io/",
        "https://reg.io\\@evil.io/", "https://reg.io:0/", "https://reg.io:99999/",
        "https://reg.io:1x/", "https://reg.io/a b", "https://reg.io/a\nHost: x", "https://[::1/",
        "https://r\xc3\xa9g.io/", "https://reg.io:/", "file:///etc/passwd"}) {
    EXPECT_FALSE(Url::parse(text)) << text;
  }
}

TEST(Url, ResolvesLocations) {
  const auto base = *Url::parse("https://reg.io/v2/a/blobs/uploads/1?x=y");
  const struct {
    const char* location;
    const char* expected;
  } cases[] = {{"https://cdn.io/z", "https://cdn.io/z"},
               {"//cdn.io/z", "https://cdn.io/z"},
               {"/v2/b?c=d", "https://reg.io/v2/b?c=d"},
               {"2?s=t", "https://reg.io/v2/a/blobs/uploads/2?s=t"},
               {"?q=1", "https://reg.io/v2/a/blobs/uploads/1?q=1"},
               {"/a?next=https://x.io/", "https://reg.io/a?next=https://x.io/"}};
  for (const auto& [location, expected] : cases) {
    const auto url = base.resolve(location);
    ASSERT_TRUE(url) << location;
    EXPECT_EQ(url->text(), expected) << location;
  }
  EXPECT_FALSE(base.resolve(""));
  EXPECT_FALSE(base.resolve("https://u:p@cdn.io/"));
}

TEST(Url, AddsQueriesWithTheRightSeparator) {
  EXPECT_EQ(Url::parse("https://a.io/b")->with_query("digest", "sha256:1/2").target,
            "/b?digest=sha256%3A1%2F2");
  EXPECT_EQ(Url::parse("https://a.io/b?c=d")->with_query("e", "f").target, "/b?c=d&e=f");
  EXPECT_EQ(Url::parse("https://a.io/b?")->with_query("e", "f").target, "/b?e=f");
}

TEST(Redacted, Case267Case278HidesUserInfoAndAllButListedQueryValues) {
  EXPECT_EQ(redacted("https://bob:canary@reg.io/v2/?token=canary&digest=sha256:1&sig=canary#f"),
            "https://reg.io/v2/?token=***&digest=sha256:1&sig=***");
  EXPECT_EQ(redacted("https://bob:c@nary@reg.io"), "https://reg.io");
  EXPECT_EQ(redacted("https://reg.io/a@b?x"), "https://reg.io/a@b?x");
  EXPECT_EQ(redacted("no url at all"), "no url at all");
}
