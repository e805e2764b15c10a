// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/kubernetes/artifact_controller.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "orchestrator/kubernetes/builder_pod.hpp"
#include "orchestrator/kubernetes/conditions.hpp"
#include "orchestrator/kubernetes/object_names.hpp"
#include "orchestrator/kubernetes/pod_obstacles.hpp"
#include "orchestrator/kubernetes/pod_state.hpp"
#include "orchestrator/manifest/load.hpp"

namespace orchestrator::kubernetes {
namespace {

using Again = std::optional<std::chrono::milliseconds>;
using manifest::Severity;

constexpr std::chrono::seconds kLookForSecretAgain{10};
constexpr std::chrono::seconds kWaitForRemoval{2};
constexpr std::chrono::seconds kLookForPodAgain{5};  ///< No change of an object tells of it.
constexpr std::size_t kMaxMessageBytes = 2048;
/// kairos-operator's: nobody is left who would take it away.
constexpr std::string_view kForeignFinalizer = "build.kairos.io/osbuilder-finalizer";

/// One of status.conditions.
struct Condition {
  std::string type;    ///< "Ready".
  std::string status;  ///< "True", "False", "Unknown".
  std::string reason;  ///< CamelCase: "SecretMissing".
  std::string message;
};

/// What status is to say.
struct Progress {
  std::string phase;
  Condition built;
  Condition exported;
  std::vector<std::size_t> done_exports;  ///< Indexes into spec.exporters.
};

/// Where one exporter has got to.
struct ExportStep {
  enum class Kind { kDone, kStarting, kRunning, kReplacing, kFailed };
  Kind kind;
  std::string reason = {};
  std::string message = {};
};

/// Exporters that have succeeded for this spec. Their Jobs may be gone, by ttlSecondsAfterFinished,
/// before the others have ended.
std::set<std::size_t> done_exports(const Object& artifact) {
  const auto* observed = find_at(artifact, "/status/observedGeneration");
  const auto* known = find_at(artifact, "/status/exported");
  if (known == nullptr || observed == nullptr) return {};
  if (*observed != artifact["metadata"]["generation"]) return {};
  return known->get<std::set<std::size_t>>();
}

Condition not_yet(const char* type, const char* reason = "Waiting", std::string message = "") {
  return {.type = type, .status = "Unknown", .reason = reason, .message = std::move(message)};
}

/// The worst of the two, as Ready.
Condition ready_of(const Progress& progress) {
  const auto& told = progress.built.status == "True" ? progress.exported : progress.built;
  return {.type = "Ready",
          .status = progress.phase == "Ready" ? "True" : "False",
          .reason = progress.phase == "Ready" ? "Ready" : told.reason,
          .message = told.message};
}

std::string cut(std::string text) {
  if (text.size() <= kMaxMessageBytes) return text;
  auto end = kMaxMessageBytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  return text.substr(0, end);
}

class ArtifactController final : public Controller {
 public:
  explicit ArtifactController(ControllerContext& context);
  [[nodiscard]] std::string_view name() const override { return "osartifact"; }
  Again reconcile(const ObjectName& name) override;

 private:
  void add_owners(const Object& job);
  void drop_foreign_finalizer(const Object& artifact);
  std::optional<manifest::OSArtifact> read(const Object& artifact, std::string& problems) const;
  Again refuse(const Object& artifact, const char* reason, const std::string& message);
  Again bring_on(const Object& artifact, const ArtifactObjects& objects);
  Again start_build(const Object& artifact, const ArtifactObjects& objects);
  Again follow_build(const Object& artifact, const Object& job, const ArtifactObjects& objects);
  ExportStep step_export(const Object& artifact, const Object& wanted, bool was_done);
  Again follow_exports(const Object& artifact, const ArtifactObjects& objects, Progress progress);
  bool is_made_from(const Object& job, const Object& wanted, const Object& artifact) const;
  void create_owned(const ResourceKind& kind, Object object, const Object& artifact);
  void remove_jobs(const Object& artifact);
  [[nodiscard]] PodState state_of(const Object& job, const Object& wanted) const;
  [[nodiscard]] PodState state_without_pod(const Object& job, const Object& wanted) const;
  void write(const Object& artifact, const Progress& progress);
  void tell(const Object& artifact, const char* type, const char* reason, const char* action,
            const std::string& note);
  [[nodiscard]] Informer::Shared pod_of(const Object& job) const;

  Informer& artifacts_;
  Informer& jobs_;
  Informer& pods_;
};

/// Of a pod or Job, what is not read here: most of it.
void keep_state_only(Object& object) {
  if (const auto spec = object.find("spec"); spec != object.end()) {
    const auto node = text_at(object, "/spec/nodeName");
    *spec = node.empty() ? Object::object() : Object{{"nodeName", node}};
  }
  if (const auto* annotations = find_at(object, "/metadata/annotations")) {
    auto kept = *annotations;
    kept.erase(kManifestAnnotation);
    object["metadata"]["annotations"] = std::move(kept);
  }
}

ObjectName job_of(const Object& pod) {
  return {.space = name_of(pod).space, .name = label_of(pod, "batch.kubernetes.io/job-name")};
}

ArtifactController::ArtifactController(ControllerContext& context)
    : Controller(context),
      artifacts_(add_informer(kOsArtifacts, {.selection = everything()})),
      jobs_(
          add_informer(kJobs, {.selection = everything(kArtifactLabel), .trim = &keep_state_only})),
      pods_(add_informer(kPods, {.selection = everything(kArtifactLabel),
                                 .trim = &keep_state_only,
                                 .index = [](const Object& pod) { return job_of(pod).text(); }})) {
  artifacts_.add_handler([this](const auto& before, const auto& after) {
    queue().add(name_of(after ? *after : *before));
  });
  jobs_.add_handler(
      [this](const auto& before, const auto& after) { add_owners(after ? *after : *before); });
  pods_.add_handler([this](const auto& before, const auto& after) {
    const auto job = jobs_.find(job_of(after ? *after : *before));
    if (job) add_owners(*job);  // Else the Job's own change brings the artifact.
  });
}

void ArtifactController::add_owners(const Object& job) {
  for (const auto& owner : job["metadata"].value("ownerReferences", Object::array())) {
    queue().add({.space = name_of(job).space, .name = text_at(owner, "/name")});
  }
}

Again ArtifactController::reconcile(const ObjectName& name) {
  const auto shared = artifacts_.find(name);
  if (!shared) return std::nullopt;  // What it owns is collected by Kubernetes.
  const auto& artifact = *shared;
  drop_foreign_finalizer(artifact);
  if (is_being_deleted(artifact)) return std::nullopt;

  const auto phase = text_at(artifact, "/status/phase");
  const auto* observed = find_at(artifact, "/status/observedGeneration");
  const bool is_over = phase == "Ready" || phase == "Error";
  // One without observedGeneration was finished by kairos-operator.
  if (is_over && (observed == nullptr || *observed == artifact["metadata"]["generation"])) {
    return std::nullopt;
  }

  std::string problems;
  const auto read_artifact = read(artifact, problems);
  if (!read_artifact) return refuse(artifact, "InvalidSpec", problems);
  try {
    return bring_on(artifact, artifact_objects(*read_artifact, context().builder));
  } catch (const ApiError&) {
    throw;
  } catch (const base::Error& error) {
    if (error.code() != base::ErrorCode::kUnsupported) throw;
    return refuse(
        artifact, "Unsupported",
        fmt::format("{}: {}; {}", error.facts().what, error.facts().why, error.facts().hint));
  }
}

void ArtifactController::drop_foreign_finalizer(const Object& artifact) {
  const auto* finalizers = find_at(artifact, "/metadata/finalizers");
  if (finalizers == nullptr) return;
  auto kept = Object::array();
  for (const auto& finalizer : *finalizers) {
    if (finalizer != kForeignFinalizer) kept.push_back(finalizer);
  }
  if (kept.size() == finalizers->size()) return;
  context().client.merge(
      kOsArtifacts, name_of(artifact),
      {{"metadata", {{"resourceVersion", version_of(artifact)}, {"finalizers", kept}}}});
}

/// nullopt when it is not valid; `problems` says why.
std::optional<manifest::OSArtifact> ArtifactController::read(const Object& artifact,
                                                             std::string& problems) const {
  const Object document = {
      {"apiVersion", artifact["apiVersion"]},
      {"kind", artifact["kind"]},
      {"metadata", {{"name", name_of(artifact).name}, {"namespace", name_of(artifact).space}}},
      {"spec", artifact.value("spec", Object::object())}};
  auto result = manifest::load_manifest(document.dump(), name_of(artifact).text());
  if (result.ok() && result.documents.artifacts.size() == 1) {
    return std::move(result.documents.artifacts.front());
  }
  for (const auto& diagnostic : result.diagnostics) {
    if (diagnostic.severity != Severity::kError) continue;
    if (!problems.empty()) problems += "; ";
    const bool has_path =
        diagnostic.path.empty() || diagnostic.message.starts_with(diagnostic.path);
    problems +=
        has_path ? diagnostic.message : fmt::format("{}: {}", diagnostic.path, diagnostic.message);
    if (!diagnostic.hint.empty()) problems += fmt::format(" ({})", diagnostic.hint);
  }
  return std::nullopt;
}

Again ArtifactController::refuse(const Object& artifact, const char* reason,
                                 const std::string& message) {
  write(artifact,
        {.phase = "Error",
         .built = {.type = "Built", .status = "False", .reason = reason, .message = message},
         .exported = not_yet("Exported"),
         .done_exports = {}});
  tell(artifact, "Warning", reason, "Validate", message);
  return std::nullopt;
}

bool ArtifactController::is_made_from(const Object& job, const Object& wanted,
                                      const Object& artifact) const {
  return controller_uid(job) == uid_of(artifact) &&
         annotation_of(job, kHashAnnotation) == annotation_of(wanted, kHashAnnotation);
}

Again ArtifactController::bring_on(const Object& artifact, const ArtifactObjects& objects) {
  const auto job = jobs_.find(name_of(objects.build));
  if (!job) return start_build(artifact, objects);
  const bool ours = controller_uid(*job) == uid_of(artifact);
  if (is_being_deleted(*job) || !ours || !is_made_from(*job, objects.build, artifact)) {
    const bool foreign = controller_uid(*job).empty();
    if (ours && !is_being_deleted(*job)) {
      tell(artifact, "Normal", "SpecChanged", "Build", "the spec has changed: it is built again");
      remove_jobs(artifact);
    }
    write(artifact,
          {.phase = "Pending",
           .built = foreign ? not_yet("Built", "NameTaken",
                                      fmt::format("a Job {} that is not ours has to go first",
                                                  name_of(objects.build).name))
                            : not_yet("Built", "Replacing",
                                      fmt::format("the last build's Job {} goes first",
                                                  name_of(objects.build).name)),
           .exported = not_yet("Exported"),
           .done_exports = {}});
    return kWaitForRemoval;
  }
  return follow_build(artifact, *job, objects);
}

void ArtifactController::remove_jobs(const Object& artifact) {
  for (const auto& job : jobs_.all()) {
    if (controller_uid(*job) != uid_of(artifact) || is_being_deleted(*job)) continue;
    context().client.remove(kJobs, name_of(*job), {.uid = uid_of(*job)});
  }
}

void ArtifactController::create_owned(const ResourceKind& kind, Object object,
                                      const Object& artifact) {
  object["metadata"]["ownerReferences"] = {owner_reference(artifact)};
  try {
    context().client.create(kind, object);
  } catch (const ApiError& error) {
    if (!error.already_exists()) throw;
  }
}

Again ArtifactController::start_build(const Object& artifact, const ArtifactObjects& objects) {
  const auto missing =
      missing_secrets(context().client, name_of(artifact).space, objects.required_secrets);
  if (!missing.empty()) {
    const auto message =
        fmt::format("there is no Secret {} in namespace {}; the build starts when there is",
                    fmt::join(missing, ", "), name_of(artifact).space);
    write(artifact, {.phase = "Pending",
                     .built = not_yet("Built", "SecretMissing", message),
                     .exported = not_yet("Exported"),
                     .done_exports = {}});
    tell(artifact, "Warning", "SecretMissing", "Build", message);
    return kLookForSecretAgain;
  }
  try {
    if (objects.claim) create_owned(kPersistentVolumeClaims, *objects.claim, artifact);
    create_owned(kJobs, objects.build, artifact);
  } catch (const ApiError& error) {
    const auto message = fmt::format("{}: {}", error.facts().what, error.facts().why);
    if (error.is_invalid()) return refuse(artifact, "Refused", message);
    if (error.status() == 403) {  // A quota, or a right that we lack.
      write(artifact, {.phase = "Pending",
                       .built = not_yet("Built", "NotAllowed", message),
                       .exported = not_yet("Exported"),
                       .done_exports = {}});
    }
    throw;
  }
  write(artifact, {.phase = "Building",
                   .built = not_yet("Built", "Starting",
                                    fmt::format("Job {} was made", name_of(objects.build).name)),
                   .exported = not_yet("Exported"),
                   .done_exports = {}});
  tell(artifact, "Normal", "BuildStarted", "Build",
       fmt::format("Job {} builds it", name_of(objects.build).name));
  return std::nullopt;
}

Informer::Shared ArtifactController::pod_of(const Object& job) const {
  return newest(pods_.find_by(name_of(job).text()));
}

PodState ArtifactController::state_of(const Object& job, const Object& wanted) const {
  const auto pod = pod_of(job);
  if (!pod) return state_without_pod(job, wanted);
  auto state = pod_state(*pod);
  if (state.reason == "ErrImagePull" || state.reason == "ImagePullBackOff") {
    // A kubelet does without those that are not there, and does not say so.
    const auto missing =
        missing_secrets(context().client, name_of(job).space,
                        names_in(find_at(wanted, "/spec/template/spec/imagePullSecrets")));
    if (!missing.empty()) {
      state.message += fmt::format("; there is no Secret {} in namespace {}",
                                   fmt::join(missing, ", "), name_of(job).space);
    }
  }
  return state;
}

PodState ArtifactController::state_without_pod(const Object& job, const Object& wanted) const {
  const auto name = name_of(job).name;
  const auto made = time_of(text_at(job, "/metadata/creationTimestamp"));
  const bool is_late = made && std::chrono::system_clock::now() - *made >= kLookForPodAgain;
  if (is_late && job_state(job) == JobState::kRunning) {
    if (const auto why = pod_refusal(context().client, wanted); !why.empty()) {
      return {.reason = "PodRefused",
              .message = fmt::format("Job {} gets no pod: {}", name, why),
              .is_stuck = true};
    }
  }
  return {.reason = "Starting", .message = fmt::format("Job {} has no pod yet", name)};
}

Again ArtifactController::follow_build(const Object& artifact, const Object& job,
                                       const ArtifactObjects& objects) {
  const auto state = state_of(job, objects.build);
  Progress progress{.phase = "Building",
                    .built = not_yet("Built", state.reason.c_str(), state.message),
                    .exported = not_yet("Exported"),
                    .done_exports = {}};
  switch (job_state(job)) {
    case JobState::kRunning:
      write(artifact, progress);
      return pod_of(job) ? Again() : kLookForPodAgain;
    case JobState::kFailed:
      progress.phase = "Error";
      progress.built = {.type = "Built",
                        .status = "False",
                        .reason = state.is_stuck ? state.reason : "BuildFailed",
                        .message = state.is_stuck ? state.message : job_failure(job)};
      write(artifact, progress);
      tell(artifact, "Warning", "BuildFailed", "Build", progress.built.message);
      return std::nullopt;
    case JobState::kComplete:
      break;
  }
  progress.built = {
      .type = "Built", .status = "True", .reason = "Built", .message = "the artifacts are made"};
  return follow_exports(artifact, objects, std::move(progress));
}

ExportStep ArtifactController::step_export(const Object& artifact, const Object& wanted,
                                           bool was_done) {
  using Kind = ExportStep::Kind;
  const auto name = name_of(wanted).name;
  const auto job = jobs_.find(name_of(wanted));
  if (!job && was_done) return {.kind = Kind::kDone};
  if (!job) {
    try {
      create_owned(kJobs, wanted, artifact);
    } catch (const ApiError& error) {
      if (!error.is_invalid()) throw;
      return {.kind = Kind::kFailed, .reason = "Refused", .message = error.facts().why};
    }
    return {.kind = Kind::kStarting,
            .reason = "Exporting",
            .message = fmt::format("export job {} starts", name)};
  }
  if (is_being_deleted(*job) || !is_made_from(*job, wanted, artifact)) {
    if (!is_being_deleted(*job) && controller_uid(*job) == uid_of(artifact)) {
      context().client.remove(kJobs, name_of(*job), {.uid = uid_of(*job)});
    }
    return {.kind = Kind::kReplacing,
            .reason = "Exporting",
            .message = fmt::format("the last export job {} goes first", name)};
  }
  const auto trouble = state_of(*job, wanted);
  switch (job_state(*job)) {
    case JobState::kComplete:
      return {.kind = Kind::kDone};
    case JobState::kFailed:
      return {.kind = Kind::kFailed,
              .reason = "ExportFailed",
              .message = fmt::format("export job {} failed: {}", name,
                                     trouble.is_stuck ? trouble.message : job_failure(*job))};
    case JobState::kRunning:
      break;
  }
  return {.kind = pod_of(*job) ? Kind::kRunning : Kind::kStarting,
          .reason = trouble.is_stuck ? trouble.reason : "Exporting",
          .message = fmt::format("export job {} runs{}{}", name, trouble.is_stuck ? ": " : "",
                                 trouble.is_stuck ? trouble.message : "")};
}

Again ArtifactController::follow_exports(const Object& artifact, const ArtifactObjects& objects,
                                         Progress progress) {
  const auto done = done_exports(artifact);
  Again again;
  std::optional<ExportStep> waiting;
  for (std::size_t i = 0; i < objects.exports.size() && progress.phase != "Error"; ++i) {
    const auto step = step_export(artifact, objects.exports[i], done.contains(i));
    switch (step.kind) {
      case ExportStep::Kind::kDone:
        progress.done_exports.push_back(i);
        break;
      case ExportStep::Kind::kReplacing:
        again = kWaitForRemoval;
        waiting = step;
        break;
      case ExportStep::Kind::kStarting:
        if (!again) again = kLookForPodAgain;
        waiting = step;
        break;
      case ExportStep::Kind::kRunning:
        waiting = step;
        break;
      case ExportStep::Kind::kFailed:
        progress.phase = "Error";
        progress.exported = {
            .type = "Exported", .status = "False", .reason = step.reason, .message = step.message};
        break;
    }
  }
  if (progress.phase == "Error") {
    write(artifact, progress);
    tell(artifact, "Warning", progress.exported.reason.c_str(), "Export",
         progress.exported.message);
    return std::nullopt;
  }
  if (waiting) {
    progress.phase = "Exporting";
    progress.exported = not_yet("Exported", waiting->reason.c_str(), waiting->message);
    write(artifact, progress);
    return again;
  }
  const auto count = objects.exports.size();
  progress.phase = "Ready";
  progress.exported = {.type = "Exported",
                       .status = "True",
                       .reason = count == 0 ? "NothingToExport" : "Exported",
                       .message = count == 0 ? std::string("the artifacts are made")
                                             : fmt::format("{} export jobs have succeeded", count)};
  write(artifact, progress);
  tell(artifact, "Normal", "Ready", "Build", progress.exported.message);
  return std::nullopt;
}

void ArtifactController::write(const Object& artifact, const Progress& progress) {
  const auto generation = artifact["metadata"].value("generation", std::int64_t{0});
  const auto ready = ready_of(progress);
  Object status = {{"phase", progress.phase},
                   {"message", cut(ready.message)},
                   {"observedGeneration", generation},
                   {"exported", progress.done_exports}};
  const auto* before = find_at(artifact, "/status");
  if (before != nullptr) status["conditions"] = before->value("conditions", Object::array());
  const auto now = timestamp();
  for (const auto& condition : {ready, progress.built, progress.exported}) {
    set_condition(status,
                  {{"type", condition.type},
                   {"status", condition.status},
                   {"reason", condition.reason},
                   {"message", cut(condition.message)},
                   {"observedGeneration", generation}},
                  now);
  }
  if (before != nullptr && *before == status) return;
  context().client.merge_status(kOsArtifacts, name_of(artifact), {{"status", status}});
}

void ArtifactController::tell(const Object& artifact, const char* type, const char* reason,
                              const char* action, const std::string& note) {
  context().events.record(artifact,
                          {.type = type, .reason = reason, .action = action, .note = note});
}

}  // namespace

std::unique_ptr<Controller> make_artifact_controller(ControllerContext& context) {
  return std::make_unique<ArtifactController>(context);
}

}  // namespace orchestrator::kubernetes
