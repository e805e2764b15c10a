// SPDX-License-Identifier: Apache-2.0
#include "base/network_address.hpp"

#include <gtest/gtest.h>

using base::AddressKind;

TEST(NetworkAddress, KnowsHowFarAnAddressReaches) {
  const struct {
    const char* address;
    AddressKind kind;
  } cases[] = {{"8.8.8.8", AddressKind::kPublic},
               {"2606:4700::1111", AddressKind::kPublic},
               {"172.32.0.1", AddressKind::kPublic},
               {"10.1.2.3", AddressKind::kPrivate},
               {"172.31.255.255", AddressKind::kPrivate},
               {"192.168.1.1", AddressKind::kPrivate},
               {"100.64.0.1", AddressKind::kPrivate},
               {"fd12::1", AddressKind::kPrivate},
               {"127.9.9.9", AddressKind::kLoopback},
               {"0.0.0.0", AddressKind::kLoopback},
               {"::", AddressKind::kLoopback},
               {"[::1]", AddressKind::kLoopback},
               {"::ffff:127.0.0.1", AddressKind::kLoopback},
               {"64:ff9b::7f00:1", AddressKind::kLoopback},
               {"2002:a9fe:a9fe::", AddressKind::kLinkLocal},
               {"::ffff:10.0.0.1", AddressKind::kPrivate},
               {"169.254.169.254", AddressKind::kLinkLocal},
               {"fe80::1", AddressKind::kLinkLocal},
               {"224.0.0.1", AddressKind::kLinkLocal},
               {"ff02::1", AddressKind::kLinkLocal}};
  for (const auto& [address, kind] : cases) {
    EXPECT_EQ(base::classify_address(std::string_view(address)), kind) << address;
  }
  EXPECT_FALSE(base::classify_address(std::string_view("reg.io")));
}

TEST(NetworkAddress, FindsLoopbackHosts) {
  EXPECT_TRUE(base::is_loopback_host("localhost"));
  EXPECT_TRUE(base::is_loopback_host("127.0.0.1"));
  EXPECT_TRUE(base::is_loopback_host("[::1]"));
  EXPECT_FALSE(base::is_loopback_host("localhost.evil.io"));
  EXPECT_FALSE(base::is_loopback_host("10.0.0.1"));
}

TEST(NetworkAddress, FindsMembersOfNetworks) {
  EXPECT_TRUE(base::is_in_network("10.1.2.3", "10.0.0.0/8"));
  EXPECT_TRUE(base::is_in_network("10.1.2.3", "10.1.2.3"));
  EXPECT_TRUE(base::is_in_network("[fd00::5]", "fd00::/8"));
  EXPECT_TRUE(base::is_in_network("1.2.3.4", "0.0.0.0/0"));
  EXPECT_FALSE(base::is_in_network("11.1.2.3", "10.0.0.0/8"));
  EXPECT_FALSE(base::is_in_network("10.1.2.3", "10.0.0.0/33"));
  EXPECT_FALSE(base::is_in_network("10.1.2.3", "10.0.0.0/x"));
  EXPECT_FALSE(base::is_in_network("reg.io", "10.0.0.0/8"));
}

TEST(NetworkAddress, NobodyMayReferFurtherInwardsThanHeIs) {
  using enum AddressKind;
  EXPECT_TRUE(base::may_refer_to(kPublic, kPublic));
  EXPECT_FALSE(base::may_refer_to(kPublic, kPrivate));
  EXPECT_FALSE(base::may_refer_to(kPublic, kLoopback));
  EXPECT_FALSE(base::may_refer_to(kPublic, kLinkLocal));
  EXPECT_TRUE(base::may_refer_to(kPrivate, kPrivate));
  EXPECT_FALSE(base::may_refer_to(kPrivate, kLoopback));
  EXPECT_TRUE(base::may_refer_to(kLoopback, kPrivate));
  EXPECT_TRUE(base::may_refer_to(kLoopback, kLoopback));
  EXPECT_FALSE(base::may_refer_to(kLoopback, kLinkLocal));
}
