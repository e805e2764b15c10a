// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/http.hpp"
#include "oci/container.hpp"
#include "stages/dockerfile/base_images.hpp"
#include "stages/dockerfile/config_steps.hpp"
#include "stages/dockerfile/content_digests.hpp"
#include "stages/dockerfile/file_source.hpp"
#include "stages/dockerfile/stage_graph.hpp"
#include "stages/dockerfile/step_cache.hpp"
#include "stages/image_engine.hpp"

namespace stages::dockerfile {

/// Makes what runs containers; asked once, when the first RUN must really run.
using MakeRunner = std::function<std::unique_ptr<oci::ContainerRunner>()>;

/// A stage that is built.
struct FinishedStage {
  StageState state;
  std::shared_ptr<const BaseImage> base;  ///< Below everything; none: scratch.
  std::shared_ptr<FileSource> files;
};

/// What the stages of one build share. Thread-safe.
class BuildScope {
 public:
  struct Parts {
    const StageContext& context;
    const ImageBuild& build;
    const Dockerfile& dockerfile;
    const BuildArguments& arguments;
    const StageGraph& graph;
    BaseImages& images;
    StepCache& cache;
    ContentDigests& digests;
    const MakeRunner& make_runner;
    base::HttpClient* http = nullptr;   ///< For ADD; none: nothing may be fetched.
    bool overlays = false;              ///< Overlays work here.
    std::optional<std::int64_t> epoch;  ///< SOURCE_DATE_EPOCH.
    std::vector<std::string> ignore;    ///< Lines of .dockerignore.
    std::stop_token stop;               ///< Also when another stage failed.
  };
  explicit BuildScope(Parts parts) : parts_(std::move(parts)) {}

  [[nodiscard]] const Parts& parts() const { return parts_; }
  [[nodiscard]] StageObserver& observer() const { return parts_.context.observer; }

  /// How files that will have so many layers are kept.
  [[nodiscard]] oci::SnapshotKind kind_for(std::size_t layers) const;
  /// An empty tree that can take what `base` has and `layers` in all.
  std::unique_ptr<StageTree> make_tree(const BaseImage* base, std::size_t layers);

  void finish(std::size_t stage, std::shared_ptr<FinishedStage> finished);
  /// A stage that was finished before. The graph's order has seen to it that it was.
  [[nodiscard]] std::shared_ptr<FinishedStage> finished(std::size_t stage) const;
  /// The files of an earlier stage, of an image, or of nothing.
  std::shared_ptr<FileSource> files_of(const FileOrigin& origin);

  /// Throws base::Error kBuildStep when nothing can run here; says what runs, and what it lacks.
  oci::ContainerRunner& runner();
  /// The build context without what .dockerignore leaves out; empty when there is none.
  std::filesystem::path filtered_context();

 private:
  [[nodiscard]] oci::UnpackContext unpack_context() const;

  Parts parts_;
  mutable std::mutex mutex_;
  std::map<std::size_t, std::shared_ptr<FinishedStage>> finished_;
  std::map<std::string, std::shared_ptr<FileSource>> images_;
  std::mutex runner_mutex_;
  std::unique_ptr<oci::ContainerRunner> runner_;
  std::mutex context_mutex_;
  std::optional<base::TempDir> filtered_;
};

}  // namespace stages::dockerfile
