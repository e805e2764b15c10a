// SPDX-License-Identifier: Apache-2.0
#include "oci/container_bundle.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.hpp"
#include "oci/capabilities.hpp"

namespace {

using testing::AllOf;
using testing::Contains;
using testing::Not;

oci::Container container() {
  oci::Container made;
  made.name = "a test";
  made.root = "/somewhere";
  made.arguments = {"sh", "-c", "exit"};
  made.environment = {"A=b"};
  return made;
}

oci::ContainerMount bind(bool read_only) {
  return {.kind = oci::ContainerMount::Kind::kBind,
          .source = "/host/data",
          .target = "/data",
          .read_only = read_only,
          .bytes = 0};
}

nlohmann::json config_of(const oci::Container& wanted,
                         std::vector<oci::ContainerMount> mounts = {}) {
  return oci::bundle_config(wanted, {.root = "/bundle/root",
                                     .mounts = std::move(mounts),
                                     .seccomp = true,
                                     .apparmor_profile = "",
                                     .host_name = "host"});
}

std::vector<std::string> options_at(const nlohmann::json& config, const std::string& target) {
  for (const auto& mount : config["mounts"]) {
    if (mount["destination"] == target) return mount["options"];
  }
  return {};
}

/// The rule for a system call that stands without conditions; empty: none does.
std::string action_for(const nlohmann::json& profile, const std::string& call) {
  for (const auto& rule : profile["syscalls"]) {
    const std::vector<std::string> names = rule["names"];
    const bool named = std::find(names.begin(), names.end(), call) != names.end();
    if (named && !rule.contains("args")) return rule["action"];
  }
  return "";
}

}  // namespace

TEST(ContainerBundle, HoldsACommandWithDockersDefaults) {
  const auto config = config_of(container());

  EXPECT_EQ(config["root"]["path"], "/bundle/root");
  EXPECT_EQ(config["process"]["args"], (nlohmann::json{"sh", "-c", "exit"}));
  EXPECT_EQ(config["process"]["env"], nlohmann::json::array({"A=b"}));
  EXPECT_EQ(config["process"]["noNewPrivileges"], true);
  EXPECT_FALSE(config["process"]["capabilities"].contains("inheritable"));
  EXPECT_FALSE(config["process"]["capabilities"].contains("ambient"));
  EXPECT_EQ(config["linux"]["namespaces"].size(), 4);
  EXPECT_THAT(config["linux"]["maskedPaths"], Contains("/proc/kcore"));
  EXPECT_THAT(config["linux"]["readonlyPaths"], Contains("/proc/sys"));
  EXPECT_THAT(options_at(config, "/sys"), Contains("ro"));
}

TEST(ContainerBundle, ANormalUserHoldsNoCapability) {
  auto wanted = container();
  wanted.user = 1000;

  const auto capabilities = config_of(wanted)["process"]["capabilities"];

  EXPECT_TRUE(capabilities["effective"].empty());
  EXPECT_TRUE(capabilities["permitted"].empty());
  EXPECT_FALSE(capabilities["bounding"].empty());
}

TEST(ContainerBundle, Case183AMountIsPrivateAndSaysNothingElse) {
  EXPECT_EQ(options_at(config_of(container(), {bind(true)}), "/data"),
            (std::vector<std::string>{"bind", "rprivate", "nodev", "ro"}));
  EXPECT_EQ(options_at(config_of(container(), {bind(false)}), "/data"),
            (std::vector<std::string>{"rbind", "rprivate", "nodev", "rw"}));
  EXPECT_EQ(config_of(container())["linux"]["rootfsPropagation"], "private");
}

TEST(ContainerBundle, Case181OnlyAPrivilegedOneIsUnconfined) {
  auto wanted = container();
  EXPECT_TRUE(config_of(wanted)["linux"].contains("seccomp"));

  wanted.privileged = true;
  const auto config = config_of(wanted);

  EXPECT_FALSE(config["linux"].contains("seccomp"));
  EXPECT_FALSE(config["linux"].contains("maskedPaths"));
  EXPECT_THAT(config["process"]["capabilities"]["effective"], Contains("CAP_SYS_ADMIN"));

  wanted.drop_capabilities = {"CAP_SYS_RESOURCE"};
  EXPECT_THAT(config_of(wanted)["process"]["capabilities"]["bounding"],
              AllOf(Contains("CAP_SYS_ADMIN"), Not(Contains("CAP_SYS_RESOURCE"))));
}

TEST(ContainerBundle, ShowsMountsBelowAFolderReadOnlyToo) {
  auto wanted = bind(true);
  wanted.submounts = true;

  EXPECT_EQ(options_at(config_of(container(), {wanted}), "/data"),
            (std::vector<std::string>{"rbind", "rprivate", "nodev", "rro"}));
}

TEST(ContainerBundle, TheFilterFollowsTheCapabilities) {
  const auto usual = config_of(container())["linux"]["seccomp"];
  EXPECT_EQ(usual["defaultAction"], "SCMP_ACT_ERRNO");
  EXPECT_EQ(action_for(usual, "openat2"), "SCMP_ACT_ALLOW");
  EXPECT_EQ(action_for(usual, "chroot"), "SCMP_ACT_ALLOW");
  EXPECT_EQ(action_for(usual, "mount"), "");
  EXPECT_EQ(action_for(usual, "io_uring_setup"), "");
  EXPECT_EQ(action_for(usual, "clone3"), "SCMP_ACT_ERRNO");

  auto wanted = container();
  wanted.add_capabilities = {"SYS_ADMIN"};
  wanted.drop_capabilities = {"CAP_SYS_CHROOT"};
  const auto more = config_of(wanted)["linux"]["seccomp"];

  EXPECT_EQ(action_for(more, "mount"), "SCMP_ACT_ALLOW");
  EXPECT_EQ(action_for(more, "clone3"), "SCMP_ACT_ALLOW");
  EXPECT_EQ(action_for(more, "chroot"), "");
}

TEST(Capabilities, AreDockersWithoutDevices) {
  const auto names = oci::capabilities_of(container());

  EXPECT_EQ(names.size(), 13);
  EXPECT_THAT(names, Contains("CAP_CHOWN"));
  EXPECT_THAT(names, Not(Contains("CAP_MKNOD")));
}

TEST(Capabilities, AreDroppedBeforeSomeAreAdded) {
  auto wanted = container();
  wanted.drop_capabilities = {"ALL"};
  wanted.add_capabilities = {"net_admin", "CAP_CHOWN"};

  const auto names = oci::capabilities_of(wanted);

  EXPECT_EQ(names, (std::vector<std::string>{"CAP_CHOWN", "CAP_NET_ADMIN"}));
  EXPECT_EQ(oci::capability_bits(names), (1U << 0) | (1U << 12));
}

TEST(Capabilities, OneThatDoesNotExistIsNamed) {
  auto wanted = container();
  wanted.add_capabilities = {"NET_ADMON"};
  EXPECT_THROW(oci::capabilities_of(wanted), base::Error);
}
