// SPDX-License-Identifier: Apache-2.0
#include "stages/dockerfile/stage_graph.hpp"

#include <fmt/format.h>
#include <strings.h>

#include <algorithm>
#include <charconv>

#include "base/error.hpp"
#include "base/format.hpp"
#include "stages/dockerfile/arguments.hpp"
#include "stages/dockerfile/expansion.hpp"

namespace stages::dockerfile {
namespace {

constexpr std::size_t kShownBytes = 200;  // Of an instruction, in messages.

[[noreturn]] void fail(std::string what, std::string hint = "") {
  throw base::Error({.code = base::ErrorCode::kManifest,
                     .what = std::move(what),
                     .why = "",
                     .hint = std::move(hint)});
}

bool same_name(std::string_view left, std::string_view right) {
  return left.size() == right.size() && ::strncasecmp(left.data(), right.data(), left.size()) == 0;
}

std::optional<std::size_t> parse_index(std::string_view text) {
  std::size_t index = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), index);
  const bool whole = error == std::errc() && end == text.data() + text.size() && !text.empty();
  return whole ? std::optional(index) : std::nullopt;
}

/// What `from=` of a mount names. Variables are expanded in none.
std::string_view source_of_mount(std::string_view mount) {
  constexpr std::string_view kFrom = "from=";
  while (!mount.empty()) {
    const auto field = mount.substr(0, mount.find(','));
    if (field.starts_with(kFrom)) return field.substr(kFrom.size());
    mount.remove_prefix(std::min(field.size() + 1, mount.size()));
  }
  return {};
}

template <typename Work>
auto at_place(const Dockerfile& dockerfile, const Instruction& instruction, const Work& work) {
  try {
    return work();
  } catch (base::Error& error) {
    error.add_context(fmt::format("reading {}", place_of(dockerfile, instruction)));
    throw;
  }
}

}  // namespace

std::string place_of(const Dockerfile& dockerfile, const Instruction& instruction) {
  auto source = instruction.original.substr(0, instruction.original.find('\n'));
  if (source.size() > kShownBytes) source = source.substr(0, kShownBytes) + "...";
  return fmt::format("{}:{}: {}", dockerfile.name, instruction.line, source);
}

std::string BuildStage::label() const {
  return name.empty() ? fmt::format("stage {}", index) : fmt::format("stage '{}'", name);
}

StageGraph::StageGraph(const Dockerfile& dockerfile, const BuildArguments& arguments)
    : dockerfile_(dockerfile) {
  for (const auto& instruction : dockerfile.instructions) {
    if (instruction.keyword == "FROM") {
      at_place(dockerfile, instruction, [&] { add_stage(instruction, arguments); });
    } else if (!stages_.empty()) {
      stages_.back().steps.push_back(instruction);
    }
  }
  if (stages_.empty()) {
    fail(fmt::format("{} has no FROM", dockerfile.name), "begin with FROM, or FROM scratch");
  }
  needs_.resize(stages_.size());
}

void StageGraph::add_stage(const Instruction& from, const BuildArguments& arguments) {
  const Variables variables = [&](std::string_view name) { return arguments.global(name); };
  const auto words = from_arguments(expanded(from, variables, dockerfile_.escape));
  BuildStage stage{.index = stages_.size(),
                   .name = words.stage,
                   .from = from,
                   .base = {},
                   .platform = {},
                   .steps = {}};
  if (words.image.empty()) {
    fail("FROM names no image",
         "its ARG is empty: give it a default before the first FROM, or a --build-arg");
  }
  if (!words.platform.empty()) {
    stage.platform = oci::Platform::parse(words.platform);
  } else if (from.flag("platform") != nullptr) {
    fail(fmt::format("--platform={} is empty", from.value("platform")));
  }
  stage.base.stage = find_stage(words.image, stages_.size());
  if (!stage.base.stage && words.image != "scratch") stage.base.image = words.image;
  stages_.push_back(std::move(stage));
}

std::optional<std::size_t> StageGraph::find_stage(std::string_view name, std::size_t before) const {
  for (std::size_t i = before; i-- > 0;) {
    if (!stages_[i].name.empty() && same_name(stages_[i].name, name)) return i;
  }
  return std::nullopt;
}

FileOrigin StageGraph::origin(std::string_view from, const BuildStage& stage) const {
  if (from.find('$') != std::string_view::npos) {
    fail(fmt::format("variables are not allowed in --from={}", from),
         "give the image a stage of its own: FROM ... AS NAME");
  }
  if (const auto found = find_stage(from, stage.index)) return {.stage = found, .image = {}};
  if (const auto later = find_stage(from, stages_.size())) {
    fail(fmt::format("{} is not built yet where it is used", stages_[*later].label()),
         "only a stage further up can be a source");
  }
  if (const auto index = parse_index(from)) {
    if (*index < stage.index) return {.stage = index, .image = {}};
    fail(fmt::format("there is no stage {} before this one", *index),
         "stages count from 0; only one further up can be a source");
  }
  if (from == "scratch") return {};
  return {.stage = {}, .image = std::string(from)};
}

void StageGraph::choose(std::string_view target, const TriggersOfImage& triggers) {
  target_ = stages_.size() - 1;
  if (!target.empty()) {
    const auto index = parse_index(target);
    const auto named = find_stage(target, stages_.size());
    if (!named && !(index && *index < stages_.size())) {
      std::vector<std::string_view> names;
      for (const auto& stage : stages_) names.push_back(stage.name);
      const auto near = base::nearest(target, names);
      fail(fmt::format("{} has no stage '{}'", dockerfile_.name, target),
           near.empty() ? "" : fmt::format("did you mean '{}'?", near));
    }
    target_ = named ? *named : *index;
  }
  std::vector<bool> seen(stages_.size(), false);
  visit(target_, triggers, seen);
  std::sort(needed_.begin(), needed_.end());
  for (const auto index : needed_) {
    stages_[index].first_step = steps_ + 1;
    steps_ += 1 + stages_[index].steps.size();
  }
}

void StageGraph::visit(std::size_t index, const TriggersOfImage& triggers,
                       std::vector<bool>& seen) {
  if (seen[index]) return;
  seen[index] = true;
  auto& stage = stages_[index];
  if (stage.base.stage) {
    needs_[index].push_back(*stage.base.stage);
    visit(*stage.base.stage, triggers, seen);
  }
  at_place(dockerfile_, stage.from, [&] { add_triggers(stage, triggers); });
  for (const auto& step : stage.steps) {
    at_place(dockerfile_, step, [&] {
      for (const auto& flag : step.flags) {
        if (!flag.value) continue;
        if (flag.name == "from") note_origin(*flag.value, stage);
        if (flag.name == "mount") note_origin(source_of_mount(*flag.value), stage);
      }
    });
  }
  for (const auto needed : needs_[index]) visit(needed, triggers, seen);
  needed_.push_back(index);
}

void StageGraph::add_triggers(BuildStage& stage, const TriggersOfImage& triggers) {
  std::vector<std::string> texts;
  if (stage.base.stage) {
    for (const auto& step : stages_[*stage.base.stage].steps) {
      if (step.keyword == "ONBUILD") texts.push_back(step.text);
    }
  } else if (!stage.base.image.empty()) {
    texts = triggers(stage);
  }
  std::vector<Instruction> steps;
  for (const auto& text : texts) {
    auto step = parse_instruction(text, dockerfile_.escape, dockerfile_.name);
    step.line = stage.from.line;
    step.last_line = stage.from.last_line;
    step.original = "ONBUILD " + step.original;
    steps.push_back(std::move(step));
  }
  stage.triggers = steps.size();
  stage.steps.insert(stage.steps.begin(), std::make_move_iterator(steps.begin()),
                     std::make_move_iterator(steps.end()));
}

void StageGraph::note_origin(std::string_view from, const BuildStage& stage) {
  if (from.empty()) return;
  const auto found = origin(from, stage);
  auto& needs = needs_[stage.index];
  if (found.stage && std::find(needs.begin(), needs.end(), *found.stage) == needs.end()) {
    needs.push_back(*found.stage);
  }
}

}  // namespace stages::dockerfile
