// SPDX-License-Identifier: Apache-2.0
#include "stages/container_stage.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "base/error.hpp"
#include "oci/mount_points.hpp"
#include "oci/snapshots.hpp"
#include "stages/dockerfile/image_users.hpp"
#include "stages/image_runtime.hpp"

namespace stages {
namespace {

constexpr const char* kDefaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
constexpr std::chrono::seconds kFirstWait{1};
constexpr std::chrono::seconds kLongestWait{60};

using Clock = std::chrono::steady_clock;

/// Waits, unless a stop comes first.
void wait(std::chrono::seconds time, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any changed;
  std::unique_lock lock(mutex);
  changed.wait_for(lock, stop, time, [] { return false; });
  check_stop(stop);
}

/// Stops when another does, and at a moment of its own.
class Deadline {
 public:
  Deadline(const std::stop_token& stop, std::optional<Clock::time_point> end)
      : forward_(stop, [this] { source_.request_stop(); }) {
    if (!end) return;
    timer_ = std::jthread([this, at = *end](const std::stop_token& done) {
      std::mutex mutex;
      std::condition_variable_any changed;
      std::unique_lock lock(mutex);
      changed.wait_until(lock, done, at, [] { return false; });
      if (done.stop_requested()) return;
      passed_ = true;
      source_.request_stop();
    });
  }

  [[nodiscard]] std::stop_token token() const { return source_.get_token(); }
  [[nodiscard]] bool passed() const { return passed_; }

 private:
  std::stop_source source_;
  std::atomic<bool> passed_ = false;
  std::stop_callback<std::function<void()>> forward_;
  std::jthread timer_;
};

void set(std::vector<std::string>& environment, const std::string& name, const std::string& value) {
  std::erase_if(environment, [&](const auto& entry) { return entry.starts_with(name + "="); });
  environment.push_back(name + "=" + value);
}

bool is_set(const std::vector<std::string>& environment, const std::string& name) {
  return std::any_of(environment.begin(), environment.end(),
                     [&](const auto& entry) { return entry.starts_with(name + "="); });
}

std::vector<std::string> revealed(const std::vector<base::Secret>& texts) {
  std::vector<std::string> plain;
  for (const auto& text : texts) plain.push_back(text.reveal());
  return plain;
}

/// Source: Kubernetes, "Define a Command and Arguments for a Container".
std::vector<std::string> command_line(const ToolContainer& tool, const ImageRuntime& image) {
  auto words = tool.command ? revealed(*tool.command) : image.entrypoint;
  const auto rest = tool.arguments ? revealed(*tool.arguments)
                                   : (tool.command ? std::vector<std::string>() : image.command);
  words.insert(words.end(), rest.begin(), rest.end());
  return words;
}

std::string describe_end(const base::ProcessResult& result) {
  if (result.exit_status == 128 + SIGKILL) {
    return "killed by SIGKILL (the kernel does so when memory runs out)";
  }
  return fmt::format("exit status {}", result.exit_status);
}

[[noreturn]] void fail(std::string what, std::string why) {
  throw base::Error({.code = base::ErrorCode::kBuildStep,
                     .what = std::move(what),
                     .why = std::move(why),
                     .hint = ""});
}

/// The image as a root that may be written to; all that is written goes with `folder`.
oci::Tree make_root(const StageContext& context, const ToolContainer& tool, bool may_mount,
                    const std::filesystem::path& folder) {
  const auto config = oci::read_config(context.store, tool.image.manifest);
  oci::check_layers_match(tool.image.manifest, config, tool.reference.text());
  const bool overlay = may_mount && !oci::overlay_obstacle(context.store);
  const oci::UnpackContext unpack{
      .options = oci::layer_options_of_caller(),
      .progress = {},
      .warn = [&](const std::string& text) { context.observer.warning(text); },
      .stop = context.stop};
  return oci::Tree::with_changes(
      context.store,
      oci::unpack_image(context.store, tool.image.manifest, config,
                        overlay ? oci::SnapshotKind::kOverlay : oci::SnapshotKind::kDirectory,
                        unpack),
      folder);
}

void apply_security(const ToolContainer& tool, const ImageRuntime& image, const std::string& name,
                    oci::Container& container) {
  const auto& security = tool.security;
  auto user = dockerfile::find_user(container.root,
                                    security.user ? std::to_string(*security.user) : image.user);
  if (security.group) user.group = *security.group;
  if (security.run_as_non_root && user.user == 0) {
    fail(fmt::format("{} cannot be started", name),
         "runAsNonRoot is set, and it would run as root");
  }
  container.user = user.user;
  container.group = user.group;
  container.groups = user.groups;
  container.groups.insert(container.groups.end(), security.groups.begin(), security.groups.end());
  container.privileged = security.privileged;
  container.no_new_privileges = security.no_new_privileges;
  container.read_only_root = security.read_only_root;
  container.add_capabilities = security.add_capabilities;
  container.drop_capabilities = security.drop_capabilities;
  if (!is_set(container.environment, "HOME")) set(container.environment, "HOME", user.home);
}

}  // namespace

nlohmann::json ContainerStage::parameters() const {
  nlohmann::json containers = nlohmann::json::array();
  for (const auto& tool : options_.containers) {
    containers.push_back({{"name", tool.name}, {"digest", tool.image.descriptor.digest.text()}});
  }
  return {{"identity", options_.identity}, {"containers", containers}};
}

Record ContainerStage::run(const StageContext& context, const Inputs& /*inputs*/,
                           const oci::Digest& /*fingerprint*/) const {
  const auto runner = options_.make_runner();
  context.observer.fact("containers run by " + runner->description());
  for (const auto& text : runner->weaknesses()) context.observer.warning(text);
  const Deadline deadline(context.stop, options_.deadline
                                            ? std::optional(Clock::now() + *options_.deadline)
                                            : std::nullopt);
  auto within = context;
  within.stop = deadline.token();
  unsigned attempt = 1;
  try {
    for (auto pause = kFirstWait;; pause = std::min(pause * 2, kLongestWait), ++attempt) {
      try {
        run_once(within, *runner);
        break;
      } catch (const base::Error& error) {
        if (error.code() != base::ErrorCode::kBuildStep || attempt >= options_.attempts) throw;
        context.observer.warning(fmt::format("{}: {}; attempt {} of {} in {} s", error.what(),
                                             error.facts().why, attempt + 1, options_.attempts,
                                             pause.count()));
        wait(pause, within.stop);
      }
    }
  } catch (const base::Error&) {
    if (!deadline.passed()) throw;
    fail(fmt::format("the {} took too long", options_.what),
         fmt::format("activeDeadlineSeconds is {}", options_.deadline->count()));
  }
  nlohmann::json containers = nlohmann::json::array();
  for (const auto& tool : options_.containers) {
    containers.push_back({{"name", tool.name},
                          {"image", tool.reference.text()},
                          {"digest", tool.image.descriptor.digest.text()}});
  }
  return {{"containers", containers}, {"attempts", attempt}};
}

void ContainerStage::run_once(const StageContext& context, oci::ContainerRunner& runner) const {
  for (const auto& tool : options_.containers) {
    check_stop(context.stop);
    if (!options_.offline) {
      const oci::PullProgress progress = [&](std::uint64_t done, std::uint64_t total) {
        context.observer.progress(done, total);
      };
      oci::pull_image(*context.registry, context.store, tool.reference, tool.image, tool.platform,
                      options_.parallel, progress, context.stop);
    }
    run_container(context, runner, tool, {.what = options_.what, .may_mount = options_.may_mount});
  }
}

void run_container(const StageContext& context, oci::ContainerRunner& runner,
                   const ToolContainer& tool, const RunContainerOptions& options) {
  const auto name = fmt::format("{} '{}'", options.what, tool.name);
  const auto folder = context.store.make_temp_dir("container");
  const auto tree = make_root(context, tool, options.may_mount, folder.path());
  const auto image = read_image_runtime(context.store, tool.image.manifest);
  oci::Container container;
  container.name = name;
  container.root = tree.path();
  container.arguments = command_line(tool, image);
  if (container.arguments.empty()) {
    fail(fmt::format("{} cannot be started", name),
         fmt::format("neither it nor {} names a command", tool.reference.text()));
  }
  container.environment = image.environment;
  if (!is_set(container.environment, "PATH")) set(container.environment, "PATH", kDefaultPath);
  for (const auto& [key, value] : tool.environment) {
    set(container.environment, key, value.reveal());
  }
  apply_security(tool, image, name, container);
  const auto& directory =
      tool.working_directory.empty() ? image.working_directory : tool.working_directory;
  container.mounts = tool.mounts;
  oci::MountPoints points(container.root);
  container.working_directory = directory.empty() ? "/" : points.resolve(directory);
  // A mount may make it; where none does, the image lacks it.
  if (container.working_directory != "/") {
    points.add(container.working_directory, oci::MountPoints::Kind::kFolder);
  }
  const auto on_line = [&](std::string_view line) {
    context.observer.output(fmt::format("{}: {}", tool.name, line));
  };
  const auto result = runner.run(container, on_line, context.stop);
  if (result.exit_status == 0) return;
  throw base::Error(
      {.code = options.failure,
       .what = fmt::format("{} failed", name),
       .why = fmt::format("{}{}{}", describe_end(result), result.tail.empty() ? "" : "\n    ",
                          fmt::join(result.tail, "\n    ")),
       .hint = ""});
}

}  // namespace stages
