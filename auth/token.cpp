// SPDX-License-Identifier: Apache-2.0
#include "auth/token.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/base64.hpp"
#include "base/error.hpp"
#include "base/format.hpp"

namespace auth {
namespace {

using std::chrono::seconds;

constexpr std::size_t kMaxTokenBytes = 1U << 20;
constexpr seconds kLeastLifetime{60};
constexpr seconds kLongestLifetime{24 * 3600};

[[noreturn]] void refuse(const std::string& realm, std::string why, std::string hint = "") {
  throw base::Error(
      {.code = base::ErrorCode::kRegistry,
       .what = fmt::format("cannot get a token from {}", base::printable(base::redacted(realm))),
       .why = std::move(why),
       .hint = std::move(hint)});
}

/// The token server's URL, if a registry may send us there.
base::Url checked_realm(const TokenRequest& request) {
  const auto text = request.challenge.parameter("realm");
  if (text.empty()) {
    refuse(request.registry.text(), "the registry's Bearer challenge names no realm");
  }
  const auto realm = request.registry.resolve(text);
  if (!realm) refuse(text, "the realm is not a URL we follow");
  if (request.registry.scheme == "https" && realm->scheme == "http") {
    refuse(text, "the registry is on https and its token server on plain http");
  }
  return *realm;
}

/// Tokens are renewed when a quarter of their life, at most half a minute, is left.
std::chrono::steady_clock::time_point renewal_time(const Token& token) {
  const auto margin = std::min(token.lifetime / 4, seconds(30));
  return std::chrono::steady_clock::now() + token.lifetime - margin;
}

}  // namespace

std::optional<Token> parse_token(std::string_view body) {
  auto document = nlohmann::json::parse(body, nullptr, false);
  if (!document.is_object()) return std::nullopt;
  std::optional<Token> token;
  for (const char* name : {"token", "access_token"}) {
    const auto found = document.find(name);
    if (found == document.end() || !found->is_string()) continue;
    auto& value = found->get_ref<std::string&>();
    // What goes into a header must not end it.
    const bool usable = !value.empty() && std::all_of(value.begin(), value.end(),
                                                      [](char c) { return c > ' ' && c < 0x7f; });
    if (usable && !token) token = Token{.value = base::Secret(value)};
    base::wipe(value);
  }
  if (!token) return std::nullopt;
  const auto expires = document.find("expires_in");
  if (expires != document.end() && expires->is_number()) {
    const auto number =
        std::clamp(expires->get<double>(), 0.0, static_cast<double>(kLongestLifetime.count()));
    token->lifetime = std::max(kLeastLifetime, seconds(static_cast<seconds::rep>(number)));
  }
  return token;
}

base::Secret basic_authorization(const Credential& credential) {
  std::string pair = credential.user + ":" + credential.secret.reveal();
  base::Secret value("Basic " + base::base64_encode(pair));
  base::wipe(pair);
  return value;
}

std::optional<base::Secret> TokenServer::token(const TokenRequest& request,
                                               const std::stop_token& stop) {
  const auto slot = slot_for(request);
  const std::scoped_lock lock(slot->mutex);
  if (!slot->value.empty() && std::chrono::steady_clock::now() < slot->renew_at) {
    return slot->value;
  }
  auto token = fetch(request, stop);
  if (!token) return std::nullopt;
  slot->value = std::move(token->value);
  slot->renew_at = renewal_time(*token);
  return slot->value;
}

void TokenServer::forget(const TokenRequest& request, const base::Secret& token) {
  const auto slot = slot_for(request);
  const std::scoped_lock lock(slot->mutex);
  if (slot->value == token) slot->value = base::Secret();
}

std::shared_ptr<TokenServer::Slot> TokenServer::slot_for(const TokenRequest& request) {
  const auto realm = request.challenge.parameter("realm");
  const auto service = request.challenge.parameter("service");
  const std::scoped_lock lock(mutex_);
  const auto found = std::find_if(slots_.begin(), slots_.end(), [&](const auto& slot) {
    return slot->realm == realm && slot->service == service && slot->scopes == request.scopes &&
           slot->credential == request.credential;
  });
  if (found != slots_.end()) return *found;
  auto slot = std::make_shared<Slot>();
  slot->realm = realm;
  slot->service = service;
  slot->scopes = request.scopes;
  slot->credential = request.credential;
  slots_.push_back(slot);
  return slot;
}

std::optional<Token> TokenServer::fetch(const TokenRequest& request, const std::stop_token& stop) {
  const auto realm = checked_realm(request);
  base::HttpResponse response;
  const bool oauth =
      request.credential && request.credential->kind == Credential::Kind::kIdentityToken;
  if (oauth) response = post(request, realm, stop);
  const bool no_oauth_there = response.status == 404 || response.status == 405;
  if (!oauth || no_oauth_there) response = get(request, realm, stop);
  if (response.status == 401 || response.status == 403) return std::nullopt;
  auto token = response.ok() ? parse_token(response.body) : std::nullopt;
  const bool answered = response.ok();
  auto why = answered ? std::string("the answer holds no token")
                      : fmt::format("{} {}", response.status,
                                    base::printable(response.body.substr(0, 512)));
  base::wipe(response.body);
  if (!token) refuse(realm.text(), std::move(why));
  return token;
}

base::HttpResponse TokenServer::get(const TokenRequest& request, const base::Url& realm,
                                    const std::stop_token& stop) {
  base::HttpRequest http;
  http.url = realm;
  const auto service = request.challenge.parameter("service");
  if (!service.empty()) http.url = http.url.with_query("service", service);
  for (const auto& scope : request.scopes) http.url = http.url.with_query("scope", scope);
  http.on_behalf_of = request.registry;
  http.max_body_bytes = kMaxTokenBytes;
  http.headers.push_back({.name = "Accept", .value = "application/json"});
  if (request.credential) http.authorization = basic_authorization(*request.credential);
  return base::perform_with_retries(*http_, http, retry_, stop);
}

base::HttpResponse TokenServer::post(const TokenRequest& request, const base::Url& realm,
                                     const std::stop_token& stop) {
  base::HttpRequest http;
  http.method = "POST";
  http.url = realm;
  http.on_behalf_of = request.registry;
  http.max_body_bytes = kMaxTokenBytes;
  http.follow_redirects = false;  // The body is a secret.
  http.headers.push_back({.name = "Content-Type", .value = "application/x-www-form-urlencoded"});
  http.body = fmt::format("grant_type=refresh_token&client_id=osartifact&service={}&scope={}",
                          base::percent_encode(request.challenge.parameter("service")),
                          base::percent_encode(fmt::format("{}", fmt::join(request.scopes, " "))));
  http.body += "&refresh_token=" + base::percent_encode(request.credential->secret.reveal());
  try {
    auto response = base::perform_with_retries(*http_, http, retry_, stop);
    base::wipe(http.body);
    return response;
  } catch (...) {
    base::wipe(http.body);
    throw;
  }
}

}  // namespace auth
