// SPDX-License-Identifier: Apache-2.0
#include "oci/registry_session.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spdlog/spdlog.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/format.hpp"
#include "oci/registry_error.hpp"

namespace oci {
namespace {

constexpr int kMaxAttempts = 32;
constexpr std::size_t kMaxWarningBytes = 4096;
constexpr std::size_t kMaxWarnings = 64;  // Of one registry; one that makes up new ones is cut off.

/// The challenge we can answer, Bearer before Basic; its scope is left out (it belongs to a
/// request, not to the registry).
std::optional<auth::Challenge> choose_challenge(const base::HttpResponse& response) {
  std::optional<auth::Challenge> chosen;
  for (const auto& header : response.headers) {
    if (!base::find_header({header}, "WWW-Authenticate")) continue;
    for (const auto& challenge : auth::parse_challenges(header.value)) {
      const bool bearer = challenge.scheme == "bearer" && !challenge.parameter("realm").empty();
      const bool better = bearer || (!chosen && challenge.scheme == "basic");
      if (better && !(chosen && chosen->scheme == "bearer")) chosen = challenge;
    }
  }
  return chosen;
}

bool same_login(const std::optional<auth::Challenge>& left, const auth::Challenge& right) {
  return left && left->scheme == right.scheme &&
         left->parameter("realm") == right.parameter("realm") &&
         left->parameter("service") == right.parameter("service");
}

std::vector<std::string> split_words(const std::string& text) {
  std::vector<std::string> words;
  for (std::size_t start = 0; start < text.size();) {
    const auto end = std::min(text.find(' ', start), text.size());
    if (end > start) words.push_back(text.substr(start, end - start));
    start = end + 1;
  }
  return words;
}

std::vector<std::string> merged(std::vector<std::string> left,
                                const std::vector<std::string>& right) {
  left.insert(left.end(), right.begin(), right.end());
  std::sort(left.begin(), left.end());
  left.erase(std::unique(left.begin(), left.end()), left.end());
  return left;
}

void be_impatient(base::HttpRequest& request, const SessionContext& context) {
  if (!context.longest_stall) return;
  request.stall_timeout = std::min(request.stall_timeout, *context.longest_stall);
}

/// What stands between the quotes; all of it where it is not quoted.
std::string_view warning_text(std::string_view value) {
  const auto first = value.find('"');
  if (first == std::string_view::npos) return value;
  value.remove_prefix(first + 1);
  return value.substr(0, value.rfind('"'));
}

bool may_fall_back_to_http(base::TransportFailure::Kind kind) {
  return kind != base::TransportFailure::Kind::kResolve &&
         kind != base::TransportFailure::Kind::kUntrusted &&
         kind != base::TransportFailure::Kind::kProxy;
}

}  // namespace

std::vector<std::string> Access::scopes() const {
  std::vector<std::string> scopes = {
      fmt::format("repository:{}:{}", repository, push ? "pull,push" : "pull")};
  if (!mount_from.empty() && mount_from != repository) {
    scopes.push_back(fmt::format("repository:{}:pull", mount_from));
  }
  std::sort(scopes.begin(), scopes.end());
  return scopes;
}

RegistrySession::RegistrySession(std::string registry, SessionContext context)
    : registry_(std::move(registry)), context_(std::move(context)) {}

base::Url RegistrySession::url(const std::string& path, const std::stop_token& stop) {
  const std::scoped_lock lock(discovery_mutex_);
  if (!root_) root_ = discover(stop);
  auto result = *root_;
  result.target += path;
  return result;
}

base::HttpOutcome RegistrySession::ping(const base::Url& url, const std::stop_token& stop) {
  base::HttpRequest request;
  request.url = url;
  be_impatient(request, context_);
  auto outcome = context_.http->try_perform(request, stop);
  context_.log->debug(
      "GET {}: {}", base::redacted(url),
      outcome.failure ? outcome.failure->why : std::to_string(outcome.response.status));
  return outcome;
}

base::Url RegistrySession::discover(const std::stop_token& stop) {
  const auto host = registry_ == "docker.io" ? "registry-1.docker.io" : registry_;
  const auto https = base::Url::parse("https://" + host + "/v2/");
  const auto http = base::Url::parse("http://" + host + "/v2/");
  if (!https || !http) {
    throw base::Error({.code = base::ErrorCode::kUsage,
                       .what = fmt::format("'{}' is not a registry host", registry_),
                       .why = "",
                       .hint = ""});
  }
  const bool plain_only = context_.http->is_plain_http(*http);
  for (int tries = 1;; ++tries) {
    auto root = plain_only ? *http : *https;
    const bool reached = context_.http->has_reached(root);
    auto outcome = ping(root, stop);
    if (!plain_only && outcome.failure && may_fall_back_to_http(outcome.failure->kind) &&
        context_.http->may_speak_plain_http(*http)) {
      auto plain = ping(*http, stop);
      if (!plain.failure) {
        outcome = std::move(plain);
        root = *http;
      }
    }
    const auto wait = base::wait_before_retry(context_.retry, outcome, tries, reached);
    if (wait) {
      base::sleep_unless_stopped(*wait, stop);
      continue;
    }
    if (outcome.failure) {
      base::HttpRequest request;
      request.url = root;
      throw base::transport_error(request, *outcome.failure);
    }
    learn(outcome.response);
    return root;
  }
}

void RegistrySession::learn(const base::HttpResponse& response) {
  if (response.status != 401) return;
  if (auto challenge = choose_challenge(response)) {
    const std::scoped_lock lock(mutex_);
    challenge_ = std::move(challenge);
  }
}

RegistrySession::Grant& RegistrySession::grant_for(const Access& access) {
  return grants_[access.scopes()];
}

auth::TokenRequest RegistrySession::token_request(const Attempt& attempt) const {
  return {.registry = *root_,
          .challenge = *attempt.challenge,
          .scopes = attempt.scopes,
          .credential = attempt.credential};
}

RegistrySession::Attempt RegistrySession::prepare(const Access& access,
                                                  const std::stop_token& stop) {
  Attempt attempt;
  {
    const std::scoped_lock lock(mutex_);
    auto& grant = grant_for(access);
    if (!grant.loaded) {
      grant.candidates = context_.keychain->candidates(registry_, access.repository);
      grant.loaded = true;
    }
    if (grant.index < grant.candidates.size()) attempt.credential = grant.candidates[grant.index];
    attempt.generation = grant.generation;
    attempt.challenge = challenge_;
    attempt.scopes = merged(access.scopes(), grant.wider);
  }
  using Kind = auth::Credential::Kind;
  const bool is_bearer_text =
      attempt.credential && attempt.credential->kind == Kind::kRegistryToken;
  if (!attempt.challenge) return attempt;
  if (is_bearer_text) {
    attempt.authorization = base::Secret("Bearer " + attempt.credential->secret.reveal());
  } else if (attempt.challenge->scheme == "basic") {
    if (attempt.credential) attempt.authorization = auth::basic_authorization(*attempt.credential);
  } else {
    const auto token = context_.tokens->token(token_request(attempt), stop);
    attempt.rejected = !token;
    attempt.is_token = token.has_value();
    if (token) attempt.authorization = base::Secret("Bearer " + token->reveal());
  }
  return attempt;
}

base::HttpOutcome RegistrySession::try_send(const Access& access, base::HttpRequest request,
                                            const std::stop_token& stop) {
  const auto root = url("", stop);
  request.on_behalf_of = root;
  be_impatient(request, context_);
  const bool own = request.url.same_origin(root);
  Spent spent;
  for (int attempts = 0; attempts < kMaxAttempts; ++attempts) {
    auto attempt = own ? prepare(access, stop) : Attempt{};
    base::HttpOutcome outcome;
    if (!attempt.rejected) {
      request.authorization = attempt.authorization;
      outcome = context_.http->try_perform(request, stop);
      context_.log->debug(
          "{} {}: {}", request.method, base::redacted(request.url),
          outcome.failure ? outcome.failure->why : std::to_string(outcome.response.status));
      show_warnings(outcome.response);
      const int status = outcome.response.status;
      const bool refused = own && !outcome.failure && outcome.response.url.same_origin(root) &&
                           (status == 401 || status == 403);
      if (!refused || retry_same(access, attempt, outcome.response, spent)) {
        if (!refused) return outcome;
        continue;
      }
    }
    const bool is_forbidden = outcome.response.status == 403;
    if (next_credential(access, attempt, !is_forbidden, spent)) continue;
    if (is_forbidden) return outcome;
    throw unauthorized(access, attempt.rejected
                                   ? fmt::format("the token server of {} rejected them", registry_)
                                   : describe_answer(request.method, outcome.response));
  }
  throw unauthorized(access, "the registry keeps asking to log in again");
}

/// Whether the same credential deserves another try: the registry told us of another way to log in
/// or of a wider scope, or a token that we had may have expired.
bool RegistrySession::retry_same(const Access& access, const Attempt& attempt,
                                 const base::HttpResponse& response, Spent& spent) {
  if (response.status != 401) return false;
  const auto challenge = choose_challenge(response);
  if (challenge && !same_login(attempt.challenge, *challenge)) {
    learn(response);
    return true;
  }
  if (!attempt.is_token) return false;
  const auto wanted =
      challenge ? split_words(challenge->parameter("scope")) : std::vector<std::string>{};
  if (!spent.wider_scope && merged(attempt.scopes, wanted) != attempt.scopes) {
    spent.wider_scope = true;
    const std::scoped_lock lock(mutex_);
    auto& grant = grant_for(access);
    grant.wider = merged(grant.wider, wanted);
    return true;
  }
  if (spent.new_token) return false;
  spent.new_token = true;
  constexpr std::string_view kPrefix = "Bearer ";
  context_.tokens->forget(token_request(attempt),
                          base::Secret(attempt.authorization.reveal().substr(kPrefix.size())));
  return true;
}

/// Moves on to the next credential, or reads the sources again once. False: there is none left.
bool RegistrySession::next_credential(const Access& access, const Attempt& attempt,
                                      bool may_refresh, Spent& spent) {
  const std::scoped_lock lock(mutex_);
  auto& grant = grant_for(access);
  if (grant.generation != attempt.generation) return true;  // Another thread has moved on.
  spent.new_token = false;
  if (grant.index + 1 < grant.candidates.size()) {
    ++grant.generation;
    ++grant.index;
    return true;
  }
  grant.index = 0;
  if (!may_refresh || spent.fresh_sources) return false;
  spent.fresh_sources = true;
  context_.keychain->refresh();
  auto fresh = context_.keychain->candidates(registry_, access.repository);
  if (fresh == grant.candidates) return false;
  grant.candidates = std::move(fresh);
  ++grant.generation;
  return true;
}

base::HttpResponse RegistrySession::send(const Access& access, const base::HttpRequest& request,
                                         const std::stop_token& stop) {
  for (int tries = 1;; ++tries) {
    const bool reached = context_.http->has_reached(request.url);
    auto outcome = try_send(access, request, stop);
    const auto wait = base::wait_before_retry(context_.retry, outcome, tries, reached);
    if (!wait) {
      if (outcome.failure) throw base::transport_error(request, *outcome.failure);
      return std::move(outcome.response);
    }
    context_.log->info(
        "{} {}: {}; trying again in {}", request.method, base::redacted(request.url),
        outcome.failure ? outcome.failure->why : std::to_string(outcome.response.status),
        base::format_duration(*wait));
    base::sleep_unless_stopped(*wait, stop);
  }
}

RegistrySession::Login RegistrySession::login(const Access& access) {
  const std::scoped_lock lock(mutex_);
  const auto& grant = grant_for(access);
  Login login{.asked = challenge_.has_value(), .rejected = {}, .used = std::nullopt};
  for (std::size_t i = 0; i < grant.candidates.size() && i <= grant.index; ++i) {
    if (i == grant.index) {
      login.used = grant.candidates[i];
    } else {
      login.rejected.push_back(grant.candidates[i]);
    }
  }
  return login;
}

std::string RegistrySession::credential_note(const Access& access) {
  const std::scoped_lock lock(mutex_);
  const auto& candidates = grant_for(access).candidates;
  if (candidates.empty()) {
    return fmt::format("no credentials for {} were found in: {}", registry_,
                       fmt::join(context_.keychain->source_names(), ", "));
  }
  std::vector<std::string> used;
  for (const auto& credential : candidates) used.push_back(auth::describe(credential));
  return fmt::format("logged in as {}", fmt::join(used, ", then as "));
}

base::Error RegistrySession::unauthorized(const Access& access, std::string why) {
  bool anonymous = false;
  {
    const std::scoped_lock lock(mutex_);
    anonymous = grant_for(access).candidates.empty();
  }
  return base::Error(
      {.code = base::ErrorCode::kUnauthorized,
       .what = access.what,
       .why = fmt::format("{}; {}", why, credential_note(access)),
       .hint = anonymous
                   ? fmt::format("name a file with an entry for {} with --credentials, or set the "
                                 "image's credentials Secret in the manifest",
                                 registry_)
                   : fmt::format("renew these credentials for {}, or check what they may do",
                                 registry_)});
}

base::Error RegistrySession::error_for(const Access& access, const base::HttpRequest& request,
                                       const base::HttpResponse& response) {
  const bool own = root_ && response.url.same_origin(*root_);
  if (own && (response.status == 401 || response.status == 403)) {
    return unauthorized(access, describe_answer(request.method, response));
  }
  auto error = answer_error(access.what, request.method, response);
  if (response.status != 404 || !own) return error;
  auto facts = error.facts();
  facts.why += "; " + credential_note(access);
  return base::Error(std::move(facts));
}

/// Warning: 299 - "text". Source: distribution-spec, "Warnings".
void RegistrySession::show_warnings(const base::HttpResponse& response) {
  for (const auto& header : response.headers) {
    auto value = base::find_header({header}, "Warning");
    if (!value || !value->starts_with("299 ")) continue;
    value->resize(std::min(value->size(), kMaxWarningBytes));
    const std::scoped_lock lock(mutex_);
    if (warnings_.size() >= kMaxWarnings || !warnings_.insert(*value).second) continue;
    context_.log->warn("{} says: {}", registry_, base::printable(warning_text(*value)));
  }
}

}  // namespace oci
