// SPDX-License-Identifier: Apache-2.0
#include "stages/dockerfile/config_steps.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "stages/dockerfile/arguments.hpp"
#include "stages/dockerfile/expansion.hpp"

namespace stages::dockerfile {
namespace {

using List = std::vector<std::string>;

/// What a handler may use besides the instruction.
struct Scope {
  const BuildArguments& arguments;
  char escape;
  StageState& state;

  [[nodiscard]] nlohmann::json& config() const { return state.image.config(); }
  void note(std::string_view created_by) const { state.image.add_history(created_by); }
};

/// As Go's %q prints a list of strings: ["a" "b"].
std::string quoted(const List& words) {
  List texts;
  for (const auto& word : words) {
    texts.push_back(
        nlohmann::json(word).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  }
  return fmt::format("[{}]", fmt::join(texts, " "));
}

/// As Go's %v prints one: [a b].
std::string plain(const List& words) { return fmt::format("[{}]", fmt::join(words, " ")); }

/// CMD and ENTRYPOINT: the list as it is, or the text in a shell.
List command_of(const Instruction& instruction, const StageState& state) {
  return instruction.exec_form ? instruction.words : state.in_shell(instruction.text);
}

void do_arg(const Instruction& instruction, const Scope& scope) {
  auto& state = scope.state;
  const Variables variables = [&](std::string_view name) { return state.variables.get(name); };
  std::string note = "ARG";
  for (const auto& [name, value] : instruction.assignments) {
    auto chosen = scope.arguments.given(name);
    if (!chosen && value) chosen = expand(*value, variables, scope.escape);
    if (!chosen) chosen = scope.arguments.global(name);
    if (chosen) state.variables.set(name, *chosen);
    if (std::find(state.arguments.begin(), state.arguments.end(), name) == state.arguments.end()) {
      state.arguments.push_back(name);
    }
    note += " " + name + (chosen ? "=" + *chosen : "");
  }
  scope.note(note);
}

void do_env(const Instruction& instruction, const Scope& scope) {
  auto environment = VariableList::of(scope.state.image.list("Env"));
  std::string note = "ENV";
  for (const auto& [name, value] : instruction.assignments) {
    environment.set(name, value.value_or(""));
    scope.state.variables.set(name, value.value_or(""));
    note += " " + name + "=" + value.value_or("");
  }
  scope.config()["Env"] = environment.environment();
  scope.note(note);
}

void do_label(const Instruction& instruction, const Scope& scope) {
  std::string note = "LABEL";
  auto& labels = scope.config()["Labels"];
  for (const auto& [name, value] : instruction.assignments) {
    labels[name] = value.value_or("");
    note += " " + name + "=" + value.value_or("");
  }
  scope.note(note);
}

void do_cmd(const Instruction& instruction, const Scope& scope) {
  const auto command = command_of(instruction, scope.state);
  scope.config()["Cmd"] = command;
  scope.config()["ArgsEscaped"] = true;  // As BuildKit: Docker looks at it.
  scope.state.has_cmd = true;
  scope.note("CMD " + quoted(command));
}

void do_entrypoint(const Instruction& instruction, const Scope& scope) {
  const auto command = command_of(instruction, scope.state);
  scope.config()["Entrypoint"] = command;
  if (!scope.state.has_cmd) scope.config().erase("Cmd");
  scope.note("ENTRYPOINT " + quoted(command));
}

void do_expose(const Instruction& instruction, const Scope& scope) {
  const auto ports = exposed_ports(instruction);
  for (const auto& port : ports) {
    scope.config()["ExposedPorts"][port] = nlohmann::json::object();
  }
  scope.note("EXPOSE " + plain(ports));
}

/// As Go's %v prints a duration: "1m30s".
std::string go_duration(std::chrono::nanoseconds duration) {
  if (duration.count() == 0) return "0s";
  const auto hours = std::chrono::duration_cast<std::chrono::hours>(duration);
  const auto minutes = std::chrono::duration_cast<std::chrono::minutes>(duration - hours);
  const double seconds = std::chrono::duration<double>(duration - hours - minutes).count();
  std::string text;
  if (hours.count() != 0) text += fmt::format("{}h", hours.count());
  if (!text.empty() || minutes.count() != 0) text += fmt::format("{}m", minutes.count());
  if (text.empty() && seconds < 1) return fmt::format("{}ms", seconds * 1000);
  return text + fmt::format("{}s", seconds);
}

void do_healthcheck(const Instruction& instruction, const Scope& scope) {
  const auto health = healthcheck_arguments(instruction);
  nlohmann::json record = {{"Test", health.test}};
  const auto set = [&](const char* key, std::chrono::nanoseconds value) {
    if (value.count() != 0) record[key] = value.count();
  };
  set("Interval", health.interval);
  set("Timeout", health.timeout);
  set("StartPeriod", health.start_period);
  set("StartInterval", health.start_interval);
  if (health.retries != 0) record["Retries"] = health.retries;
  scope.config()["Healthcheck"] = std::move(record);
  scope.note(fmt::format(
      "HEALTHCHECK {{Test:{} Interval:{} Timeout:{} StartPeriod:{} StartInterval:{} Retries:{}}}",
      plain(health.test), go_duration(health.interval), go_duration(health.timeout),
      go_duration(health.start_period), go_duration(health.start_interval), health.retries));
}

void do_maintainer(const Instruction& instruction, const Scope& scope) {
  scope.state.image.set_author(instruction.text);
  scope.note("MAINTAINER " + instruction.text);
}

void do_onbuild(const Instruction& instruction, const Scope& scope) {
  auto triggers = scope.state.image.list("OnBuild");
  triggers.push_back(instruction.text);
  scope.config()["OnBuild"] = triggers;
}

void do_shell(const Instruction& instruction, const Scope& scope) {
  scope.config()["Shell"] = instruction.words;
  scope.note("SHELL " + plain(instruction.words));
}

void do_stopsignal(const Instruction& instruction, const Scope& scope) {
  scope.config()["StopSignal"] = instruction.text;
  scope.note("STOPSIGNAL " + instruction.text);
}

void do_user(const Instruction& instruction, const Scope& scope) {
  scope.config()["User"] = instruction.text;
  scope.note("USER " + instruction.text);
}

void do_volume(const Instruction& instruction, const Scope& scope) {
  for (const auto& volume : instruction.words) {
    scope.config()["Volumes"][volume] = nlohmann::json::object();
  }
  scope.note("VOLUME " + plain(instruction.words));
}

struct Handler {
  std::string_view keyword;
  void (*apply)(const Instruction& instruction, const Scope& scope);
};
constexpr Handler kHandlers[] = {
    {"ARG", &do_arg},
    {"CMD", &do_cmd},
    {"ENTRYPOINT", &do_entrypoint},
    {"ENV", &do_env},
    {"EXPOSE", &do_expose},
    {"HEALTHCHECK", &do_healthcheck},
    {"LABEL", &do_label},
    {"MAINTAINER", &do_maintainer},
    {"ONBUILD", &do_onbuild},
    {"SHELL", &do_shell},
    {"STOPSIGNAL", &do_stopsignal},
    {"USER", &do_user},
    {"VOLUME", &do_volume},
};

}  // namespace

std::string StageState::working_directory() const {
  const auto folder = image.text("WorkingDir");
  return folder.starts_with('/') ? folder : "/" + folder;
}

std::vector<std::string> StageState::in_shell(const std::string& script) const {
  auto command = image.list("Shell");
  if (command.empty()) command = {"/bin/sh", "-c"};
  command.push_back(script);
  return command;
}

bool apply_config_step(const Instruction& instruction, const BuildArguments& arguments, char escape,
                       StageState& state) {
  for (const auto& handler : kHandlers) {
    if (handler.keyword != instruction.keyword) continue;
    handler.apply(instruction, {.arguments = arguments, .escape = escape, .state = state});
    return true;
  }
  return false;
}

}  // namespace stages::dockerfile
