// SPDX-License-Identifier: Apache-2.0
#include "stages/image_runtime.hpp"

#include <gtest/gtest.h>

#include <fstream>

#include "base/error.hpp"
#include "base/temp_dir.hpp"

namespace {

class ImageRuntime : public testing::Test {
 protected:
  ImageRuntime() {
    std::filesystem::create_directories(folder_.path() / "etc");
    std::ofstream(folder_.path() / "etc/passwd")
        << "root:x:0:0::/root:/bin/sh\nbroken\ntool:x:1000:1001::/home/tool:/bin/sh\n";
    std::ofstream(folder_.path() / "etc/group")
        << "root:x:0:\nwheel:x:10:tool,root\nextra:x:11:tool\n";
  }
  stages::ImageUser user(const std::string& text) const {
    return stages::find_user(folder_.path(), text);
  }

  base::TempDir folder_{std::filesystem::temp_directory_path(), "image_runtime_test"};
};

}  // namespace

TEST_F(ImageRuntime, FindsUsersByNameAndByNumber) {
  EXPECT_EQ(user("").user, 0);
  EXPECT_EQ(user("").home, "/root");
  for (const auto* text : {"tool", "1000"}) {
    const auto found = user(text);
    EXPECT_EQ(found.user, 1000);
    EXPECT_EQ(found.group, 1001);
    EXPECT_EQ(found.groups, (std::vector<std::uint32_t>{10, 11}));
    EXPECT_EQ(found.home, "/home/tool");
  }
}

TEST_F(ImageRuntime, AGroupThatIsNamedIsTheOnlyOne) {
  EXPECT_EQ(user("tool:wheel").group, 10);
  EXPECT_TRUE(user("tool:wheel").groups.empty());
  EXPECT_EQ(user("4000:4001").user, 4000);
  EXPECT_EQ(user("4000:4001").group, 4001);
}

TEST_F(ImageRuntime, NamesThatAreNotThereAreErrors) {
  EXPECT_THROW(user("nobody"), base::Error);
  EXPECT_THROW(user("tool:nobody"), base::Error);
}
