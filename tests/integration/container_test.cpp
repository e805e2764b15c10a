// SPDX-License-Identifier: Apache-2.0
#include "oci/container.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <thread>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/mount_namespace.hpp"
#include "base/temp_dir.hpp"
#include "oci/container_runtimes.hpp"
#include "tests/support/tree_listing.hpp"

namespace {

namespace fs = std::filesystem;
using oci::Runtime;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kBusybox = "/bin/busybox";

std::string read(const fs::path& file) { return base::read_file(file, 1U << 20); }

/// Processes of this machine whose arguments hold `text`.
std::vector<std::string> processes_with(const std::string& text) {
  std::vector<std::string> found;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    std::string line;
    std::ifstream file(entry.path() / "cmdline");
    std::getline(file, line);  // Fails where the process ended meanwhile.
    if (line.find(text) != std::string::npos) found.push_back(entry.path().filename());
  }
  return found;
}

bool gone_soon(const std::string& text) {
  for (int i = 0; i < 100; ++i) {
    if (processes_with(text).empty()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return false;
}

/// A root with busybox and nothing else: static, so that it needs no library.
void make_root(const fs::path& root) {
  for (const auto* folder : {"bin", "etc", "tmp", "dev", "proc", "sys"}) {
    fs::create_directories(root / folder);
  }
  fs::copy_file(kBusybox, root / "bin/busybox");
  for (const auto* name : {"sh", "cat", "id", "ls", "sleep", "setsid", "mv", "ln", "mknod", "grep",
                           "unshare", "rm", "mkdir", "env", "ip", "touch", "true", "mount"}) {
    fs::create_symlink("busybox", root / "bin" / name);
  }
}

class Containers : public testing::TestWithParam<Runtime> {
 protected:
  static void SetUpTestSuite() {
    may_mount_ = ::geteuid() == 0 && base::enter_private_mount_namespace();
  }

  void SetUp() override {
    if (!may_mount_) GTEST_SKIP() << "not root, or no mount namespace may be made";
    if (!fs::exists(kBusybox)) GTEST_SKIP() << "busybox-static is not installed";
    if (GetParam() != Runtime::kChroot && !base::find_program(std::string(name_of(GetParam())))) {
      GTEST_SKIP() << name_of(GetParam()) << " is not installed";
    }
    fs::create_directories(root());
    make_root(root());
    runner_ = oci::choose_runtime({.runtime = GetParam(), .scratch = scratch(), .may_mount = true},
                                  process_);
  }

  fs::path root() const { return folder_.path() / "root"; }
  fs::path scratch() const { return folder_.path(); }
  fs::path make_folder(const std::string& name) const {
    fs::create_directories(folder_.path() / name);
    return folder_.path() / name;
  }
  bool by_chroot() const { return GetParam() == Runtime::kChroot; }

  oci::Container shell(const std::string& script) const {
    oci::Container container;
    container.name = "a test";
    container.root = root();
    container.arguments = {"sh", "-c", script};
    container.environment = {"PATH=/bin"};
    return container;
  }

  static oci::ContainerMount bind(const fs::path& source, const std::string& target,
                                  bool read_only = false) {
    return {.kind = oci::ContainerMount::Kind::kBind,
            .source = source,
            .target = target,
            .read_only = read_only,
            .bytes = 0};
  }

  base::ProcessResult run(const oci::Container& container, std::stop_token stop = {}) {
    return runner_->run(
        container, [this](std::string_view line) { lines_.emplace_back(line); }, std::move(stop));
  }
  std::string output(const oci::Container& container) { return run(container).standard_output; }

  static inline bool may_mount_ = false;
  base::TempDir folder_{"/var/tmp", "container_test"};
  base::SystemProcessRunner process_;
  std::unique_ptr<oci::ContainerRunner> runner_;
  std::vector<std::string> lines_;
};

INSTANTIATE_TEST_SUITE_P(All, Containers,
                         testing::Values(Runtime::kRunc, Runtime::kCrun, Runtime::kChroot),
                         [](const auto& given) { return std::string(name_of(given.param)); });

}  // namespace

TEST_P(Containers, GiveTheirLinesAndTheirStatus) {
  auto container = shell("cat; echo out; echo err >&2; exit 7");
  container.input = "in\n";

  const auto result = run(container);

  EXPECT_EQ(result.exit_status, 7) << testing::PrintToString(result.tail);
  EXPECT_EQ(result.standard_output, "in\nout\n");
  EXPECT_THAT(lines_, Contains("err"));
  EXPECT_THAT(runner_->description(), HasSubstr(std::string(name_of(GetParam()))));
}

TEST_P(Containers, LeaveTheRootAsItWas) {
  fs::remove(root() / "dev");
  fs::create_symlink("/run/absent/resolv.conf", root() / "etc/resolv.conf");
  const auto before = tests::list_tree(root());
  auto container = shell("test -s /etc/resolv.conf && echo x >/dev/null && cat /new/folder/file");
  container.mounts = {bind(make_folder("source"), "/new/folder")};
  std::ofstream(scratch() / "source/file") << "content";

  const auto result = run(container);

  EXPECT_EQ(result.exit_status, 0) << testing::PrintToString(result.tail);
  EXPECT_EQ(result.standard_output, "content");
  EXPECT_EQ(tests::list_tree(root()), before);
}

TEST_P(Containers, ShowMountsAsAsked) {
  const auto writable = make_folder("writable");
  const auto fixed = make_folder("fixed");
  std::ofstream(writable / "old") << "1";
  std::ofstream(fixed / "file") << "kept";
  std::ofstream(scratch() / "secret") << "s3cret";
  fs::create_directories(root() / "var/data");
  std::ofstream(root() / "var/data/hidden") << "h";
  auto container = shell(
      "cat /fixed/file /run/secret; ls /var/data; rm /var/data/old; echo 2 >/var/data/new;"
      "echo x >/fixed/file; touch /scratch/file; true");
  container.mounts = {bind(writable, "/var/data"), bind(fixed, "/fixed", true),
                      bind(scratch() / "secret", "/run/secret", true)};
  container.mounts.push_back({.kind = oci::ContainerMount::Kind::kTmpfs,
                              .source = {},
                              .target = "/scratch",
                              .read_only = false,
                              .bytes = 65536});

  EXPECT_EQ(output(container), "kepts3cretold\n");

  EXPECT_EQ(read(fixed / "file"), "kept");
  EXPECT_FALSE(fs::exists(writable / "old"));
  EXPECT_EQ(read(writable / "new"), "2\n");
  EXPECT_EQ(read(root() / "var/data/hidden"), "h");
  for (const auto* name : {"run", "fixed", "scratch"}) EXPECT_FALSE(fs::exists(root() / name));
}

TEST_P(Containers, ASecretIsTakenAwayAlsoAfterAFailure) {
  std::ofstream(scratch() / "secret") << "s3cret";
  auto container = shell("test -s /etc/secret; exit 1");
  container.mounts = {bind(scratch() / "secret", "/etc/secret", true)};
  EXPECT_EQ(run(container).exit_status, 1);
  container.arguments = {"no-such-program"};
  EXPECT_THROW(run(container), base::Error);

  EXPECT_FALSE(fs::exists(root() / "etc/secret"));
}

TEST_P(Containers, Case266GiveOnlyTheEnvironmentAskedFor) {
  ::setenv("OSARTIFACT_TEST_CANARY", "leak", 1);
  auto container = shell("env");
  container.environment.push_back("A=b");

  const auto text = output(container);

  EXPECT_THAT(text, HasSubstr("A=b\n"));
  for (const auto* foreign : {"leak", "LANG=", "TMPDIR="})
    EXPECT_THAT(text, Not(HasSubstr(foreign)));
}

TEST_P(Containers, Case288LeakNoDescriptor) {
  const base::FileDescriptor leaky(::open("/etc/passwd", O_RDONLY));  // No O_CLOEXEC.
  ASSERT_LT(leaky.get(), 60);

  EXPECT_EQ(output(shell("i=3; while [ $i -lt 64 ]; do (eval \": <&$i\") 2>/dev/null && echo $i; "
                         "i=$((i+1)); done; true")),
            "");
}

TEST_P(Containers, Case197KillWhatTheyLeaveRunning) {
  const auto result = run(
      shell("setsid sh -c 'setsid sleep 31197 & sleep 31197' >/dev/null 2>&1 & "
            "trap '' TERM; setsid sh -c 'trap \"\" TERM HUP; sleep 31197' & sleep 0.3; exit 0"));

  EXPECT_EQ(result.exit_status, 0);
  EXPECT_EQ(processes_with("31197").size(), 0);
}

TEST_P(Containers, AStopEndsWhatIgnoresIt) {
  std::stop_source source;
  const std::jthread stopper([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
    source.request_stop();
  });
  const auto start = std::chrono::steady_clock::now();
  try {
    run(shell("trap '' TERM; setsid sleep 31555 & while true; do sleep 1; done"),
        source.get_token());
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::ErrorCode::kInterrupted);
    EXPECT_STREQ(error.what(), "a test was stopped");
  }
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(9));
  EXPECT_EQ(processes_with("31555").size(), 0);
}

TEST_P(Containers, Case196NothingSurvivesOurKill) {
  const auto mounts = read("/proc/self/mountinfo");
  const auto child = ::fork();
  if (child == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // Whatever becomes of the test.
    base::enter_private_mount_namespace();
    try {
      run(shell("setsid sleep 31196 & sleep 31196"));
    } catch (...) {
      ::_exit(1);
    }
    ::_exit(0);
  }
  for (int i = 0; i < 200 && processes_with("31196").size() < 2; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  EXPECT_GE(processes_with("31196").size(), 2);

  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);

  EXPECT_TRUE(gone_soon("31196"));
  EXPECT_EQ(read("/proc/self/mountinfo"), mounts);
  EXPECT_EQ(run(shell("exit 0")).exit_status, 0);
}

TEST_P(Containers, Case180MountPointsSwappedForLinksLeadNowhere) {
  const auto victim = make_folder("victim");
  fs::create_directories(victim / "point");
  std::ofstream(victim / "file");
  auto container = shell(fmt::format(
      "mv /made /elsewhere; ln -s {0} /made; mv /other /gone 2>/dev/null; true", victim.string()));
  container.mounts = {bind(make_folder("one"), "/made/point"),
                      bind(scratch() / "victim/file", "/made/file", true)};

  EXPECT_EQ(run(container).exit_status, 0);

  EXPECT_TRUE(fs::exists(victim / "point"));
  EXPECT_TRUE(fs::exists(victim / "file"));
}

TEST_P(Containers, Case184SideBySideSeeOnlyTheirOwn) {
  std::vector<std::jthread> threads;
  std::array<std::string, 4> texts;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const auto own = folder_.path() / fmt::format("root{}", i);
    fs::create_directories(own);
    make_root(own);
    fs::create_directory_symlink("/", own / "link");
    threads.emplace_back([this, &texts, i, own] {
      auto container = shell("cat /link/data/name; ls /link/data");
      container.root = own;
      const auto source = make_folder(fmt::format("data{}", i));
      std::ofstream(source / "name") << i << "\n";
      container.mounts = {bind(source, "/link/data", true)};
      texts.at(i) = runner_->run(container, {}, {}).standard_output;
    });
  }
  threads.clear();

  for (std::size_t i = 0; i < texts.size(); ++i) {
    EXPECT_EQ(texts.at(i), fmt::format("{}\nname\n", i));
  }
}

TEST_P(Containers, HaveTheUserAndTheFolderAskedFor) {
  fs::create_directories(root() / "work");
  auto container = shell("pwd; id -u; id -G; umask");
  container.working_directory = "/work";
  container.user = 1000;
  container.group = 1001;
  container.groups = {7, 8};

  EXPECT_EQ(output(container), "/work\n1000\n1001 7 8\n0022\n");
}

TEST_P(Containers, HoldOnlyTheirCapabilities) {
  auto container = shell(
      "mknod /tmp/disk b 8 0 2>/dev/null && echo made; chroot / true 2>/dev/null; "
      "unshare -m true 2>/dev/null && echo namespaces; "
      "unshare -U true 2>/dev/null && echo users; "
      "mount -t tmpfs none /tmp 2>/dev/null && echo mounted; true");

  EXPECT_EQ(output(container), "");
}

TEST_P(Containers, WithoutANetworkHaveNoneOrDoNotStart) {
  auto container = shell("ls /sys/class/net");
  container.network = false;
  if (by_chroot()) {
    EXPECT_THROW(run(container), base::Error);
  } else {
    EXPECT_EQ(output(container), "lo\n");
  }
}

TEST_P(Containers, Case205SayWhatDoesNotHoldThem) {
  if (by_chroot()) {
    EXPECT_THAT(runner_->weaknesses(), Contains(HasSubstr("neither namespaces nor a seccomp")));
  } else {
    EXPECT_TRUE(runner_->weaknesses().empty());
    EXPECT_THAT(output(shell("grep ^Seccomp: /proc/self/status")), HasSubstr("2"));
    EXPECT_THAT(runner_->description(), HasSubstr("AppArmor"));
  }
}

TEST_P(Containers, AMissingProgramIsNamed) {
  auto container = shell("");
  container.arguments = {"no-such-program"};
  try {
    run(container);
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::ErrorCode::kBuildStep);
    EXPECT_STREQ(error.what(), "a test cannot be started");
    EXPECT_THAT(error.facts().why, HasSubstr("no-such-program"));
  }
}

TEST(ContainerRuntimes, TheFirstThatWorksIsTakenAndTheOthersAreExplained) {
  const base::TempDir folder("/var/tmp", "container_test");
  base::SystemProcessRunner process;
  if (::geteuid() != 0) GTEST_SKIP() << "not root";

  const auto runner =
      oci::choose_runtime({.runtime = {}, .scratch = folder.path(), .may_mount = false}, process);

  EXPECT_EQ(runner->runtime(), Runtime::kChroot);
  EXPECT_THAT(runner->description(), HasSubstr("not runc: nothing may be mounted here"));
  EXPECT_THROW(
      oci::choose_runtime({.runtime = Runtime::kRunc, .scratch = folder.path(), .may_mount = false},
                          process),
      base::Error);
}
