// SPDX-License-Identifier: Apache-2.0
#include "stages/dockerfile/native_engine.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <charconv>
#include <condition_variable>
#include <ctime>
#include <exception>
#include <mutex>
#include <set>
#include <thread>

#include "base/error.hpp"
#include "base/files.hpp"
#include "oci/pull.hpp"
#include "oci/snapshots.hpp"
#include "stages/dockerfile/ignore_patterns.hpp"
#include "stages/dockerfile/registry_cache.hpp"
#include "stages/dockerfile/stage_builder.hpp"

namespace stages::dockerfile {
namespace {

constexpr unsigned kParallelLayers = 4;
constexpr const char* kContentDigests = "content-digests";  // Below results/.

/// Builds the stages that are needed, side by side where they do not need each other.
class StageSchedule {
 public:
  StageSchedule(BuildScope& scope, std::stop_source& stop) : scope_(scope), stop_(stop) {
    const auto& needed = scope.parts().graph.needed();
    waiting_.insert(needed.begin(), needed.end());
  }

  void run(unsigned threads) {
    {
      std::vector<std::jthread> workers;
      const auto count = std::min<std::size_t>(std::max(threads, 1U), waiting_.size());
      for (std::size_t i = 0; i < count; ++i) workers.emplace_back([this] { work(); });
    }
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  void work() {
    while (const auto stage = next()) {
      try {
        auto finished = StageBuilder(scope_, scope_.parts().graph.stages()[*stage]).build();
        scope_.finish(*stage, std::move(finished));
        const std::lock_guard lock(mutex_);
        done_.insert(*stage);
      } catch (...) {
        const std::lock_guard lock(mutex_);
        if (!failure_) failure_ = std::current_exception();
        stop_.request_stop();
      }
      changed_.notify_all();
    }
  }

  /// A stage whose needs are done, once there is one; nullopt when nothing is left to do.
  std::optional<std::size_t> next() {
    std::unique_lock lock(mutex_);
    std::optional<std::size_t> found;
    changed_.wait(lock, [&] {
      if (failure_ || waiting_.empty()) return true;
      for (const auto stage : waiting_) {
        const auto& needs = scope_.parts().graph.needs(stage);
        const bool ready = std::all_of(needs.begin(), needs.end(),
                                       [&](std::size_t need) { return done_.contains(need); });
        if (!ready) continue;
        found = stage;
        return true;
      }
      return false;
    });
    if (failure_) return std::nullopt;
    if (found) waiting_.erase(*found);
    return found;
  }

  BuildScope& scope_;
  std::stop_source& stop_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::set<std::size_t> waiting_;
  std::set<std::size_t> done_;
  std::exception_ptr failure_;
};

/// SOURCE_DATE_EPOCH: of the build, else of its arguments, else of an ARG before the first FROM.
std::optional<std::int64_t> epoch_of(const ImageBuild& build, const BuildArguments& arguments) {
  constexpr std::string_view kName = "SOURCE_DATE_EPOCH";
  if (build.epoch) return build.epoch;
  const auto given = arguments.given(kName);
  const auto text = given ? given : arguments.global(kName);
  if (!text || text->empty()) return std::nullopt;
  std::int64_t epoch = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), epoch);
  if (error != std::errc() || end != text->data() + text->size() || epoch < 0) {
    throw base::Error({.code = base::ErrorCode::kManifest,
                       .what = fmt::format("SOURCE_DATE_EPOCH '{}' is no time", *text),
                       .why = "it is not a number of seconds since 1970",
                       .hint = "for example 1700000000"});
  }
  return epoch;
}

BuildArguments arguments_of(const ImageBuild& build, const Dockerfile& dockerfile) {
  auto given = build.build_args;
  if (build.epoch) given["SOURCE_DATE_EPOCH"] = std::to_string(*build.epoch);
  BuildArguments arguments(std::move(given), oci::Platform::host(), build.platform, build.target);
  for (const auto& instruction : dockerfile.instructions) {
    if (instruction.keyword == "FROM") break;
    if (instruction.keyword == "ARG") arguments.declare(instruction, dockerfile.escape);
  }
  return arguments;
}

/// Labels of the command line, and all that the image consists of.
oci::Descriptor finish_image(const StageContext& context, const ImageBuild& build,
                             std::optional<std::int64_t> epoch, BaseImages& images,
                             const FinishedStage& target) {
  if (target.base) {
    images.fetch_layers(*target.base, oci::SnapshotKind::kDirectory, {});
  }
  auto image = target.state.image;
  for (const auto& [name, value] : build.labels) image.config()["Labels"][name] = value;
  return image.write(context.store, epoch, static_cast<std::int64_t>(std::time(nullptr)));
}

/// Layers of steps come when their step is found.
void add_registry_caches(const StageContext& context, const ImageBuild& build, StepCache& cache,
                         const std::stop_token& stop) {
  if (!build.use_cache) return;
  for (const auto& reference : build.cache_from) {
    cache.add_elsewhere(read_registry_cache(context, reference, stop),
                        [&context, reference, stop](const oci::Descriptor& layer) {
                          oci::pull_blobs(*context.registry, context.store, reference, {layer}, 1,
                                          {}, stop);
                        });
  }
}

}  // namespace

void NativeEngine::check(base::ProcessRunner& /*process*/, const ImageBuild& /*build*/) const {
  if (::geteuid() == 0) return;
  throw base::Error({.code = base::ErrorCode::kUnsupported,
                     .what = "images can be built as root alone",
                     .why = "files of an image belong to many users",
                     .hint = "run as root, in a container or in a user namespace"});
}

oci::Descriptor NativeEngine::build(const StageContext& context, const ImageBuild& build) const {
  const auto dockerfile = parse_dockerfile(build.dockerfile, build.dockerfile_name);
  for (const auto& warning : dockerfile.warnings) context.observer.warning(warning);
  const auto arguments = arguments_of(build, dockerfile);
  const auto epoch = epoch_of(build, arguments);
  std::stop_source stop;
  const std::stop_callback forward(context.stop, [&] { stop.request_stop(); });

  BaseImages images(context, kParallelLayers);
  StageGraph graph(dockerfile, arguments);
  graph.choose(build.target, [&](const BuildStage& stage) {
    return images.find(stage.base.image, stage.platform.value_or(build.platform))
        ->draft.list("OnBuild");
  });
  if (const auto unused = arguments.unused(dockerfile.instructions); !unused.empty()) {
    context.observer.warning(
        fmt::format("no ARG asks for the build arguments {}", fmt::join(unused, ", ")));
  }
  StepCache cache(context.store, build.use_cache);
  add_registry_caches(context, build, cache, stop.get_token());
  ContentDigests digests(context.store.root() / "results" / kContentDigests);
  const auto obstacle = build.may_mount ? oci::overlay_obstacle(context.store)
                                        : std::optional<std::string>("nothing may be mounted");
  context.observer.fact(obstacle ? fmt::format("layers go into directories: {}", *obstacle)
                                 : "layers are stacked by overlayfs");
  BuildScope scope({.context = context,
                    .build = build,
                    .dockerfile = dockerfile,
                    .arguments = arguments,
                    .graph = graph,
                    .images = images,
                    .cache = cache,
                    .digests = digests,
                    .make_runner = make_runner_,
                    .http = context.registry == nullptr ? nullptr : http_.get(),
                    .overlays = !obstacle,
                    .epoch = epoch,
                    .ignore = build.ignore.empty() && !build.context.empty()
                                  ? find_ignore_lines(build.context, {})
                                  : build.ignore,
                    .stop = stop.get_token()});
  StageSchedule(scope, stop).run(build.threads);
  digests.save();
  if (build.cache_to) {
    write_registry_cache(context, *build.cache_to, cache.used(), stop.get_token());
  }
  const auto target = scope.finished(graph.target());
  return finish_image(context, build, epoch, images, *target);
}

}  // namespace stages::dockerfile
