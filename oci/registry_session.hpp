// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <spdlog/logger.h>

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "auth/keychain.hpp"
#include "auth/token.hpp"
#include "base/http.hpp"
#include "base/http_retry.hpp"

namespace oci {

/// What a request is allowed to do, and how to name it when it fails.
struct Access {
  std::string repository;
  bool push = false;
  std::string mount_from;  ///< A second repository to read from, for a mount; may be empty.
  std::string what;        ///< "cannot pull quay.io/a/b:1".

  /// The scopes to ask a token server for, sorted. Source: distribution, "Token Scope".
  [[nodiscard]] std::vector<std::string> scopes() const;
};

/// What all sessions share. The pointers are never null.
struct SessionContext {
  std::shared_ptr<base::HttpClient> http;
  std::shared_ptr<auth::Keychain> keychain;
  std::shared_ptr<auth::TokenServer> tokens;
  std::shared_ptr<spdlog::logger> log;
  base::RetryPolicy retry;
  std::optional<std::chrono::seconds> longest_stall =
      std::nullopt;  ///< As in RegistryClientOptions.
};

/// Speaks to one registry: finds out its scheme (https first) and how it wants us to log in, tries
/// the credentials that fit in order, remembers per repository and scope which one worked, and
/// reads the sources again before it gives up. Thread-safe.
class RegistrySession {
 public:
  /// `registry` as in a reference; "docker.io" is at registry-1.docker.io.
  RegistrySession(std::string registry, SessionContext context);

  /// The URL of a path below /v2/. The first call asks the registry. Throws base::Error kNetwork.
  base::Url url(const std::string& path, const std::stop_token& stop);

  /// Sends once, with credentials where `request.url` is the registry's own. A 403 with no other
  /// credential to try is returned. Throws base::Error kUnauthorized when a 401 stays.
  base::HttpOutcome try_send(const Access& access, base::HttpRequest request,
                             const std::stop_token& stop);
  /// As try_send, repeated by the retry table. Transport failures are thrown.
  base::HttpResponse send(const Access& access, const base::HttpRequest& request,
                          const std::stop_token& stop);
  /// As answer_error(), telling which credential was used.
  base::Error error_for(const Access& access, const base::HttpRequest& request,
                        const base::HttpResponse& response);

  /// Which credential served the last request for `access`, and which were tried before it.
  struct Login {
    bool asked = false;  ///< The registry wants a log-in at all.
    std::vector<auth::Credential> rejected;
    std::optional<auth::Credential> used;  ///< None: anonymous.
  };
  Login login(const Access& access);

  [[nodiscard]] const SessionContext& context() const { return context_; }

 private:
  /// Which credential serves a repository and scope.
  struct Grant {
    bool loaded = false;
    std::vector<auth::Credential> candidates;
    std::size_t index = 0;
    std::size_t generation = 0;      ///< Counts every change, so that threads do not undo one.
    std::vector<std::string> wider;  ///< Scopes the registry asked for beyond ours.
  };
  /// A grant as one request saw it.
  struct Attempt {
    std::optional<auth::Credential> credential;
    std::size_t generation = 0;
    std::optional<auth::Challenge> challenge;
    std::vector<std::string> scopes;
    base::Secret authorization;
    bool is_token = false;  ///< `authorization` is a token we fetched.
    bool rejected = false;  ///< The token server already said no.
  };
  /// What one try_send has used up.
  struct Spent {
    bool new_token = false;
    bool wider_scope = false;
    bool fresh_sources = false;
  };

  base::Url discover(const std::stop_token& stop);
  base::HttpOutcome ping(const base::Url& url, const std::stop_token& stop);
  Attempt prepare(const Access& access, const std::stop_token& stop);
  auth::TokenRequest token_request(const Attempt& attempt) const;
  void learn(const base::HttpResponse& response);
  bool retry_same(const Access& access, const Attempt& attempt, const base::HttpResponse& response,
                  Spent& spent);
  bool next_credential(const Access& access, const Attempt& attempt, bool may_refresh,
                       Spent& spent);
  base::Error unauthorized(const Access& access, std::string why);
  std::string credential_note(const Access& access);
  void show_warnings(const base::HttpResponse& response);
  Grant& grant_for(const Access& access);

  std::string registry_;
  SessionContext context_;
  std::mutex discovery_mutex_;
  std::optional<base::Url> root_;
  std::mutex mutex_;
  std::optional<auth::Challenge> challenge_;
  std::map<std::vector<std::string>, Grant> grants_;
  std::set<std::string> warnings_;
};

}  // namespace oci
