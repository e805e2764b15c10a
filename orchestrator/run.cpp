// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/run.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <exception>
#include <ostream>
#include <sstream>

#include "base/error.hpp"
#include "base/mount_namespace.hpp"
#include "base/resource_limits.hpp"
#include "base/user_namespace.hpp"
#include "orchestrator/command_line.hpp"
#include "orchestrator/commands/commands.hpp"
#include "orchestrator/interruption.hpp"
#include "orchestrator/session.hpp"
#include "orchestrator/termination_log.hpp"

namespace orchestrator {
namespace {

using CommandFunction = int (*)(Session&, const Invocation&);

CommandFunction function_of(CommandName command) {
  switch (command) {
    case CommandName::kBuild:
      return &run_build;
    case CommandName::kPlan:
      return &run_plan;
    case CommandName::kValidate:
      return &run_validate;
    case CommandName::kRun:
      return &run_run;
    case CommandName::kPull:
      return &run_pull;
    case CommandName::kUnpack:
      return &run_unpack;
    case CommandName::kPush:
      return &run_push;
    case CommandName::kInspect:
      return &run_inspect;
    case CommandName::kAuthCheck:
      return &run_auth_check;
    case CommandName::kImageBuild:
      return &run_image_build;
    case CommandName::kStoreDf:
      return &run_store_df;
    case CommandName::kStorePrune:
      return &run_store_prune;
    case CommandName::kStoreVerify:
      return &run_store_verify;
    case CommandName::kOperator:
      return &run_operator;
    case CommandName::kRender:
      return &run_render;
    case CommandName::kCompletion:
      return &run_completion;
    case CommandName::kVersion:
      return &run_version;
  }
  return nullptr;
}

/// Whether the command may have to mount layers over each other.
bool mounts(CommandName command) {
  return command == CommandName::kBuild || command == CommandName::kPlan ||
         command == CommandName::kImageBuild || command == CommandName::kRun;
}

int show(const base::Error& error, Environment& environment) {
  environment.err << base::render(error) << '\n' << std::flush;
  write_termination_log(environment.termination_log, error);
  return base::exit_status(error.code());
}

/// On a terminal results are held back until the live view is gone, which would draw over them.
class Results {
 public:
  explicit Results(Environment& environment)
      : out_(environment.out),
        environment_{environment.in, ::isatty(STDOUT_FILENO) == 1 ? held_ : environment.out,
                     environment.err, environment.variables, environment.termination_log} {}
  Results(const Results&) = delete;
  Results& operator=(const Results&) = delete;
  Results(Results&&) = delete;
  Results& operator=(Results&&) = delete;
  ~Results() { out_ << held_.str() << std::flush; }

  Environment& environment() { return environment_; }

 private:
  std::ostream& out_;
  std::ostringstream held_;
  Environment environment_;
};

int run_command(const Invocation& invocation, Environment& environment) {
  if (invocation.command == CommandName::kUnpack) base::enter_user_namespace();
  const bool may_mount = mounts(invocation.command) && base::enter_private_mount_namespace();
  Interruption interruption;
  Results results(environment);
  try {
    Session session(invocation.common, results.environment(), interruption.token(), may_mount);
    return function_of(invocation.command)(session, invocation);
  } catch (const base::Error& error) {
    if (interruption.signal() == 0) throw;
    // Whatever broke while we were being stopped, the signal is the reason.
    const bool terminated = interruption.signal() == SIGTERM;
    throw base::Error(
        {.code = terminated ? base::ErrorCode::kTerminated : base::ErrorCode::kInterrupted,
         .what = terminated ? "stopped by SIGTERM" : "stopped by SIGINT",
         .why = "",
         .hint = "the same command goes on where this one stopped"});
  }
}

}  // namespace

int run(const std::vector<std::string>& arguments, Environment& environment) {
  try {
    const auto parsed = parse_command_line(arguments);
    if (const auto* help = std::get_if<HelpText>(&parsed)) {
      environment.out << help->text;
      return 0;
    }
    return run_command(std::get<Invocation>(parsed), environment);
  } catch (const base::Error& error) {
    return show(error, environment);
  } catch (const std::exception& error) {
    return show(base::Error({.code = base::ErrorCode::kInternal,
                             .what = "this is a bug in osartifact",
                             .why = error.what(),
                             .hint = "report it with the command and this message"}),
                environment);
  }
}

void show_killed(int signal, bool out_of_memory, Environment& environment) {
  show(base::Error({.code = base::ErrorCode::kInternal,
                    .what = fmt::format("signal {} ended osartifact", signal),
                    .why = out_of_memory ? base::out_of_memory() : "",
                    .hint = "the same command goes on where this one stopped"}),
       environment);
}

}  // namespace orchestrator
