// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/node/node_run.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <limits>
#include <memory>

#include "base/error.hpp"
#include "base/files.hpp"
#include "oci/pull.hpp"
#include "orchestrator/executor.hpp"
#include "orchestrator/manifest/schema.hpp"
#include "orchestrator/report.hpp"
#include "orchestrator/secrets.hpp"
#include "stages/container_stage.hpp"

namespace orchestrator::node {
namespace {

constexpr const char* kHostDirVariable = "HOST_DIR";
constexpr const char* kDefaultImage = "busybox:latest";  // The operator's.
constexpr const char* kTerminationLog = "/dev/termination-log";
constexpr std::size_t kMaxReasonBytes = 4096;  // Kubernetes keeps no more of it.
constexpr const char* kCommand = "nodeop";
constexpr const char* kPreflight = "preflight";

std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "localhost";
  return name.data();
}

class NodeRun {
 public:
  NodeRun(Session& session, const manifest::Documents& documents, const std::string& file,
          const manifest::NodeOp& op, const NodeRunOptions& options)
      : session_(session),
        op_(op),
        options_(options),
        secrets_(session, documents, file),
        where_(fmt::format("{} '{}' ({}:{})", op.kind, op.name, file, op.position.line)),
        record_file_(record_file(session.store().root(), op)) {}

  RunRecord run() {
    check_host_root();
    if (!is_meant()) return left_alone();
    base::make_directories(record_file_.parent_path());
    const auto lock = take_lock();
    const auto lease = session_.store().lease();
    registry_ = make_registry();
    read_images();
    if (const auto before = done_before()) return go_on_after(*before);
    record_.started = now();
    save();
    try {
      do_it();
    } catch (const base::Error& error) {
      end("Failed", describe(error));
      throw;
    }
    return record_;
  }

 private:
  static std::string now() { return format_time(std::chrono::system_clock::now()); }

  static std::string describe(const base::Error& error) {
    const auto& facts = error.facts();
    return facts.why.empty() ? facts.what : fmt::format("{}: {}", facts.what, facts.why);
  }

  void check_host_root() const {
    std::error_code error;
    if (std::filesystem::is_directory(options_.host_root, error)) return;
    throw base::Error(
        {.code = base::ErrorCode::kUsage,
         .what = fmt::format("--host-root {} is no folder", options_.host_root.string()),
         .why = "",
         .hint = "name the folder that the command is to see as the node's root"});
  }

  [[nodiscard]] std::string node_name() const {
    return options_.node_name.empty() ? host_name() : options_.node_name;
  }

  [[nodiscard]] bool is_meant() const {
    const auto& names = op_.target_nodes;
    return names.empty() || std::find(names.begin(), names.end(), node_name()) != names.end();
  }

  RunRecord left_alone() {
    record_.phase = "Completed";
    record_.skipped = true;
    record_.reboot_status = "not-requested";
    record_.message = fmt::format("this node, {}, is not one of spec.targetNodes: {}", node_name(),
                                  fmt::join(op_.target_nodes, ", "));
    return record_;
  }

  base::FileLock take_lock() const {
    auto path = record_file_;
    path += ".lock";
    if (auto lock = base::FileLock::try_acquire(path)) return std::move(*lock);
    throw base::Error({.code = base::ErrorCode::kBuildStep,
                       .what = fmt::format("{} is being done on this node already", where_),
                       .why = fmt::format("{} is locked by another osartifact", path.string()),
                       .hint = "wait for it"});
  }

  std::shared_ptr<oci::Registry> make_registry() {
    if (session_.options().offline) return nullptr;
    return session_.registry(secrets_.pull_secrets(op_, op_.image_pull_secrets, session_), {});
  }

  [[nodiscard]] std::string image_name() const {
    if (!op_.image.empty()) return op_.image;
    const auto given = base::value_of(session_.environment().variables, "NODEOP_DEFAULT_IMAGE");
    return given.empty() ? kDefaultImage : given;
  }

  stages::ToolContainer container(const char* name, const std::string& image,
                                  const std::vector<std::string>& command) {
    const auto reference = oci::Reference::parse(image);
    const auto platform = oci::Platform::host();
    auto resolved = registry_ ? oci::resolve_image(*registry_, session_.store(), reference,
                                                   platform, session_.stop())
                              : oci::resolve_offline(session_.store(), reference, platform);
    stages::ToolContainer tool{.name = name,
                               .reference = reference,
                               .image = std::move(resolved),
                               .platform = platform,
                               .command = std::nullopt,
                               .arguments = std::nullopt,
                               .environment = {},
                               .working_directory = "",
                               .security = {},
                               .mounts = {}};
    if (!command.empty()) tool.command.emplace(command.begin(), command.end());
    tool.environment.emplace_back(kHostDirVariable, base::Secret(op_.host_mount_path));
    record_.containers.push_back({{"name", name},
                                  {"image", reference.text()},
                                  {"digest", tool.image.descriptor.digest.text()}});
    return tool;
  }

  [[nodiscard]] oci::ContainerMount host_mount(bool read_only) const {
    return {.kind = oci::ContainerMount::Kind::kBind,
            .source = std::filesystem::canonical(options_.host_root),
            .target = op_.host_mount_path,
            .read_only = read_only,
            .submounts = true,
            .bytes = 0};
  }

  void read_images() {
    record_.kind = op_.kind;
    record_.name = op_.name;
    record_.namespace_ = op_.namespace_;
    record_.command = op_.command;
    record_.boot_id = current_boot_id();
    record_.reboot_status = op_.reboot_on_success ? "pending" : "not-requested";
    if (const auto* spec = op_.source->find("spec")) {
      record_.spec_digest =
          oci::Digest::of(manifest::to_json(*spec, fmt::format("{}Spec", op_.kind)).dump()).text();
    }
    if (op_.preflight) {
      const auto& image = op_.preflight->image;
      preflight_ =
          container(kPreflight, image.empty() ? image_name() : image, op_.preflight->command);
      preflight_->mounts = {host_mount(true)};
    }
    command_ = container(kCommand, image_name(), op_.command);
    command_->security.privileged = true;
    command_->mounts = {host_mount(false)};
  }

  /// A generated name is a new operation each time.
  std::optional<RunRecord> done_before() {
    const auto* metadata = op_.source->find("metadata");
    if (options_.again || !metadata || metadata->text_of("name").empty()) return std::nullopt;
    auto before = read_record(record_file_);
    return before && before->is_done(record_) ? before : std::nullopt;
  }

  RunRecord go_on_after(const RunRecord& before) {
    record_ = before;
    if (before.reboot_status == "pending" && before.boot_id != current_boot_id()) {
      record_.reboot_status = "completed";
      save();
    } else if (before.reboot_status == "pending") {
      session_.warn(
          fmt::format("{} was done at {}; only the reboot is left", where_, before.finished));
      reboot();
      return record_;
    }
    record_.message = fmt::format("done before, at {}: {} (--again does it again)", before.finished,
                                  before.message);
    return record_;
  }

  void do_it() {
    if (preflight_) {
      if (const auto reason = run_preflight(); !reason.empty()) {
        record_.skipped = true;
        record_.reboot_status = "not-requested";
        end("Completed", fmt::format("Skipped by preflight: {}", reason));
        return;
      }
    }
    auto options = stage_options(kCommand, *command_);
    options.attempts = static_cast<unsigned>(op_.backoff_limit) + 1;
    run_stage(std::move(options));
    end("Completed", "Job completed successfully");
    if (op_.reboot_on_success) reboot();
  }

  /// Empty: go on. As the operator's preflight pod, it may fail and begin anew until its time is
  /// over.
  std::string run_preflight() {
    const auto folder = session_.store().make_temp_dir(kPreflight);
    const auto log = folder.path() / "termination-log";
    base::write_file_atomically(log, "", 0666);
    preflight_->mounts.push_back({.kind = oci::ContainerMount::Kind::kBind,
                                  .source = log,
                                  .target = kTerminationLog,
                                  .read_only = false,
                                  .bytes = 0});
    auto options = stage_options(kPreflight, *preflight_);
    options.attempts = std::numeric_limits<unsigned>::max();
    options.deadline = std::chrono::seconds(op_.preflight->active_deadline_seconds);
    run_stage(std::move(options));
    auto reason = base::read_file(log, std::numeric_limits<std::uint32_t>::max());
    reason.resize(std::min(reason.size(), kMaxReasonBytes));
    while (!reason.empty() && std::isspace(static_cast<unsigned char>(reason.back())) != 0) {
      reason.pop_back();
    }
    return reason;
  }

  stages::ContainerStage::Options stage_options(const char* name,
                                                const stages::ToolContainer& tool) {
    stages::ContainerStage::Options options;
    options.name = name;
    options.what = "container";
    options.identity = fmt::format("{}/{}/{}", op_.kind, op_.namespace_, op_.name);
    options.containers = {tool};
    options.parallel = session_.jobs() * 2;
    options.offline = session_.options().offline;
    options.may_mount = session_.may_mount();
    options.make_runner = [this] { return make_runner(); };
    return options;
  }

  /// chroot shows copies of folders: of a node's root that is neither possible nor of any use.
  std::unique_ptr<oci::ContainerRunner> make_runner() {
    auto runner = session_.make_container_runner();
    if (runner->runtime() != oci::Runtime::kChroot) return runner;
    throw base::Error({.code = base::ErrorCode::kUnsupported,
                       .what = "a container cannot be shown this node's root by chroot",
                       .why = "chroot alone gives it copies, not the folders themselves",
                       .hint = "install runc, and run this as root"});
  }

  void run_stage(stages::ContainerStage::Options options) {
    Plan plan;
    plan.add(op_.name, where_, std::make_shared<stages::ContainerStage>(std::move(options)),
             registry_, {}, true);
    std::vector<StageOutcome> outcomes;
    execute(plan, session_.store(), session_.process(), session_.events(),
            {.jobs = 1, .use_cache = false}, session_.stop(), outcomes);
  }

  void end(const std::string& phase, const std::string& message) {
    record_.phase = phase;
    record_.message = message;
    record_.finished = now();
    if (phase == "Failed" && record_.reboot_status == "pending") {
      record_.reboot_status = "cancelled";
    }
    save();
  }

  void save() const { write_record(record_file_, record_); }

  /// The record says "pending" until a run after it finds another boot.
  void reboot() {
    const bool this_machine = std::filesystem::canonical(options_.host_root) == "/";
    if (!options_.reboot || (options_.reboot_command.empty() && !this_machine)) {
      record_.message += options_.reboot ? "; its reboot is due, and this machine is another one"
                                         : "; its reboot is due, and left to you (--no-reboot)";
      save();
      return;
    }
    const base::Command command{
        .program = options_.reboot_command.empty() ? "reboot" : options_.reboot_command,
        .arguments = {},
        .environment = {},
        .working_directory = {},
        .input = {}};
    session_.warn(fmt::format("{} is done; this node reboots now ({})", where_, command.program));
    const auto result = session_.process().run(command, {}, session_.stop());
    if (result.exit_status == 0) return;
    throw base::Error({.code = base::ErrorCode::kBuildStep,
                       .what = fmt::format("{} is done, but the node does not reboot", where_),
                       .why = fmt::format("{}: exit status {}: {}", command.program,
                                          result.exit_status, fmt::join(result.tail, "; ")),
                       .hint = "reboot it, and run this again to have it noted"});
  }

  Session& session_;
  const manifest::NodeOp& op_;
  const NodeRunOptions& options_;
  SecretFinder secrets_;
  std::string where_;
  std::filesystem::path record_file_;
  std::shared_ptr<oci::Registry> registry_;
  std::optional<stages::ToolContainer> preflight_;
  std::optional<stages::ToolContainer> command_;
  RunRecord record_;
};

}  // namespace

RunRecord run_on_this_node(Session& session, const manifest::Documents& documents,
                           const std::string& file, const manifest::NodeOp& op,
                           const NodeRunOptions& options) {
  return NodeRun(session, documents, file, op, options).run();
}

}  // namespace orchestrator::node
