// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/space_check.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string>

#include "base/error.hpp"
#include "base/format.hpp"

namespace orchestrator {
namespace {

namespace fs = std::filesystem;

enum class Place { kStore, kOutput };

/// What a stage leaves on a disk, in percent of the image's compressed layers.
struct StageSpace {
  std::string_view stage;
  std::string_view what;
  Place place;
  std::uint64_t percent;
};

// Layers shrink to some 40 % by compression; what upper layers hide or replace is not in the tree.
constexpr std::array<StageSpace, 6> kStageSpaces = {{
    {"unpack", "the tree", Place::kStore, 100},
    {"squashfs", "the squashfs", Place::kStore, 50},
    {"iso", "the ISO", Place::kOutput, 50},
    {"netboot-squashfs", "the squashfs for netboot", Place::kOutput, 50},
    {"raw-disk", "the raw disk", Place::kOutput, 100},
    {"image-archive", "the image archive", Place::kOutput, 100},
}};

/// What all stages want of one disk.
struct Demand {
  fs::path folder;
  std::uint64_t bytes = 0;
  std::vector<std::string> parts;
};

class Demands {
 public:
  void add(const fs::path& folder, std::string_view what, std::uint64_t bytes) {
    struct stat status {};
    if (bytes == 0 || ::stat(folder.c_str(), &status) != 0) return;
    auto& demand = by_device_[status.st_dev];
    if (demand.folder.empty()) demand.folder = folder;
    demand.bytes += bytes;
    demand.parts.push_back(fmt::format("{} for {}", base::format_bytes(bytes), what));
  }
  void check() const {
    for (const auto& [device, demand] : by_device_) check(demand);
  }

 private:
  static void check(const Demand& demand) {
    std::error_code error;
    const auto space = fs::space(demand.folder, error);
    if (error || space.available >= demand.bytes) return;
    throw base::Error(
        {.code = base::ErrorCode::kNoSpace,
         .what = fmt::format("there is not enough space in {}", demand.folder.string()),
         .why = fmt::format("this build needs at least {} ({}), and {} are free",
                            base::format_bytes(demand.bytes), fmt::join(demand.parts, ", "),
                            base::format_bytes(space.available)),
         .hint = "free space there (osartifact store prune), or use another --store or -o; "
                 "nothing was fetched"});
  }

  std::map<dev_t, Demand> by_device_;
};

std::uint64_t missing_bytes(const oci::Manifest& manifest, const oci::Store& store,
                            std::set<oci::Digest>& counted) {
  std::uint64_t bytes = 0;
  for (const auto& layer : manifest.layers) {
    if (counted.insert(layer.digest).second && !store.contains(layer)) bytes += layer.size;
  }
  return bytes;
}

}  // namespace

void check_space(const BuildPlan& build, const std::vector<StageState>& states,
                 const oci::Store& store) {
  Demands demands;
  std::set<oci::Digest> layers;
  std::set<std::size_t> stages;  // Two OSArtifacts may share some.
  for (const auto& planned : build.artifacts) {
    std::uint64_t layer_bytes = 0;  // Of one that is built, as far as it is known.
    for (const auto& base : planned.image.bases) {
      demands.add(store.root(), "layers", missing_bytes(base.image.manifest, store, layers));
      layer_bytes += base.image.layer_bytes();
    }
    for (const auto index : planned.stages) {
      if (states.at(index) != StageState::kRun || !stages.insert(index).second) continue;
      const auto name = build.plan.stages[index].stage->name();
      const auto row = std::find_if(kStageSpaces.begin(), kStageSpaces.end(),
                                    [&](const StageSpace& space) { return space.stage == name; });
      if (row == kStageSpaces.end()) continue;
      demands.add(row->place == Place::kStore ? store.root() : planned.output, row->what,
                  layer_bytes / 100 * row->percent);
    }
  }
  demands.check();
}

}  // namespace orchestrator
