// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/tool_plan.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "orchestrator/tool_containers.hpp"

namespace orchestrator {
namespace {

using nlohmann::json;

constexpr const char* kArtifacts = "artifacts";
constexpr unsigned kDefaultRetries = 6;  // Source: batch/v1 JobSpec, backoffLimit.
constexpr std::int64_t kMostRetries = 1000;

json member(const json& object, const char* key) {
  if (!object.is_object()) return {};
  const auto found = object.find(key);
  return found == object.end() ? json() : *found;
}

class ToolPlanner {
 public:
  ToolPlanner(Session& session, BuildPlan& build, const manifest::OSArtifact& artifact,
              const std::filesystem::path& output, const std::string& where)
      : session_(session), build_(build), artifact_(artifact), output_(output), where_(where) {}

  void plan_importers() {
    if (artifact_.importers.empty()) return;
    const auto registry = make_registry({});
    ToolReader reader(session_, build_.documents, *build_.secrets, artifact_, registry,
                      [this](const std::string& name, const std::string& field) -> PodVolume {
                        if (name == kArtifacts) return {.folder = output_, .read_only = false};
                        return {.folder = build_.volumes->folder(artifact_, name, field),
                                .read_only = false};
                      });
    auto options = make_options("import", "importer", 0);
    for (std::size_t i = 0; i < artifact_.importers.size(); ++i) {
      options.containers.push_back(
          reader.read(artifact_.importers[i], json(), fmt::format("spec.importers[{}]", i)));
    }
    add(build_.imports, std::move(options), registry);
  }

  void plan_exporters() {
    for (std::size_t i = 0; i < artifact_.exporters.size(); ++i) {
      plan_exporter(i, artifact_.exporters[i], fmt::format("spec.exporters[{}].template.spec", i));
    }
  }

 private:
  void plan_exporter(std::size_t index, const json& job, const std::string& field) {
    if (member(job, "suspend") == true) {
      session_.warn(fmt::format("spec.exporters[{}] is suspended: it is not run", index));
      return;
    }
    const auto pod = member(member(job, "template"), "spec");
    const auto registry = make_registry(member(pod, "imagePullSecrets"));
    const auto volumes = volumes_of(index);
    ToolReader reader(session_, build_.documents, *build_.secrets, artifact_, registry,
                      [&](const std::string& name, const std::string& where) {
                        return find_volume(volumes, name, where, field);
                      });
    auto options = make_options("export", "exporter", index);
    options.attempts = retries_of(job) + 1;
    if (const auto seconds = member(job, "activeDeadlineSeconds"); seconds.is_number_integer()) {
      options.deadline = std::chrono::seconds(seconds.get<std::int64_t>());
    }
    for (const auto* list : {"initContainers", "containers"}) {
      const auto containers = member(pod, list);
      for (std::size_t i = 0; i < containers.size(); ++i) {
        options.containers.push_back(reader.read(containers[i], member(pod, "securityContext"),
                                                 fmt::format("{}.{}[{}]", field, list, i)));
      }
    }
    add(build_.exports, std::move(options), registry);
  }

  /// The volumes of an exporter's own pod.
  std::vector<manifest::Volume> volumes_of(std::size_t index) const {
    std::vector<manifest::Volume> volumes;
    const auto* exporters = artifact_.source->find_path({"spec", "exporters"});
    if (exporters == nullptr || index >= exporters->items.size()) return volumes;
    const auto* list = exporters->items[index].find_path({"template", "spec", "volumes"});
    if (list == nullptr) return volumes;
    for (const auto& volume : list->items) volumes.push_back(manifest::decode_volume(volume));
    return volumes;
  }

  /// As in the operator's Jobs: the artifacts, read-only, and what the template brings.
  PodVolume find_volume(const std::vector<manifest::Volume>& volumes, const std::string& name,
                        const std::string& where, const std::string& owner) {
    if (name == kArtifacts) return {.folder = output_, .read_only = true};
    const auto found = std::find_if(volumes.begin(), volumes.end(),
                                    [&](const auto& volume) { return volume.name == name; });
    if (found != volumes.end()) {
      return {.folder = build_.volumes->own_folder(artifact_, *found, owner), .read_only = false};
    }
    throw base::Error(
        {.code = base::ErrorCode::kManifest,
         .what = fmt::format("{}: there is no volume '{}'", where, name),
         .why = fmt::format("{}.volumes has none, and 'artifacts' is the only other", owner),
         .hint = "add it there"});
  }

  static unsigned retries_of(const json& job) {
    const auto limit = member(job, "backoffLimit");
    if (!limit.is_number_integer()) return kDefaultRetries;
    return static_cast<unsigned>(
        std::clamp<std::int64_t>(limit.get<std::int64_t>(), 0, kMostRetries));
  }

  std::shared_ptr<oci::Registry> make_registry(const json& more) {
    if (session_.options().offline) return nullptr;
    auto credentials = build_.secrets->tool_credentials(artifact_, names_of(more), session_);
    return session_.registry(std::move(credentials), {});
  }

  static std::vector<std::string> names_of(const json& references) {
    std::vector<std::string> names;
    for (const auto& reference : references) {
      if (const auto name = member(reference, "name"); name.is_string()) names.push_back(name);
    }
    return names;
  }

  stages::ContainerStage::Options make_options(const char* name, const char* what,
                                               std::size_t index) {
    stages::ContainerStage::Options options;
    options.name = name;
    options.what = what;
    options.identity = fmt::format("{}/{}/{}", artifact_.namespace_, artifact_.name, index);
    options.parallel = session_.jobs() * 2;
    options.offline = session_.options().offline;
    options.may_mount = session_.may_mount();
    options.make_runner = [session = &session_] { return session->make_container_runner(); };
    return options;
  }

  void add(Plan& plan, stages::ContainerStage::Options options,
           std::shared_ptr<oci::Registry> registry) {
    plan.add(artifact_.name, where_, std::make_shared<stages::ContainerStage>(std::move(options)),
             std::move(registry), {}, true);
  }

  Session& session_;
  BuildPlan& build_;
  const manifest::OSArtifact& artifact_;
  const std::filesystem::path& output_;
  const std::string& where_;
};

}  // namespace

void plan_tools(Session& session, BuildPlan& build, const manifest::OSArtifact& artifact,
                const std::filesystem::path& output, const std::string& where) {
  ToolPlanner planner(session, build, artifact, output, where);
  planner.plan_importers();
  planner.plan_exporters();
}

}  // namespace orchestrator
