// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/kubernetes/operator.hpp"

#include <fmt/format.h>
#include <spdlog/formatter.h>
#include <spdlog/sinks/ostream_sink.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "orchestrator/commands/commands.hpp"
#include "orchestrator/kubernetes/resource.hpp"

namespace orchestrator {
namespace {

/// An object a line: {"time", "level", "message"}.
class JsonLines final : public spdlog::formatter {
 public:
  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& line) override {
    const auto level = spdlog::level::to_string_view(message.level);
    const nlohmann::json object = {
        {"time", kubernetes::timestamp()},
        {"level", std::string(level.data(), level.size())},
        {"message", std::string(message.payload.data(), message.payload.size())}};
    const auto text = object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + '\n';
    line.append(text.data(), text.data() + text.size());
  }
  [[nodiscard]] std::unique_ptr<spdlog::formatter> clone() const override {
    return std::make_unique<JsonLines>();
  }
};

/// Lines for people, or an object each for machines; on standard error as all that is no result.
std::shared_ptr<spdlog::logger> make_log(const Session& session) {
  auto sink = std::make_shared<spdlog::sinks::ostream_sink_mt>(session.environment().err, true);
  auto log = std::make_shared<spdlog::logger>("operator", std::move(sink));
  const auto& options = session.options();
  if (options.log_format == "json") {
    log->set_formatter(std::make_unique<JsonLines>());
  } else {
    log->set_pattern("%Y-%m-%dT%H:%M:%S%z %l %v");
  }
  log->set_level(spdlog::level::from_str(options.log_level));
  return log;
}

}  // namespace

int run_operator(Session& session, const Invocation& invocation) {
  kubernetes::run_operator(invocation.operator_flags, session.environment().variables,
                           make_log(session), session.stop());
  return 0;
}

}  // namespace orchestrator
