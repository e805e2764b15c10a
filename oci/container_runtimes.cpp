// SPDX-License-Identifier: Apache-2.0
#include "oci/container_runtimes.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <vector>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/temp_dir.hpp"
#include "oci/bundle_runner.hpp"
#include "oci/chroot_runner.hpp"

namespace oci {
namespace {

namespace fs = std::filesystem;

/// The least program that every machine has.
std::string trivial_program() {
  for (const auto* path : {"/usr/bin/true", "/bin/true"}) {
    std::error_code error;
    if (fs::exists(path, error)) return path;
  }
  return "/bin/true";
}

/// A container that ends at once: this machine's programs, shown read-only in an empty root.
Container trivial_container(const fs::path& root) {
  Container container;
  container.name = "a first container";
  container.root = root;
  container.arguments = {trivial_program()};
  for (const auto* name : {"usr", "bin", "lib", "lib64"}) {
    const auto source = fs::path("/") / name;
    std::error_code error;
    if (fs::is_symlink(source, error)) {
      fs::create_symlink(fs::read_symlink(source), root / name);
    } else if (fs::is_directory(source, error)) {
      container.mounts.push_back({.kind = ContainerMount::Kind::kBind,
                                  .source = source,
                                  .target = source.string(),
                                  .read_only = true,
                                  .bytes = 0});
    }
  }
  return container;
}

/// What is wrong with it here; empty: nothing.
std::string why_not(const base::ProcessResult& result) {
  return result.exit_status == 0
             ? std::string()
             : fmt::format("exit status {}: {}", result.exit_status, fmt::join(result.tail, "; "));
}

std::string try_bundle(BundleRunner& runner, const fs::path& scratch) {
  const base::TempDir root(scratch, "probe");
  return why_not(runner.run(trivial_container(root.path()), {}, {}));
}

std::string try_chroot(base::ProcessRunner& process) {
  base::Confinement confinement;
  confinement.kind = base::Confinement::Kind::kChroot;
  confinement.root = "/";
  return why_not(process.run({.program = trivial_program(),
                              .arguments = {},
                              .environment = {},
                              .working_directory = {},
                              .input = {},
                              .confinement = confinement},
                             {}, {}));
}

std::unique_ptr<ContainerRunner> try_runtime(Runtime runtime, const RuntimeWish& wish,
                                             base::ProcessRunner& process, std::string& reason) {
  if (runtime == Runtime::kChroot) {
    reason = try_chroot(process);
    return reason.empty() ? std::make_unique<ChrootRunner>(process) : nullptr;
  }
  if (!wish.may_mount) {
    reason = "nothing may be mounted here (CAP_SYS_ADMIN is missing)";
    return nullptr;
  }
  auto runner = std::make_unique<BundleRunner>(runtime, wish.scratch, process);
  reason = try_bundle(*runner, wish.scratch);
  return reason.empty() ? std::move(runner) : nullptr;
}

/// Says in its description why better ones were passed over.
class SecondChoice final : public ContainerRunner {
 public:
  SecondChoice(std::unique_ptr<ContainerRunner> runner, std::vector<std::string> passed_over)
      : runner_(std::move(runner)), passed_over_(std::move(passed_over)) {}

  [[nodiscard]] Runtime runtime() const override { return runner_->runtime(); }
  [[nodiscard]] std::string description() const override {
    return fmt::format("{} ({})", runner_->description(), fmt::join(passed_over_, "; "));
  }
  [[nodiscard]] std::vector<std::string> weaknesses() const override {
    return runner_->weaknesses();
  }
  base::ProcessResult run(const Container& container, const base::LineSink& on_line,
                          std::stop_token stop) override {
    return runner_->run(container, on_line, std::move(stop));
  }

 private:
  std::unique_ptr<ContainerRunner> runner_;
  std::vector<std::string> passed_over_;
};

}  // namespace

std::unique_ptr<ContainerRunner> choose_runtime(const RuntimeWish& wish,
                                                base::ProcessRunner& process) {
  auto candidates = wish.runtime
                        ? std::vector<Runtime>{*wish.runtime}
                        : std::vector<Runtime>{Runtime::kRunc, Runtime::kCrun, Runtime::kChroot};
  std::vector<std::string> reasons;
  for (const auto runtime : candidates) {
    std::string reason;
    try {
      auto runner = try_runtime(runtime, wish, process, reason);
      if (runner && reasons.empty()) return runner;
      if (runner) return std::make_unique<SecondChoice>(std::move(runner), std::move(reasons));
    } catch (const base::Error& error) {
      reason = error.facts().why.empty() ? error.facts().what : error.facts().why;
    }
    reasons.push_back(fmt::format("not {}: {}", name_of(runtime), reason));
  }
  throw base::Error({.code = base::ErrorCode::kBuildStep,
                     .what = wish.runtime ? fmt::format("no container can be run by {} here",
                                                        name_of(*wish.runtime))
                                          : "no container can be run here",
                     .why = fmt::format("{}", fmt::join(reasons, "\n    ")),
                     .hint = "run as root with runc installed, or in a pod with CAP_SYS_CHROOT"});
}

}  // namespace oci
