// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "auth/challenge.hpp"
#include "auth/credential.hpp"
#include "base/http.hpp"
#include "base/http_retry.hpp"
#include "base/secret.hpp"
#include "base/url.hpp"

namespace auth {

/// Which token is wanted.
struct TokenRequest {
  base::Url registry;                    ///< Who sent the challenge.
  Challenge challenge;                   ///< Bearer, with its realm and service.
  std::vector<std::string> scopes;       ///< "repository:NAME:pull,push", sorted.
  std::optional<Credential> credential;  ///< None: an anonymous token.
};

/// A token server's answer.
struct Token {
  base::Secret value;
  std::chrono::seconds lifetime{60};  ///< From receipt, at least a minute.
};

/// Reads the server's JSON: `token` or `access_token`, `expires_in`. nullopt when it has no token.
std::optional<Token> parse_token(std::string_view body);

/// "BASIC" header value for a user and password.
base::Secret basic_authorization(const Credential& credential);

/// Fetches bearer tokens and keeps them until shortly before they expire; one request at a time per
/// token. Thread-safe. Source: distribution, "Token Authentication Specification" and "OAuth2 Token
/// Authentication".
class TokenServer {
 public:
  /// `http` outlives us.
  TokenServer(base::HttpClient& http, base::RetryPolicy retry) : http_(&http), retry_(retry) {}

  /// nullopt when the server rejects the credential (401, 403). Throws base::Error: kRegistry for a
  /// realm that must not be followed or an answer without a token, kNetwork.
  std::optional<base::Secret> token(const TokenRequest& request, const std::stop_token& stop);
  /// The registry did not accept this token: fetch a new one next time.
  void forget(const TokenRequest& request, const base::Secret& token);

 private:
  struct Slot {
    std::string realm;
    std::string service;
    std::vector<std::string> scopes;
    std::optional<Credential> credential;
    std::mutex mutex;  ///< Held while the token is fetched.
    base::Secret value;
    std::chrono::steady_clock::time_point renew_at;
  };
  std::shared_ptr<Slot> slot_for(const TokenRequest& request);
  std::optional<Token> fetch(const TokenRequest& request, const std::stop_token& stop);
  base::HttpResponse get(const TokenRequest& request, const base::Url& realm,
                         const std::stop_token& stop);
  base::HttpResponse post(const TokenRequest& request, const base::Url& realm,
                          const std::stop_token& stop);

  base::HttpClient* http_;
  base::RetryPolicy retry_;
  std::mutex mutex_;
  std::vector<std::shared_ptr<Slot>> slots_;
};

}  // namespace auth
