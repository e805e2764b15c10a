// SPDX-License-Identifier: Apache-2.0
#include "auth/credential_helper.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <nlohmann/json.hpp>
#include <stop_token>
#include <thread>

#include "base/error.hpp"
#include "base/format.hpp"

namespace auth {
namespace {

constexpr std::size_t kMaxAnswerBytes = 1U << 20;

[[noreturn]] void refuse(const std::string& helper, const std::string& config, std::string why,
                         std::string hint = "") {
  throw base::Error({.code = base::ErrorCode::kUnauthorized,
                     .what = fmt::format("the credential helper '{}' named in {} failed",
                                         base::printable(helper), config),
                     .why = std::move(why),
                     .hint = std::move(hint)});
}

bool is_plain_name(const std::string& name) {
  return !name.empty() && name.front() != '-' && name.find("..") == std::string::npos &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
                  c == '-';
         });
}

/// Requests a stop when time is up, unless it dies first.
class Deadline {
 public:
  explicit Deadline(std::chrono::seconds limit)
      : thread_([this, limit](const std::stop_token& done) {
          std::mutex mutex;
          std::unique_lock lock(mutex);
          std::condition_variable_any wake;
          wake.wait_for(lock, done, limit, [] { return false; });
          if (!done.stop_requested()) source_.request_stop();
        }) {}
  [[nodiscard]] std::stop_token token() const { return source_.get_token(); }
  [[nodiscard]] bool passed() const { return source_.stop_requested(); }

 private:
  std::stop_source source_;
  std::jthread thread_;
};

Credential parse_answer(std::string& answer, const std::string& helper, const std::string& config) {
  if (answer.size() > kMaxAnswerBytes) refuse(helper, config, "its answer is larger than 1 MiB");
  auto document = nlohmann::json::parse(answer, nullptr, false);
  base::wipe(answer);
  if (!document.is_object()) refuse(helper, config, "its answer is not a JSON object");
  const auto text = [&](const char* field) {
    const auto found = document.find(field);
    if (found == document.end() || !found->is_string()) {
      refuse(helper, config, fmt::format("its answer has no '{}'", field));
    }
    auto& value = found->get_ref<std::string&>();
    std::string copy = value;
    base::wipe(value);
    return copy;
  };
  Credential credential{.kind = Credential::Kind::kBasic,
                        .user = text("Username"),
                        .secret = base::Secret(text("Secret")),
                        .origin = fmt::format("{}, helper {}", config, helper)};
  if (credential.user == "<token>") {
    credential.kind = Credential::Kind::kIdentityToken;
    credential.user.clear();
  }
  return credential;
}

}  // namespace

std::optional<Credential> CredentialHelper::get(const std::string& helper,
                                                const std::string& server,
                                                const std::string& config) const {
  if (!is_plain_name(helper)) {
    refuse(helper, config, "the name may hold only a-z, 0-9, '.', '_' and '-'");
  }
  const auto program = "docker-credential-" + helper;
  const auto path = base::find_program(program);
  if (!path) {
    refuse(helper, config, fmt::format("there is no program {} on PATH", program),
           "install it, or put the credentials into the file (auths)");
  }
  base::ProcessResult result;
  const Deadline deadline(limit_);
  try {
    result = runner_->run({.program = path->string(),
                           .arguments = {"get"},
                           .environment = environment_,
                           .working_directory = {},
                           .input = server + "\n"},
                          {}, deadline.token());
  } catch (const base::Error& error) {
    if (deadline.passed()) refuse(helper, config, fmt::format("no answer in {} s", limit_.count()));
    refuse(helper, config, error.facts().why.empty() ? error.facts().what : error.facts().why);
  }
  if (result.exit_status == 0) return parse_answer(result.standard_output, helper, config);
  if (result.standard_output.find("credentials not found") != std::string::npos) {
    return std::nullopt;
  }
  // Its output may hold a secret: only the status is told.
  refuse(helper, config, fmt::format("exit status {}", result.exit_status),
         fmt::format("run: echo {} | {} get", server, program));
}

}  // namespace auth
