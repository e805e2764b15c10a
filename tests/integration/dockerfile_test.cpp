// SPDX-License-Identifier: Apache-2.0
// Builds Dockerfiles for real: a docker-registry with a password, runc, chroot, both snapshot
// kinds.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <thread>

#include "base/files.hpp"
#include "base/mount_namespace.hpp"
#include "oci/container_runtimes.hpp"
#include "oci/pull.hpp"
#include "oci/push.hpp"
#include "oci/snapshots.hpp"
#include "registry_fixture.hpp"
#include "stages/dockerfile/native_engine.hpp"
#include "tests/support/made_image.hpp"
#include "tests/support/tar_zoo.hpp"

namespace {

namespace fs = std::filesystem;
using oci::Runtime;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;
using namespace test_support;  // NOLINT(google-build-using-namespace): a test's own fixture.

constexpr const char* kBusybox = "/bin/busybox";
constexpr std::int64_t kEpoch = 1'700'000'000;

/// Keeps what a stage says. Thread-safe.
class Listener final : public stages::StageObserver {
 public:
  void progress(std::uint64_t /*done*/, std::uint64_t /*total*/) override {}
  void fact(std::string_view text) override { add(text); }
  void warning(std::string_view text) override { add(text); }
  [[nodiscard]] std::vector<std::string> lines() const {
    const std::lock_guard lock(mutex_);
    return lines_;
  }

 private:
  void add(std::string_view text) {
    const std::lock_guard lock(mutex_);
    lines_.emplace_back(text);
  }
  mutable std::mutex mutex_;
  std::vector<std::string> lines_;
};

/// A tar with busybox and nothing else: static, so that it needs no library.
std::string busybox_tar() {
  std::vector<tests::ZooEntry> entries;
  for (const auto* name : {"bin", "etc", "tmp"}) entries.push_back(tests::folder(name));
  entries.back().mode = 01777;
  auto busybox = tests::file("bin/busybox", base::read_file(kBusybox, 16U << 20));
  busybox.mode = 0755;
  entries.push_back(std::move(busybox));
  for (const auto* name : {"sh", "cat", "id", "ls", "sleep", "mkdir", "rm", "chown", "dd", "touch",
                           "true", "cp", "stat", "setsid", "ln", "mv"}) {
    entries.push_back(tests::soft_link(std::string("bin/") + name, "busybox"));
  }
  entries.push_back(tests::file("etc/passwd", "root:x:0:0::/root:/bin/sh\napp:x:1000:1000::/:\n"));
  entries.push_back(tests::file("etc/hosts", "of the image\n"));
  return tests::zoo_tar(entries);
}

/// Processes of this machine whose arguments hold `text`.
std::size_t processes_with(const std::string& text) {
  std::size_t found = 0;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    std::ifstream file(entry.path() / "cmdline");
    const std::string line((std::istreambuf_iterator<char>(file)), {});
    if (line.find(text) != std::string::npos) ++found;
  }
  return found;
}

/// Waits until so many processes have `text` in their arguments; false when that does not come.
bool wait_for_processes(const std::string& text, bool some) {
  for (int i = 0; i < 200; ++i) {
    if ((processes_with(text) > 0) == some) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return false;
}

/// Leaves this process what Kubernetes leaves a pod that asks for nothing.
/// Source: containerd, oci/spec.go, defaultUnixCaps.
void become_a_plain_pod() {
  constexpr unsigned kKept[] = {CAP_CHOWN,   CAP_DAC_OVERRIDE, CAP_FSETID,           CAP_FOWNER,
                                CAP_MKNOD,   CAP_NET_RAW,      CAP_SETGID,           CAP_SETUID,
                                CAP_SETFCAP, CAP_SETPCAP,      CAP_NET_BIND_SERVICE, CAP_SYS_CHROOT,
                                CAP_KILL,    CAP_AUDIT_WRITE};
  std::uint64_t kept = 0;
  for (const auto one : kKept) kept |= 1ULL << one;
  for (unsigned one = 0; one <= CAP_LAST_CAP; ++one) {
    if ((kept & (1ULL << one)) == 0) ::prctl(PR_CAPBSET_DROP, one, 0, 0, 0);
  }
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct data[2] = {};
  for (unsigned half = 0; half < 2; ++half) {
    data[half].effective = data[half].permitted = static_cast<__u32>(kept >> (32 * half));
  }
  ::syscall(SYS_capset, &header, data);
}

class DockerfileBuild : public testing::TestWithParam<Runtime> {
 protected:
  static void SetUpTestSuite() {
    may_mount_ = ::geteuid() == 0 && base::enter_private_mount_namespace();
  }

  void SetUp() override {
    if (!may_mount_) GTEST_SKIP() << "not root, or no mount namespace may be made";
    if (!fs::exists(kBusybox)) GTEST_SKIP() << "busybox-static is not installed";
    if (!DockerRegistry::is_installed()) GTEST_SKIP() << "docker-registry is not installed";
    if (GetParam() == Runtime::kRunc && !base::find_program("runc")) {
      GTEST_SKIP() << "runc is not installed";
    }
    certificates_.emplace(folder_.path());
    docker_.emplace(*certificates_);
    client_ = client("canary-pass");
    push_base();
    options_.dockerfile_name = "Dockerfile";
    options_.context = folder_.path() / "context";
    fs::create_directories(options_.context);
    options_.platform = oci::Platform::host();
    options_.may_mount = GetParam() != Runtime::kChroot;
  }

  std::unique_ptr<oci::Registry> client(const std::string& password) {
    ClientOptions client_options;
    client_options.keychain = keychain_of(config_for(docker_->host(), "bob", password));
    client_options.http.trust.ca_dirs = {certificates_->ca_dir};
    return make_client(std::move(client_options));
  }

  void push_base() {
    oci::Store origin(folder_.path() / "origin");
    const auto image =
        tests::make_image(origin, {busybox_tar(), tests::zoo_tar({tests::file("x")})});
    oci::push_image(*client_, origin, image.descriptor, oci::Reference::parse(base()), {}, {}, {});
  }
  [[nodiscard]] std::string base() const { return docker_->host() + "/private/base:1"; }

  void write(const std::string& name, const std::string& text) const {
    fs::create_directories((options_.context / name).parent_path());
    std::ofstream(options_.context / name) << text;
  }

  /// Builds in the store NAME.
  oci::Descriptor build(const std::string& dockerfile, const std::string& name = "store") {
    options_.dockerfile = dockerfile;
    oci::Store store(folder_.path() / name);
    const stages::dockerfile::NativeEngine engine([&] {
      return oci::choose_runtime({.runtime = options_.may_mount ? Runtime::kRunc : Runtime::kChroot,
                                  .scratch = folder_.path(),
                                  .may_mount = options_.may_mount},
                                 process_);
    });
    return engine.build({.store = store,
                         .registry = client_.get(),
                         .process = process_,
                         .observer = listener_,
                         .stop = stop_.get_token()},
                        options_);
  }

  fs::path unpack(const oci::Descriptor& image) {
    oci::Store store(folder_.path() / "store");
    const auto manifest = oci::read_manifest(store, image);
    const auto root = folder_.path() / "unpacked";
    fs::create_directories(root);
    oci::unpack_into(store, manifest, oci::read_config(store, manifest), root,
                     {.options = {}, .progress = {}, .warn = {}, .stop = {}});
    return root;
  }
  static std::string text_of(const fs::path& file) { return base::read_file(file, 1U << 20); }

  /// Files of the store NAME that hold `text`.
  [[nodiscard]] std::vector<std::string> files_with(const std::string& text) const {
    std::vector<std::string> found;
    for (const auto& entry : fs::recursive_directory_iterator(folder_.path() / "store")) {
      if (!entry.is_regular_file() || entry.is_symlink()) continue;
      if (base::read_file(entry.path(), 1U << 30).find(text) != std::string::npos) {
        found.push_back(entry.path());
      }
    }
    return found;
  }

  static inline bool may_mount_ = false;
  base::TempDir folder_{"/var/tmp", "dockerfile_test"};
  std::optional<TestCertificates> certificates_;
  std::optional<DockerRegistry> docker_;
  std::unique_ptr<oci::Registry> client_;
  base::SystemProcessRunner process_;
  Listener listener_;
  stages::ImageBuild options_;
  std::stop_source stop_;
};
INSTANTIATE_TEST_SUITE_P(Runtimes, DockerfileBuild,
                         testing::Values(Runtime::kRunc, Runtime::kChroot),
                         [](const auto& runtime) { return std::string(name_of(runtime.param)); });

TEST_P(DockerfileBuild, TakesPrivateImagesAndRunsForReal) {
  write("a/one", "1");
  const auto image =
      build(fmt::format("FROM {0} AS first\n"
                        "RUN echo built > /made && id -u > /who\n"
                        "FROM {0}\n"
                        "ARG V=arg\n"
                        "ENV E=env\n"
                        "WORKDIR /srv/app\n"
                        "COPY a .\n"
                        "COPY --from=first /made /who /from/\n"
                        "COPY --from={0} /x /again\n"
                        "USER app\n"
                        "RUN echo $V $E $(pwd) $(id -u) $HOME > /tmp/seen\n"
                        "USER root\n"
                        "RUN rm /x && chown -R app /from\n"
                        "RUN --mount=type=tmpfs,target=/t touch /t/x && ls /t > /tmpfs\n",
                        base()));

  const auto root = unpack(image);
  EXPECT_EQ(text_of(root / "srv/app/one"), "1");
  EXPECT_EQ(text_of(root / "from/made"), "built\n");
  EXPECT_EQ(text_of(root / "from/who"), "0\n");
  EXPECT_EQ(text_of(root / "again"), "new");
  EXPECT_EQ(text_of(root / "tmp/seen"), "arg env /srv/app 1000 /\n");
  EXPECT_EQ(text_of(root / "tmpfs"), "x\n");
  EXPECT_FALSE(fs::exists(root / "x"));
  EXPECT_FALSE(fs::exists(root / "t"));
  for (const auto* name : {"proc", "sys", "dev", "run", "etc/resolv.conf"}) {
    EXPECT_FALSE(fs::exists(root / name)) << name;
  }
}

TEST_P(DockerfileBuild, NeedsTheCredentials) {
  client_ = client("wrong");

  const auto error = error_of([&] { build(fmt::format("\nFROM {}\n", base())); });

  EXPECT_EQ(error.code(), base::ErrorCode::kUnauthorized);
  EXPECT_THAT(base::render(error), HasSubstr("Dockerfile:2"));
}

TEST_P(DockerfileBuild, PushesWhatItBuilt) {
  const auto image = build(fmt::format("FROM {}\nRUN echo built > /made\n", base()));
  const auto name = oci::Reference::parse(docker_->host() + "/private/built:1");

  oci::Store store(folder_.path() / "store");
  oci::push_image(*client_, store, image, name, {}, {}, {});

  EXPECT_EQ(client_->resolve(name, {}).digest, image.digest);
}

TEST_P(DockerfileBuild, Case194ASecretIsReadAndLeavesNothing) {
  options_.secrets.push_back({.id = "token", .value = base::Secret("canary-4711")});

  const auto image =
      build(fmt::format("FROM {}\n"
                        "RUN --mount=type=secret,id=token,mode=0444 cat /run/secrets/token | dd "
                        "bs=1 count=6 of=/out\n"
                        "RUN --mount=type=secret,id=token,env=T,required sh -c 'test -n \"$T\"'; "
                        "ls /run > /ls || true\n",
                        base()));

  const auto root = unpack(image);
  EXPECT_EQ(text_of(root / "out"), "canary");
  EXPECT_FALSE(fs::exists(root / "run/secrets"));
  EXPECT_THAT(files_with("canary-4711"), testing::IsEmpty());
  EXPECT_THAT(listener_.lines(), Not(Contains(HasSubstr("canary-4711"))));
}

TEST_P(DockerfileBuild, TellsWhatAFailedStepPrinted) {
  const auto error = error_of(
      [&] { build(fmt::format("FROM {}\nENV A=1\nRUN echo out of luck >&2; exit 7\n", base())); });

  EXPECT_EQ(error.code(), base::ErrorCode::kBuildStep);
  const auto text = base::render(error);
  EXPECT_THAT(text, HasSubstr("step 3/3 failed with exit status 7"));
  EXPECT_THAT(text, HasSubstr("Dockerfile:3: RUN echo out of luck"));
  EXPECT_THAT(text, HasSubstr("| out of luck"));
}

TEST_P(DockerfileBuild, KeepsCacheMountsOutOfTheImage) {
  const auto image =
      build(fmt::format("FROM {}\n"
                        "RUN --mount=type=cache,target=/c echo 1 > /c/kept\n"
                        "RUN --mount=type=cache,target=/c cat /c/kept > /seen\n",
                        base()));

  const auto root = unpack(image);
  EXPECT_EQ(text_of(root / "seen"), "1\n");
  EXPECT_FALSE(fs::exists(root / "c"));
}

TEST_P(DockerfileBuild, Case203GivesTheSameImageInAPlainPodAsOnAHost) {
  options_.epoch = kEpoch;
  write("a/one", "1");
  const auto dockerfile = fmt::format(
      "FROM {0} AS first\n"
      "RUN mkdir -p /deep/er && echo built > /deep/er/made && ln /deep/er/made /deep/link\n"
      "FROM {0}\nWORKDIR /w\nCOPY a .\nCOPY --from=first /deep /deep\n"
      "RUN rm -r /tmp && mkdir /tmp && chown app /deep /deep/er && rm /x && touch /etc/passwd\n"
      "RUN true\n",
      base());
  const auto here = build(dockerfile);
  const auto result = folder_.path() / "digest";

  const auto child = ::fork();
  if (child == 0) {
    become_a_plain_pod();
    options_.may_mount = false;
    client_ = client("canary-pass");
    try {
      std::ofstream(result) << build(dockerfile, "pod-store").digest.text();
    } catch (const base::Error& error) {
      std::ofstream(result) << base::render(error);
    }
    ::_exit(0);
  }
  ::waitpid(child, nullptr, 0);

  EXPECT_EQ(text_of(result), here.digest.text());
}

TEST_P(DockerfileBuild, Case196AKilledBuildLeavesNothingAndTheNextOneWorks) {
  const auto mounts = text_of("/proc/self/mountinfo");
  const auto dockerfile = fmt::format("FROM {}\nRUN echo 1 > /one\nRUN sleep 31961\n", base());
  for (const auto signal : {SIGKILL, SIGTERM}) {
    const auto child = ::fork();
    if (child == 0) {
      base::enter_private_mount_namespace();
      client_ = client("canary-pass");
      try {
        build(dockerfile);
      } catch (...) {
      }
      ::_exit(0);
    }
    ASSERT_TRUE(wait_for_processes("sleep\00031961", true) || wait_for_processes("31961", true));

    ::kill(child, signal);
    ::waitpid(child, nullptr, 0);

    EXPECT_TRUE(wait_for_processes("31961", false));
    EXPECT_EQ(text_of("/proc/self/mountinfo"), mounts);
  }
  const auto image = build(fmt::format("FROM {}\nRUN echo 1 > /one\nRUN echo 2 > /two\n", base()));
  EXPECT_TRUE(fs::exists(unpack(image) / "two"));
  for (const auto& entry : fs::directory_iterator(folder_.path() / "store/tmp")) {
    EXPECT_FALSE(entry.path().filename().string().starts_with("session")) << entry.path();
  }
}

TEST_P(DockerfileBuild, Case196AStopEndsAStepAndSaysSo) {
  std::thread stopper([&] {
    EXPECT_TRUE(wait_for_processes("31962", true));
    stop_.request_stop();
  });

  const auto error = error_of([&] { build(fmt::format("FROM {}\nRUN sleep 31962\n", base())); });
  stopper.join();

  EXPECT_EQ(error.code(), base::ErrorCode::kInterrupted);
  EXPECT_TRUE(wait_for_processes("31962", false));
}

TEST_P(DockerfileBuild, Case197EndsWhatAStepLeavesRunning) {
  const auto image =
      build(fmt::format("FROM {}\nRUN setsid sleep 31971 & echo 1 > /one\n", base()));

  EXPECT_TRUE(wait_for_processes("31971", false));
  EXPECT_TRUE(fs::exists(unpack(image) / "one"));
}

}  // namespace
