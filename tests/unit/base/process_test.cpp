// SPDX-License-Identifier: Apache-2.0
#include "base/process.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <thread>

#include "base/files.hpp"
#include "base/temp_dir.hpp"

namespace {

base::Command shell(std::string script) {
  return {.program = "sh",
          .arguments = {"-c", std::move(script)},
          .environment = {},
          .working_directory = {},
          .input = {}};
}

}  // namespace

TEST(Process, GivesLinesOutputAndExitStatus) {
  base::SystemProcessRunner runner;
  std::vector<std::string> lines;

  const auto result = runner.run(shell("echo one; sleep 0.1; echo two >&2; exit 3"),
                                 [&](std::string_view line) { lines.emplace_back(line); }, {});

  EXPECT_EQ(result.exit_status, 3);
  EXPECT_EQ(result.standard_output, "one\n");
  EXPECT_EQ(lines, (std::vector<std::string>{"one", "two"}));
}

TEST(Process, Case266GivesInputAndNoForeignEnvironment) {
  base::SystemProcessRunner runner;
  ::setenv("OSARTIFACT_TEST_CANARY", "leak", 1);
  auto command = shell("cat; env");
  command.input = "hello\n";
  command.environment = {"A=b"};

  const auto result = runner.run(command, {}, {});

  EXPECT_EQ(result.standard_output.substr(0, 6), "hello\n");
  EXPECT_NE(result.standard_output.find("A=b\n"), std::string::npos);
  EXPECT_EQ(result.standard_output.find("leak"), std::string::npos);
}

TEST(Process, ACommandsVariableReplacesOurs) {
  base::SystemProcessRunner runner;
  auto command = shell("env");
  command.environment = {"TMPDIR=/elsewhere", "LANG=C"};

  const auto output = "\n" + runner.run(command, {}, {}).standard_output;

  EXPECT_NE(output.find("\nTMPDIR=/elsewhere\n"), std::string::npos);
  EXPECT_NE(output.find("\nLANG=C\n"), std::string::npos);
  EXPECT_EQ(output.find("\nLANG=C.UTF-8\n"), std::string::npos);
}

TEST(Process, AChildMayEndWithoutReadingItsInput) {
  base::SystemProcessRunner runner;
  auto command = shell("exec <&-; exit 4");
  command.input.assign(std::size_t{1} << 20, 'x');  // More than a pipe holds.

  EXPECT_EQ(runner.run(command, {}, {}).exit_status, 4);
}

TEST(Process, Case288NoOpenFileOfOursIsTheChilds) {
  base::SystemProcessRunner runner;
  const base::TempDir folder(base::temp_root(), "process_test");
  const auto lock = base::FileLock::acquire(folder.path() / "lock");
  const auto file = base::open_for_reading(folder.path() / "lock");

  const auto result = runner.run(shell("ls -l /proc/self/fd"), {}, {});

  EXPECT_EQ(result.exit_status, 0);
  EXPECT_EQ(result.standard_output.find("process_test"), std::string::npos);
}

TEST(Process, Case283StopEndsTheWholeGroup) {
  base::SystemProcessRunner runner;
  std::stop_source source;
  std::jthread stopper([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    source.request_stop();
  });
  const auto start = std::chrono::steady_clock::now();

  EXPECT_THROW(runner.run(shell("sleep 60 & sleep 60"), {}, source.get_token()), base::Error);

  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(4));
}

TEST(Process, FoldersOfThePathThatMayNotBeLookedIntoArePassedOver) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, to become somebody else";
  const base::TempDir folder(base::temp_root(), "process_test");  // 0700.
  const auto path = folder.path().string() + ":" + std::getenv("PATH");
  const pid_t child = ::fork();
  if (child == 0) {
    constexpr uid_t kNobody = 65534;
    ::setenv("PATH", path.c_str(), 1);
    ::_exit(::setuid(kNobody) == 0 && base::find_program("sh") ? 0 : 1);
  }
  int status = -1;
  ::waitpid(child, &status, 0);

  EXPECT_EQ(status, 0);
}

TEST(Process, AMissingProgramIsAnErrorThatNamesIt) {
  base::SystemProcessRunner runner;
  try {
    runner.run({.program = "no-such-program",
                .arguments = {},
                .environment = {},
                .working_directory = {},
                .input = {}},
               {}, {});
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::ErrorCode::kArtifactTool);
    EXPECT_STREQ(error.what(), "cannot run no-such-program");
  }
}

TEST(Process, FailureShowsTheLastLines) {
  base::SystemProcessRunner runner;
  try {
    base::run_or_throw(runner, shell("echo bad thing; exit 1"), base::ErrorCode::kBuildStep, {},
                       {});
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.facts().why, "exit status 1\n    bad thing");
  }
}

TEST(Process, Case241AKillOfTheKernelIsSaidWithTheNameOfTheChild) {
  base::SystemProcessRunner runner;
  try {
    base::run_or_throw(runner, shell("kill -KILL $$"), base::ErrorCode::kArtifactTool, {}, {});
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.facts().what, "sh failed");
    EXPECT_EQ(error.facts().why, "killed by SIGKILL (the kernel does so when memory runs out)");
  }
}

TEST(Process, Case235AToolThatFindsTheDiskFullEndsWithItsCode) {
  base::SystemProcessRunner runner;
  try {
    base::run_or_throw(runner, shell("echo x: No space left on device >&2; exit 1"),
                       base::ErrorCode::kArtifactTool, {}, {});
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::ErrorCode::kNoSpace);
  }
}
