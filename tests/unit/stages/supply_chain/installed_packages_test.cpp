// SPDX-License-Identifier: Apache-2.0
#include "stages/supply_chain/installed_packages.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string_view>

#include "base/temp_dir.hpp"
#include "stages/supply_chain/spdx.hpp"

namespace {

using testing::ElementsAre;

class InstalledPackages : public testing::Test {
 protected:
  void write(const char* path, std::string_view text) {
    std::filesystem::create_directories((root_.path() / path).parent_path());
    std::ofstream(root_.path() / path) << text;
  }
  [[nodiscard]] stages::supply_chain::SystemContents read() const {
    return stages::supply_chain::contents_of(stages::RootTree(root_.path()));
  }
  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const auto& package : read().packages) names.push_back(package.name);
    return names;
  }

  base::TempDir root_{base::temp_root(), "packages"};
};

}  // namespace

TEST_F(InstalledPackages, AnEmptyTreeHasNone) {
  EXPECT_TRUE(read().packages.empty());
  EXPECT_TRUE(read().unread.empty());
}

TEST_F(InstalledPackages, DpkgListsWhatIsInstalledAndNotWhatWas) {
  write(
      "var/lib/dpkg/status",
      "Package: b\nStatus: hold ok installed\nVersion: 2\nArchitecture: all\nDescription: x\n y\n\n"
      "Package: gone\nStatus: deinstall ok config-files\nVersion: 1\n\n"
      "Package: a\r\nStatus: install ok installed\r\nVersion: 1:1~rc1\r\n");

  EXPECT_THAT(names(), ElementsAre("a", "b"));
  EXPECT_EQ(read().packages[0].version, "1:1~rc1");
}

TEST_F(InstalledPackages, ImagesWithoutDpkgHaveAFileForEach) {
  write("var/lib/dpkg/status.d/base", "Package: base-files\nVersion: 12\nArchitecture: amd64\n");
  write("var/lib/dpkg/status.d/base.md5sums", "Package: not-one\n");

  EXPECT_THAT(names(), ElementsAre("base-files"));
}

TEST_F(InstalledPackages, ADatabaseThatCannotBeReadIsToldOf) {
  write("usr/lib/sysimage/rpm/Packages", "of Berkeley DB");

  const auto unread = read().unread;
  ASSERT_EQ(unread.size(), 1U);
  EXPECT_EQ(unread[0].path, "/usr/lib/sysimage/rpm/Packages");
}

TEST_F(InstalledPackages, ALinkOutOfTheTreeLeadsNowhere) {
  std::filesystem::create_directories(root_.path() / "var/lib");
  std::filesystem::create_directory_symlink("/var/lib/dpkg", root_.path() / "var/lib/dpkg");

  EXPECT_TRUE(read().packages.empty());
}

TEST(PackageUrl, EncodesWhatIsNoPlainCharacter) {
  const stages::supply_chain::SystemContents system{
      .id = "debian", .version = "12", .name = "Debian", .packages = {}, .unread = {}};

  EXPECT_EQ(stages::supply_chain::package_url({.type = "deb",
                                               .name = "libstdc++6",
                                               .version = "1:12.2.0-14+b1",
                                               .architecture = "amd64",
                                               .source = "",
                                               .supplier = "",
                                               .license = ""},
                                              system),
            "pkg:deb/debian/libstdc%2B%2B6@1:12.2.0-14%2Bb1?arch=amd64&distro=debian-12");
}
