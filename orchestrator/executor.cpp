// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/executor.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>

#include "base/error.hpp"

namespace orchestrator {
namespace {

/// In a record: a digest of what the stage made. Stages that do not say it get their key.
constexpr const char* kContent = "content";

/// Passes on what one stage says, under its name.
class Observer final : public stages::StageObserver {
 public:
  Observer(EventSink& events, const PlannedStage& planned, StageOutcome& outcome)
      : events_(events), planned_(planned), outcome_(outcome) {}

  void progress(std::uint64_t done, std::uint64_t total) override {
    auto event = make(EventKind::kProgress, "");
    event.done = done;
    event.total = total;
    events_.take(event);
  }
  void fact(std::string_view text) override {
    note(outcome_.facts, text);
    events_.take(make(EventKind::kFact, text));
  }
  void warning(std::string_view text) override {
    note(outcome_.warnings, text);
    events_.take(make(EventKind::kWarning, text));
  }
  void output(std::string_view text) override { events_.take(make(EventKind::kFact, text)); }
  void finished(EventKind kind) {
    auto event = make(kind, "");
    event.elapsed = outcome_.elapsed;
    events_.take(event);
  }
  void started() { events_.take(make(EventKind::kStarted, "")); }

 private:
  void note(std::vector<std::string>& list, std::string_view text) {
    const std::lock_guard lock(mutex_);
    list.emplace_back(text);
  }
  Event make(EventKind kind, std::string_view text) const {
    return {.kind = kind,
            .artifact = planned_.artifact,
            .stage = std::string(planned_.stage->name()),
            .text = std::string(text),
            .done = 0,
            .total = 0,
            .elapsed = {}};
  }

  EventSink& events_;
  const PlannedStage& planned_;
  StageOutcome& outcome_;
  std::mutex mutex_;
};

class Execution {
 public:
  Execution(const Plan& plan, oci::Store& store, base::ProcessRunner& process, EventSink& events,
            std::vector<StageOutcome>& outcomes)
      : plan_(plan), store_(store), process_(process), events_(events), outcomes_(outcomes) {}

  void run(const ExecutorOptions& options, const std::stop_token& stop) {
    use_cache_ = options.use_cache;
    const auto states = examine(plan_, store_, options.use_cache);
    outcomes_.assign(plan_.stages.size(), {});
    tell_planned(states);
    for (std::size_t i = 0; i < states.size(); ++i) {
      outcomes_[i].state = states[i];
      if (states[i] == StageState::kRun) waiting_.push_back(i);
      if (states[i] == StageState::kCached) take_cached(i);
    }
    {
      const std::stop_callback forward(stop, [this] { cancel(); });
      std::vector<std::jthread> threads;
      const auto count = std::min<std::size_t>(std::max(options.jobs, 1U), waiting_.size());
      for (std::size_t i = 0; i < count; ++i) threads.emplace_back([this] { work(); });
    }
    if (failure_) std::rethrow_exception(failure_);
    stages::check_stop(stop);
  }

 private:
  void take_cached(std::size_t index) {
    outcomes_[index].record = store_.result(plan_.stages[index].fingerprint);
    tell_cached(plan_.stages[index]);
  }

  void tell_planned(const std::vector<StageState>& states) {
    for (std::size_t i = 0; i < states.size(); ++i) {
      if (states[i] == StageState::kNotNeeded) continue;
      const auto& planned = plan_.stages[i];
      std::optional<std::size_t> last;
      for (const auto& [name, index] : planned.inputs) {
        const bool shown = states[index] != StageState::kNotNeeded &&
                           plan_.stages[index].artifact == planned.artifact;
        if (shown) last = std::max(last.value_or(index), index);
      }
      events_.take({.kind = EventKind::kPlanned,
                    .artifact = planned.artifact,
                    .stage = std::string(planned.stage->name()),
                    .text = "",
                    .done = 0,
                    .total = 0,
                    .elapsed = {},
                    .after = last ? std::string(plan_.stages[*last].stage->name()) : ""});
    }
  }

  void tell_cached(const PlannedStage& planned) {
    events_.take({.kind = EventKind::kCached,
                  .artifact = planned.artifact,
                  .stage = std::string(planned.stage->name()),
                  .text = "",
                  .done = 0,
                  .total = 0,
                  .elapsed = {}});
  }

  void cancel() {
    source_.request_stop();
    const std::lock_guard lock(mutex_);
    changed_.notify_all();
  }

  bool ready(std::size_t index) const {
    const auto& inputs = plan_.stages[index].inputs;
    return std::all_of(inputs.begin(), inputs.end(), [this](const auto& input) {
      return outcomes_[input.second].record.has_value();
    });
  }

  /// The next stage that can run; nullopt when there is none left or the build has failed.
  std::optional<std::size_t> next() {
    std::unique_lock lock(mutex_);
    while (!source_.stop_requested() && !waiting_.empty()) {
      const auto found = std::find_if(waiting_.begin(), waiting_.end(),
                                      [this](std::size_t index) { return ready(index); });
      if (found != waiting_.end()) {
        const auto index = *found;
        waiting_.erase(found);
        return index;
      }
      changed_.wait(lock);
    }
    return std::nullopt;
  }

  void work() {
    while (const auto index = next()) {
      try {
        run_stage(*index);
      } catch (...) {
        fail(std::current_exception());
      }
    }
  }

  void fail(std::exception_ptr failure) {
    {
      const std::lock_guard lock(mutex_);
      if (!failure_) failure_ = std::move(failure);
    }
    cancel();
  }

  stages::Inputs inputs_of(const PlannedStage& planned) {
    const std::lock_guard lock(mutex_);
    stages::Inputs inputs;
    for (const auto& [name, index] : planned.inputs) inputs.emplace(name, *outcomes_[index].record);
    return inputs;
  }

  /// A key for the result of a stage by what its inputs are, and not by how they were made: an
  /// image that is built again and comes out the same changes nothing that is made of it.
  static oci::Digest key_of(const PlannedStage& planned, const stages::Inputs& inputs,
                            const Plan& plan) {
    std::map<std::string, oci::Digest> contents;
    for (const auto& [name, index] : planned.inputs) {
      const auto& record = inputs.at(name);
      const auto content = record.is_object() ? record.value(kContent, "") : "";
      contents.emplace(name, oci::Digest::parse(content).value_or(plan.stages[index].fingerprint));
    }
    return fingerprint_of(*planned.stage, contents);
  }

  /// Takes what is there under another fingerprint; false when there is nothing of use.
  bool take_same(std::size_t index, const oci::Digest& key) {
    const auto& planned = plan_.stages[index];
    auto record = use_cache_ ? store_.result(key) : std::nullopt;
    if (!record || !planned.stage->still_valid(*record, store_)) return false;
    store_.put_result(planned.fingerprint, *record);
    tell_cached(planned);
    outcomes_[index].state = StageState::kCached;
    finish(index, std::move(*record));
    return true;
  }

  void finish(std::size_t index, stages::Record record) {
    const std::lock_guard lock(mutex_);
    outcomes_[index].record = std::move(record);
    changed_.notify_all();
  }

  void run_stage(std::size_t index) {
    const auto& planned = plan_.stages[index];
    auto& outcome = outcomes_[index];
    const auto inputs = inputs_of(planned);
    const auto key = key_of(planned, inputs, plan_);
    if (take_same(index, key)) return;
    Observer observer(events_, planned, outcome);
    const auto start = std::chrono::steady_clock::now();
    const auto stamp = [&] {
      outcome.elapsed = std::chrono::duration_cast<std::chrono::milliseconds>(
          std::chrono::steady_clock::now() - start);
    };
    outcome.started = std::chrono::system_clock::now();
    observer.started();
    try {
      const stages::StageContext context{.store = store_,
                                         .registry = planned.registry.get(),
                                         .process = process_,
                                         .observer = observer,
                                         .stop = source_.get_token()};
      auto record = planned.stage->run(context, inputs, key);
      if (record.is_object() && !record.contains(kContent)) record[kContent] = key.text();
      store_.put_result(planned.fingerprint, record);
      if (!planned.inputs.empty()) store_.put_result(key, record);
      stamp();
      observer.finished(EventKind::kFinished);  // Before anybody begins who waited for it.
      finish(index, std::move(record));
    } catch (base::Error& error) {
      stamp();
      observer.finished(EventKind::kFailed);
      error.add_context(
          fmt::format("running stage '{}' of {}", planned.stage->name(), planned.where));
      throw;
    }
  }

  const Plan& plan_;
  oci::Store& store_;
  base::ProcessRunner& process_;
  EventSink& events_;
  std::vector<StageOutcome>& outcomes_;
  std::stop_source source_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::size_t> waiting_;
  std::exception_ptr failure_;
  bool use_cache_ = true;
};

}  // namespace

void execute(const Plan& plan, oci::Store& store, base::ProcessRunner& process, EventSink& events,
             const ExecutorOptions& options, const std::stop_token& stop,
             std::vector<StageOutcome>& outcomes) {
  Execution(plan, store, process, events, outcomes).run(options, stop);
}

}  // namespace orchestrator
