// SPDX-License-Identifier: Apache-2.0
#include "stages/dockerfile/stage_builder.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <chrono>
#include <ctime>
#include <set>

#include "base/error.hpp"
#include "base/format.hpp"
#include "oci/mount_points.hpp"
#include "oci/rooted_directory.hpp"
#include "stages/dockerfile/build_checks.hpp"
#include "stages/dockerfile/copy_step.hpp"
#include "stages/dockerfile/expansion.hpp"
#include "stages/dockerfile/foreign_programs.hpp"
#include "stages/dockerfile/image_users.hpp"
#include "stages/dockerfile/rooted_folders.hpp"
#include "stages/dockerfile/run_mounts.hpp"

namespace stages::dockerfile {
namespace {

using Clock = std::chrono::steady_clock;

std::int64_t seconds_now() { return static_cast<std::int64_t>(std::time(nullptr)); }

[[noreturn]] void fail_step(std::string what, std::string why, std::string hint = "") {
  throw base::Error({.code = base::ErrorCode::kBuildStep,
                     .what = std::move(what),
                     .why = std::move(why),
                     .hint = std::move(hint)});
}

/// What a program said last, below "exit status 2".
std::string with_tail(std::string text, const std::vector<std::string>& tail) {
  for (const auto& line : tail) text += "\n    | " + line;
  return text;
}

/// Where a container sees something else than the image has, as the image names it.
std::vector<std::string> hidden_paths(const std::filesystem::path& root,
                                      const std::vector<oci::ContainerMount>& mounts) {
  std::vector<std::string> targets = {"/etc/hosts", "/etc/resolv.conf"};
  for (const auto& mount : mounts) targets.push_back(mount.target);
  const oci::MountPoints points(root);
  for (auto& target : targets) target = points.resolve(target).substr(1);
  return targets;
}

}  // namespace

StageState StageBuilder::first_state(BuildScope& scope, const BuildStage& stage,
                                     std::shared_ptr<const BaseImage>& base) {
  const auto& parts = scope.parts();
  if (stage.base.stage) {
    const auto parent = scope.finished(*stage.base.stage);
    base = parent->base;
    auto state = parent->state;
    state.image.config().erase("OnBuild");
    state.has_cmd = false;
    return state;
  }
  const auto platform = stage.platform.value_or(parts.build.platform);
  if (stage.base.image.empty()) {
    ImageDraft image(platform);
    auto variables = VariableList::of(image.list("Env"));
    return {.image = std::move(image),
            .variables = std::move(variables),
            .arguments = {},
            .platform = platform};
  }
  base = parts.images.find(stage.base.image, platform);
  auto image = base->draft;
  image.config().erase("OnBuild");
  auto variables = VariableList::of(image.list("Env"));
  return {.image = std::move(image),
          .variables = std::move(variables),
          .arguments = {},
          .platform = platform};
}

StageBuilder::StageBuilder(BuildScope& scope, const BuildStage& stage)
    : scope_(scope), stage_(stage), state_(first_state(scope, stage, base_)) {}

std::shared_ptr<FinishedStage> StageBuilder::build() {
  scope_.observer().fact(fmt::format("step {}/{}: {}", stage_.first_step,
                                     scope_.parts().graph.steps(), stage_.from.original));
  for (std::size_t i = 0; i < stage_.steps.size(); ++i) do_step(i);
  const auto layers = state_.image.layers().size();
  const auto make_tree = [&scope = scope_, base = base_, layers] {
    return scope.make_tree(base.get(), layers);
  };
  if (tree_) tree_->catch_up(state_.image);
  auto files = std::make_shared<FileSource>(state_.image, make_tree, std::move(tree_));
  return std::make_shared<FinishedStage>(
      FinishedStage{.state = std::move(state_), .base = base_, .files = std::move(files)});
}

void StageBuilder::do_step(std::size_t index) {
  const auto& parts = scope_.parts();
  stages::check_stop(parts.stop);
  const auto& written = stage_.steps[index];
  step_ = fmt::format("step {}/{}", stage_.first_step + index + 1, parts.graph.steps());
  const auto place = place_of(parts.dockerfile, written);
  try {
    std::vector<std::string> undefined;
    const Variables variables = [this](std::string_view name) {
      return state_.variables.get(name);
    };
    const auto instruction = expanded(written, variables, parts.dockerfile.escape,
                                      [&](std::string_view name) { undefined.emplace_back(name); });
    scope_.observer().fact(fmt::format("{}: {}", step_, place));
    warn_of_undefined(written, undefined);
    if (apply_config_step(instruction, parts.arguments, parts.dockerfile.escape, state_)) return;
    if (instruction.keyword == "RUN") return do_run(instruction);
    if (instruction.keyword == "WORKDIR") return do_workdir(instruction);
    do_copy(instruction);
  } catch (base::Error& error) {
    error.add_context(fmt::format("building {}, {}", step_, place));
    throw;
  }
}

void StageBuilder::warn_of_undefined(const Instruction& written,
                                     const std::vector<std::string>& names) {
  if (names.empty()) return;
  std::vector<std::string> known;
  for (const auto& [name, value] : state_.variables.entries()) known.push_back(name);
  std::set<std::string_view> said(state_.arguments.begin(), state_.arguments.end());
  BuildChecks checks(scope_.parts().dockerfile);
  for (const auto& name : names) {
    if (!said.insert(name).second) continue;
    const auto warning = checks.undefined_variable(written, name, known);
    if (warning) scope_.observer().warning(*warning);
  }
}

oci::Digest StageBuilder::key_of(nlohmann::json parts, bool linked) const {
  parts["below"] = linked ? nlohmann::json() : nlohmann::json(state_.image.chain_id());
  if (scope_.parts().build.layer_format == oci::LayerFormat::kZstd) parts["compression"] = "zstd";
  if (scope_.parts().epoch) parts["epoch"] = *scope_.parts().epoch;
  return StepCache::key_of(parts);
}

bool StageBuilder::take_cached(const oci::Digest& key, std::string_view created_by) {
  const auto known = scope_.parts().cache.find(key);
  if (!known) return false;
  scope_.observer().fact(fmt::format("{}: cached", step_));
  add_result(*known, created_by);
  return true;
}

void StageBuilder::add_result(const StepResult& result, std::string_view created_by) {
  if (result.layer) {
    state_.image.add_layer(*result.layer, created_by, result.created);
  } else {
    state_.image.add_history(created_by);
  }
}

StageTree& StageBuilder::tree() {
  if (!tree_) {
    const auto most = state_.image.layers().size() + stage_.steps.size();
    if (stage_.base.stage) {
      const auto parent = scope_.finished(*stage_.base.stage)->files;
      tree_ = parent->continue_from();
      // Too many layers to go on with what the parent has.
      if (tree_->kind() != scope_.kind_for(most)) tree_ = scope_.make_tree(base_.get(), most);
    } else {
      tree_ = scope_.make_tree(base_.get(), most);
    }
  }
  tree_->catch_up(state_.image);
  return *tree_;
}

void StageBuilder::make_layer(StageTree& files, const std::vector<oci::Digest>& keys,
                              std::string_view created_by, const Change& change) {
  const auto start = Clock::now();
  const auto hidden = change(files.begin_step());
  const StepResult result{.layer = files.end_step(hidden),
                          .created = scope_.parts().epoch.value_or(seconds_now())};
  for (const auto& key : keys) scope_.parts().cache.put(key, result);
  add_result(result, created_by);
  const auto elapsed = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - start);
  scope_.observer().fact(fmt::format(
      "{}: {} in {}", step_,
      result.layer ? "layer of " + base::format_bytes(result.layer->blob.size) : "nothing changed",
      base::format_duration(elapsed)));
}

void StageBuilder::do_workdir(const Instruction& instruction) {
  auto folder = instruction.text;
  if (!folder.starts_with('/')) folder = state_.working_directory() + "/" + folder;
  folder = "/" + oci::join(oci::clean_path(folder));
  state_.image.config()["WorkingDir"] = folder;
  const auto created_by = "WORKDIR " + folder;
  if (folder == "/") return state_.image.add_history(created_by);
  const auto user = state_.image.text("User");
  const auto key = key_of({{"kind", "workdir"}, {"folder", folder}, {"user", user}});
  if (take_cached(key, created_by)) return;
  make_layer(tree(), {key}, created_by, [&](const std::filesystem::path& root) {
    const auto owner = find_user(root, user);
    make_folder_in(root, folder, {.user = owner.user, .group = owner.group});
    return std::vector<std::string>();
  });
}

std::string StageBuilder::destination_of(const std::string& path) const {
  const bool folder = path.empty() || path == "." || path.ends_with('/') || path.ends_with("/.");
  const auto whole = path.starts_with('/') ? path : state_.working_directory() + "/" + path;
  const auto names = oci::clean_path(whole);
  return "/" + oci::join(names) + (folder && !names.empty() ? "/" : "");
}

void StageBuilder::do_copy(const Instruction& instruction) {
  const auto& parts = scope_.parts();
  const auto arguments = copy_arguments(instruction);
  CopyStep step({.context = parts.context,
                 .build = parts.build,
                 .arguments = arguments,
                 .add = instruction.keyword == "ADD",
                 .destination = destination_of(arguments.destination),
                 .ignore = parts.ignore,
                 .epoch = parts.epoch,
                 .digests = parts.digests,
                 .http = parts.http,
                 .stop = parts.stop});
  const auto created_by = step.created_by();
  // A layer that depends on nothing below: names of owners would have to be looked up there.
  const bool linked =
      arguments.link && (arguments.chown.empty() || is_numeric_owner(arguments.chown));
  std::vector<oci::Digest> keys;
  const auto is_cached = [&](const nlohmann::json& sources) {
    keys.push_back(key_of(step.describe(sources), linked));
    return take_cached(keys.back(), created_by);
  };
  if (!arguments.from.empty()) {
    // The whole source tells enough where it is the same; it need not be unpacked then.
    const auto files = scope_.files_of(parts.graph.origin(arguments.from, stage_));
    if (is_cached({{"of", files->image().chain_id()}})) return;
    step.read(files->files());
  } else {
    const auto known = step.known_sources();
    if (known && is_cached(*known)) return;
    step.read(parts.build.context);
  }
  if (is_cached({{"content", step.digests()}})) return;
  const auto alone = linked ? scope_.make_tree(nullptr, 1) : nullptr;
  make_layer(alone ? *alone : tree(), keys, created_by, [&](const std::filesystem::path& root) {
    step.apply(root);
    return std::vector<std::string>();
  });
}

nlohmann::json StageBuilder::describe_mounts(const RunOptions& options) {
  const auto& parts = scope_.parts();
  auto list = nlohmann::json::array();
  for (const auto& mount : options.mounts) {
    nlohmann::json entry = {{"kind", static_cast<int>(mount.kind)},
                            {"id", mount.id},
                            {"target", mount.target},
                            {"source", mount.source},
                            {"readOnly", mount.read_only},
                            {"bytes", mount.bytes}};
    if (mount.mode) entry["mode"] = *mount.mode;
    if (mount.user) entry["user"] = *mount.user;
    if (mount.group) entry["group"] = *mount.group;
    if (mount.env) entry["env"] = *mount.env;
    if (!mount.from.empty()) {
      entry["of"] = scope_.files_of(parts.graph.origin(mount.from, stage_))->image().chain_id();
    } else if (mount.kind == RunMount::Kind::kBind) {
      entry["content"] =
          digest_of_bind(parts.build.context, mount.source, parts.ignore, parts.digests, parts.stop)
              .text();
    }
    list.push_back(std::move(entry));
  }
  return list;
}

std::string StageBuilder::history_of_run(const std::vector<std::string>& command) const {
  std::string text = "RUN ";
  const auto& names = state_.arguments;
  if (!names.empty()) text += fmt::format("|{} ", names.size());
  for (const auto& name : names) {
    text += name + "=" + state_.variables.get(name).value_or("") + " ";
  }
  return text + fmt::format("{}", fmt::join(command, " "));
}

void StageBuilder::do_run(const Instruction& instruction) {
  const auto arguments = run_arguments(instruction);
  const auto options = run_options(instruction);
  auto command = arguments.command;
  if (arguments.program) {
    command = state_.in_shell("/dev/pipes/" + arguments.program->name);
  } else if (command.empty()) {
    command = state_.in_shell(arguments.script);
  }
  if (options.insecure) {
    throw base::Error({.code = base::ErrorCode::kManifest,
                       .what = "RUN --security=insecure is not allowed",
                       .why = "a build step never gets the rights of the host",
                       .hint = "leave --security out"});
  }
  const auto created_by = history_of_run(command);
  nlohmann::json parts = {{"kind", "run"},
                          {"command", command},
                          {"environment", state_.variables.environment()},
                          {"user", state_.image.text("User")},
                          {"folder", state_.working_directory()},
                          {"platform", state_.platform.text()},
                          {"mounts", describe_mounts(options)},
                          {"network", options.network != RunNetwork::kNone}};
  if (arguments.program) parts["program"] = arguments.program->content;
  const auto key = key_of(std::move(parts));
  if (take_cached(key, created_by)) return;
  make_layer(tree(), {key}, created_by, [&](const std::filesystem::path& root) {
    return run_in(root, command, arguments, options);
  });
}

std::vector<std::string> StageBuilder::run_in(const std::filesystem::path& root,
                                              const std::vector<std::string>& command,
                                              const RunArguments& arguments,
                                              const RunOptions& options) {
  const auto& parts = scope_.parts();
  if (const auto obstacle = obstacle_to_running(state_.platform, oci::Platform::host())) {
    fail_step(fmt::format("cannot run programs for {}", state_.platform.text()), *obstacle,
              "install qemu-user-static and binfmt-support, or build on such a machine");
  }
  auto& runner = scope_.runner();
  RunMounts mounts({.context = parts.context,
                    .build = parts.build,
                    .may_mount = parts.overlays,
                    .root_of =
                        [&](const std::string& from) {
                          return scope_.files_of(parts.graph.origin(from, stage_))->files();
                        },
                    .build_context = scope_.filtered_context(),
                    .working_directory = state_.working_directory(),
                    .stop = parts.stop});
  if (arguments.program) mounts.add_program(*arguments.program);
  for (const auto& mount : options.mounts) mounts.add(mount);
  const auto user = find_user(root, state_.image.text("User"));
  make_folder_in(root, state_.working_directory(), {.user = user.user, .group = user.group});

  auto variables = state_.variables;
  for (const auto& [name, value] : parts.arguments.proxies().entries()) {
    if (!variables.get(name)) variables.set(name, value);
  }
  if (!variables.get("HOME")) variables.set("HOME", user.home);
  oci::Container container{.name = step_,
                           .root = root,
                           .arguments = command,
                           .environment = variables.environment(),
                           .working_directory = state_.working_directory(),
                           .user = user.user,
                           .group = user.group,
                           .groups = user.groups,
                           .mounts = mounts.mounts(),
                           .network = options.network != RunNetwork::kNone,
                           .no_new_privileges = false,
                           .add_capabilities = {},
                           .drop_capabilities = {},
                           .input = std::nullopt};
  const auto& secret = mounts.environment();
  container.environment.insert(container.environment.end(), secret.begin(), secret.end());
  const auto hidden = hidden_paths(root, container.mounts);
  const auto result = runner.run(
      container,
      [&](std::string_view line) { scope_.observer().fact(fmt::format("{} | {}", step_, line)); },
      parts.stop);
  if (result.exit_status == 0) return hidden;
  fail_step(fmt::format("{} failed with exit status {}", step_, result.exit_status),
            with_tail(result.signal != 0 ? fmt::format("signal {} ended it", result.signal)
                                         : fmt::format("exit status {}", result.exit_status),
                      result.tail));
}

}  // namespace stages::dockerfile
