// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <functional>
#include <list>
#include <nlohmann/json.hpp>
#include <ostream>
#include <set>
#include <utility>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/format.hpp"
#include "orchestrator/build_plan.hpp"
#include "orchestrator/commands/commands.hpp"
#include "orchestrator/executor.hpp"
#include "orchestrator/image_argument.hpp"
#include "orchestrator/output_lock.hpp"
#include "orchestrator/plan_view.hpp"
#include "orchestrator/program_check.hpp"
#include "orchestrator/report.hpp"
#include "orchestrator/report_page.hpp"
#include "orchestrator/space_check.hpp"
#include "orchestrator/supply_chain.hpp"

namespace orchestrator {
namespace {

constexpr int kJsonIndent = 2;

/// The file that says how a build of one OSArtifact went.
std::filesystem::path report_path(const Session& session, const BuildPlan& build,
                                  const PlannedArtifact& planned) {
  const auto& flag = session.options().report;
  if (!flag.empty() && build.artifacts.size() == 1) return flag;
  if (!flag.empty()) {
    throw base::Error(
        {.code = base::ErrorCode::kUsage,
         .what = "--report names one file",
         .why = fmt::format("{} has {} OSArtifacts", build.file, build.artifacts.size()),
         .hint = "leave it out: each gets DIR/NAME.report.json"});
  }
  return planned.output / (planned.artifact->name + ".report.json");
}

/// The records of the artifacts that are complete, of one OSArtifact.
std::vector<stages::Record> finished_artifacts(const BuildPlan& build,
                                               const PlannedArtifact& planned,
                                               const std::vector<StageOutcome>& outcomes) {
  std::vector<stages::Record> records;
  for (const auto index : planned.stages) {
    if (index >= outcomes.size() || !is_artifact(build.plan.stages[index], outcomes[index]))
      continue;
    records.push_back(*outcomes[index].record);
  }
  return records;
}

/// Every file of the artifacts, by its name below the output folder.
void for_each_file(
    const std::vector<stages::Record>& records,
    const std::function<void(const std::filesystem::path&, const oci::Digest&)>& visit) {
  const auto add = [&](const stages::Record& record, const std::filesystem::path& name) {
    visit(name, oci::Digest::parse(record.at("digest").get<std::string>()).value());
  };
  for (const auto& record : records) {
    const std::filesystem::path path = record.at("path").get<std::string>();
    const auto files = record.find("files");
    if (files == record.end()) {
      add(record, path.filename());
      continue;
    }
    for (const auto& inside : *files) {
      add(inside, path.filename() / inside.at("path").get<std::string>());
    }
  }
}

/// NAME.sha256, in the form that sha256sum -c reads.
void write_checksums(const std::filesystem::path& file,
                     const std::vector<stages::Record>& records) {
  std::string text;
  for_each_file(records, [&](const std::filesystem::path& name, const oci::Digest& digest) {
    text += fmt::format("{}  {}\n", digest.hex(), name.string());
  });
  base::write_file_atomically(file, text);
}

/// The record of a stage that has run or is cached, or nullptr.
const stages::Record* record_at(const std::vector<StageOutcome>& outcomes, std::size_t index) {
  const bool there = index < outcomes.size() && outcomes[index].record;
  return there ? &*outcomes[index].record : nullptr;
}

/// What a push's record says was pushed; empty when nothing was.
std::string pushed_of(const BuildPlan& build, const PlannedArtifact& planned,
                      const std::vector<StageOutcome>& outcomes) {
  for (const auto index : planned.stages) {
    const auto* record = record_at(outcomes, index);
    if (record != nullptr && build.plan.stages[index].stage->name() == "push") {
      return record->at("pushed").get<std::string>();
    }
  }
  return "";
}

/// For the report: the image, where it came from and where it went.
nlohmann::json describe_image(const BuildPlan& build, const PlannedArtifact& planned,
                              const std::vector<StageOutcome>& outcomes) {
  const auto& image = planned.image;
  nlohmann::json facts = {{"reference", image.reference}, {"built", image.built}};
  if (!image.built) facts["digest"] = image.bases.front().image.descriptor.digest.text();
  if (const auto* record = record_at(outcomes, image.stage)) facts["digest"] = record->at("digest");
  if (!image.built) return facts;
  facts["tags"] = nlohmann::json::array({image.reference});
  facts["builtFrom"] = nlohmann::json::array();
  for (const auto& base : image.bases) {
    facts["builtFrom"].push_back(
        {{"reference", base.reference.text()}, {"digest", base.image.descriptor.digest.text()}});
  }
  if (auto pushed = pushed_of(build, planned, outcomes); !pushed.empty()) facts["pushed"] = pushed;
  return facts;
}

BuildRequest build_request(Session& session, const Invocation& invocation) {
  return {
      .file = invocation.subject,
      .output = invocation.output,
      .image_archive = invocation.image_archive,
      .build_args = parse_build_arguments(invocation.build_args, session.environment().variables),
      .cache_from = invocation.cache_from,
      .cache_to = invocation.cache_to};
}

/// "1 OSArtifact, 2 NodeOps".
std::string describe_contents(const manifest::Documents& documents) {
  const std::pair<std::size_t, const char*> kinds[] = {
      {documents.artifacts.size(), "OSArtifact"},
      {documents.node_ops.size(), "NodeOp"},
      {documents.node_op_upgrades.size(), "NodeOpUpgrade"}};
  std::vector<std::string> parts;
  for (const auto& [count, kind] : kinds) {
    if (count != 0) parts.push_back(fmt::format("{} {}{}", count, kind, count == 1 ? "" : "s"));
  }
  return fmt::format("{}", fmt::join(parts, ", "));
}

class Build {
 public:
  Build(Session& session, const Invocation& invocation)
      : session_(session),
        no_clobber_(invocation.no_clobber),
        started_(std::chrono::system_clock::now()),
        build_(make_build_plan(session, build_request(session, invocation),
                               [this](const BuildPlan& build) { run_importers(build); })) {}

  void run() {
    for (const auto& planned : build_->artifacts) {
      static_cast<void>(report_path(session_, *build_, planned));
    }
    prepare(*build_);
    const auto states = examine(build_->plan, session_.store(), !session_.options().no_cache);
    if (no_clobber_) check_nothing_is_replaced(states);
    check_programs(build_->plan, states);
    check_space(*build_, states, session_.store());
    try {
      run_stages(build_->plan, outcomes_);
      write_checksums_of_all();
      if (!build_->exports.stages.empty()) {
        write_reports(std::nullopt);  // For the exporters, who find it beside the artifacts.
        run_stages(build_->exports, export_outcomes_);
      }
    } catch (const base::Error& error) {
      report_failure(error);
      throw;
    }
    write_reports(std::nullopt);
    summarize();
  }

 private:
  void check_nothing_is_replaced(const std::vector<StageState>& states) const {
    for (std::size_t i = 0; i < states.size(); ++i) {
      const auto& planned = build_->plan.stages[i];
      if (!planned.goal || states[i] != StageState::kRun) continue;
      const auto file = planned.stage->parameters().value("output", "");
      std::error_code error;
      if (!std::filesystem::exists(std::filesystem::symlink_status(file, error))) continue;
      throw base::Error({.code = base::ErrorCode::kUsage,
                         .what = fmt::format("will not replace {}", file),
                         .why = "it exists, and --no-clobber was given",
                         .hint = "name another folder with -o, or move it away"});
    }
  }

  /// The disk may be full: what failed first is what counts.
  void report_failure(const base::Error& error) {
    try {
      write_reports(error);
    } catch (const base::Error& second) {
      session_.warn(base::render(second));
    }
  }

  void run_stages(const Plan& plan, std::vector<StageOutcome>& outcomes) {
    ExecutorOptions options;
    options.jobs = session_.jobs();
    options.use_cache = !session_.options().no_cache;
    execute(plan, session_.store(), session_.process(), session_.events(), options, session_.stop(),
            outcomes);
  }

  void prepare(const BuildPlan& build) {
    if (lease_) return;
    lock_outputs(build);
    lease_ = session_.store().lease();
  }

  /// In the order of their names, so that no two builds wait for each other.
  void lock_outputs(const BuildPlan& build) {
    std::set<std::pair<std::filesystem::path, std::string>> outputs;
    for (const auto& planned : build.artifacts) {
      base::make_directories(planned.output);
      outputs.emplace(std::filesystem::canonical(planned.output), planned.artifact->name);
    }
    for (const auto& [folder, name] : outputs) {
      const auto say = [&, &folder = folder, &name = name] {
        session_.warn(
            fmt::format("waiting for another build of '{}' into {}", name, folder.string()));
      };
      output_locks_.emplace_back(folder, name, say, session_.stop());
    }
  }

  void run_importers(const BuildPlan& build) {
    prepare(build);
    run_stages(build.imports, import_outcomes_);
    build.volumes->settle_times(std::chrono::system_clock::to_time_t(started_),
                                session_.source_date_epoch().value_or(0));
  }

  void write_checksums_of_all() {
    for (const auto& planned : build_->artifacts) {
      const auto records = finished_artifacts(*build_, planned, outcomes_);
      write_checksums(planned.output / (planned.artifact->name + ".sha256"), records);
      write_provenance_of(planned, records);
    }
  }

  void write_provenance_of(const PlannedArtifact& planned,
                           const std::vector<stages::Record>& records) {
    const auto& image = planned.image;
    ArtifactsProvenance provenance{
        .folder = planned.output,
        .name = planned.artifact->name,
        .files = {},
        .predicate = provenance_of(
            {{"osArtifact", planned.artifact->name}, {"image", image.reference}}, image.bases)};
    for_each_file(records, [&](const std::filesystem::path& name, const oci::Digest& digest) {
      provenance.files.push_back({name.string(), digest});
    });
    write_provenance(session_, provenance);
  }

  void write_reports(const std::optional<base::Error>& error) {
    for (const auto& planned : build_->artifacts) {
      const BuildReport report{.artifact = planned.artifact->name,
                               .image = describe_image(*build_, planned, outcomes_),
                               .started = started_,
                               .finished = std::chrono::system_clock::now(),
                               .stages = planned.stages,
                               .error = error,
                               .written_bytes = written_bytes()};
      const auto file = report_path(session_, *build_, planned);
      auto facts = make_report(report, build_->plan, outcomes_);
      add_stages(facts, report, build_->imports, import_outcomes_, true);
      add_stages(facts, report, build_->exports, export_outcomes_, false);
      base::write_file_atomically(
          file, file.extension() == ".html" ? report_page(facts) : facts.dump(kJsonIndent) + "\n");
    }
  }

  /// For people, where the log is: what became of it, and how to check what came out.
  void tell(const PlannedArtifact& planned) {
    std::size_t ran = 0;
    std::size_t cached = 0;
    for (const auto index : planned.stages) {
      if (index >= outcomes_.size()) continue;
      ran += outcomes_[index].state == StageState::kRun ? 1 : 0;
      cached += outcomes_[index].state == StageState::kCached ? 1 : 0;
    }
    const auto& name = planned.artifact->name;
    const auto elapsed = std::chrono::duration_cast<std::chrono::milliseconds>(
        std::chrono::system_clock::now() - started_);
    report_fact(session_, "",
                fmt::format("{}: built in {}; stages: {} ran, {} cached; report: {}", name,
                            base::format_duration(elapsed), ran, cached,
                            report_path(session_, *build_, planned).string()));
    if (finished_artifacts(*build_, planned, outcomes_).empty()) return;
    report_fact(session_, "",
                fmt::format("{}: check with: cd {} && sha256sum -c {}.sha256", name,
                            planned.output.string(), name));
  }

  void summarize() {
    auto& out = session_.environment().out;
    for (const auto& planned : build_->artifacts) {
      tell(planned);
      for (const auto& record : finished_artifacts(*build_, planned, outcomes_)) {
        out << fmt::format("{}  {}  {}\n", record.at("path").get<std::string>(),
                           base::format_bytes(record.at("size").get<std::uint64_t>()),
                           record.at("digest").get<std::string>());
      }
      if (const auto pushed = pushed_of(*build_, planned, outcomes_); !pushed.empty()) {
        out << pushed << '\n';
      }
    }
  }

  Session& session_;
  bool no_clobber_;
  std::chrono::system_clock::time_point started_;
  std::list<OutputLock> output_locks_;
  std::optional<base::FileLock> lease_;
  std::vector<StageOutcome> import_outcomes_;
  std::vector<StageOutcome> outcomes_;
  std::vector<StageOutcome> export_outcomes_;
  std::unique_ptr<BuildPlan> build_;  ///< Made last: it runs the importers.
};

}  // namespace

int run_build(Session& session, const Invocation& invocation) {
  Build(session, invocation).run();
  return 0;
}

int run_plan(Session& session, const Invocation& invocation) {
  const auto build = make_build_plan(session, build_request(session, invocation));
  const auto states = examine(build->plan, session.store(), !session.options().no_cache);
  auto& out = session.environment().out;
  if (invocation.format == "json") {
    out << plan_as_json(*build, states).dump(kJsonIndent) << '\n';
  } else {
    out << (invocation.format == "dot" ? plan_as_dot(*build, states)
                                       : plan_as_text(*build, states));
  }
  return 0;
}

int run_validate(Session& session, const Invocation& invocation) {
  auto& out = session.environment().out;
  const bool as_json = invocation.format == "json";
  nlohmann::json diagnostics = nlohmann::json::array();
  std::size_t invalid = 0;
  for (const auto& file : invocation.files) {
    const auto result = load_manifest_file(session, file);
    invalid += result.ok() ? 0 : 1;
    if (as_json) {
      for (const auto& found : result.diagnostics) diagnostics.push_back(manifest::to_json(found));
    } else if (show_diagnostics(session, result) == 0) {
      out << fmt::format("{}: valid, {}\n", file, describe_contents(result.documents));
    }
  }
  if (as_json) {
    out << nlohmann::json({{"valid", invalid == 0}, {"diagnostics", diagnostics}}).dump(kJsonIndent)
        << '\n';
  }
  if (invalid == 0) return 0;
  throw base::Error(
      {.code = base::ErrorCode::kManifest,
       .what = fmt::format("{} of {} manifests are not valid", invalid, invocation.files.size()),
       .why = "",
       .hint = ""});
}

}  // namespace orchestrator
