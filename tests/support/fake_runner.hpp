// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fstream>
#include <functional>
#include <mutex>
#include <sstream>
#include <string>
#include <vector>

#include "oci/container.hpp"

namespace tests {

/// Runs nothing, but does to a container's root what its last argument says, a line each:
/// "write PATH TEXT", "link PATH TARGET", "remove PATH", "print TEXT", "exit STATUS". Records what
/// it was asked to run. Thread-safe.
class FakeRunner final : public oci::ContainerRunner {
 public:
  /// Called first with each container.
  std::function<void(const oci::Container& container)> before;
  std::vector<oci::Container> containers;
  std::vector<std::string> missing;  ///< What weaknesses() says.

  [[nodiscard]] oci::Runtime runtime() const override { return oci::Runtime::kChroot; }
  [[nodiscard]] std::string description() const override { return "a fake"; }
  [[nodiscard]] std::vector<std::string> weaknesses() const override { return missing; }

  base::ProcessResult run(const oci::Container& container, const base::LineSink& on_line,
                          std::stop_token /*stop*/) override {
    {
      const std::lock_guard lock(mutex_);
      containers.push_back(container);
    }
    if (before) before(container);
    base::ProcessResult result;
    std::istringstream lines(container.arguments.back());
    for (std::string line; std::getline(lines, line);) {
      std::istringstream words(line);
      std::string verb;
      std::string argument;
      std::string rest;
      words >> verb >> argument;
      std::getline(words, rest);
      const auto path = container.root / argument;
      if (verb == "write") {
        std::filesystem::create_directories(path.parent_path());
        std::ofstream(path) << rest;
      } else if (verb == "link") {
        std::filesystem::create_symlink(rest.substr(1), path);
      } else if (verb == "remove") {
        std::filesystem::remove_all(path);
      } else if (verb == "print") {
        on_line(argument + rest);
        result.tail.push_back(argument + rest);
      } else if (verb == "exit") {
        result.exit_status = std::stoi(argument);
      }
    }
    return result;
  }

 private:
  std::mutex mutex_;
};

/// Hands a runner to who wants to own one.
class BorrowedRunner final : public oci::ContainerRunner {
 public:
  explicit BorrowedRunner(oci::ContainerRunner& runner) : runner_(runner) {}
  [[nodiscard]] oci::Runtime runtime() const override { return runner_.runtime(); }
  [[nodiscard]] std::string description() const override { return runner_.description(); }
  [[nodiscard]] std::vector<std::string> weaknesses() const override {
    return runner_.weaknesses();
  }
  base::ProcessResult run(const oci::Container& container, const base::LineSink& on_line,
                          std::stop_token stop) override {
    return runner_.run(container, on_line, std::move(stop));
  }

 private:
  oci::ContainerRunner& runner_;
};

}  // namespace tests
