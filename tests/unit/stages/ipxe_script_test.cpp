// SPDX-License-Identifier: Apache-2.0
#include "stages/ipxe_script.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.hpp"

using testing::HasSubstr;

TEST(IpxeScript, BootsTheThreeFilesFromTheFolder) {
  const auto script = stages::ipxe_script("demo", "http://boot.test/os");

  EXPECT_TRUE(script.starts_with("#!ipxe\n"));
  EXPECT_THAT(script, HasSubstr("set base http://boot.test/os/\n"));
  EXPECT_THAT(script, HasSubstr("kernel ${base}demo-kernel initrd=demo-initrd "
                                "root=live:${base}demo.squashfs "));
  EXPECT_THAT(script, HasSubstr("rd.neednet=1 ip=dhcp rd.cos.disable netboot"));
  EXPECT_THAT(script, HasSubstr("initrd --name demo-initrd ${base}demo-initrd\n"));
  EXPECT_EQ(script, stages::ipxe_script("demo", "http://boot.test/os/"));
}

TEST(IpxeScript, AsksForTheFolderWithoutAUrl) {
  const auto script = stages::ipxe_script("demo", "");

  EXPECT_THAT(script, HasSubstr("isset ${base} || goto no_base\n"));
  EXPECT_THAT(script, HasSubstr("boot\n:no_base\necho set base to"));
  EXPECT_TRUE(script.ends_with("exit 1\n"));
}

TEST(IpxeScript, IsNeverMoreThanItsValues) {
  for (const auto* url : {"boot.test", "file:///x", "http://", "http://a b", "http://a\nshell",
                          "http://${net0/mac}/", "http://a;shell", "http://a||shell"}) {
    EXPECT_THROW(stages::ipxe_script("demo", url), base::Error) << url;
  }
  EXPECT_THROW(stages::ipxe_script("a b", "http://boot.test/"), base::Error);
}
