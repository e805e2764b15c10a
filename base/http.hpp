// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/network_address.hpp"
#include "base/proxy.hpp"
#include "base/secret.hpp"
#include "base/tls_trust.hpp"
#include "base/url.hpp"

namespace base {

struct HttpHeader {
  std::string name;
  std::string value;
};
using HttpHeaders = std::vector<HttpHeader>;

/// The first header of that name (case does not matter), or nullopt.
std::optional<std::string> find_header(const HttpHeaders& headers, std::string_view name);
std::size_t count_headers(const HttpHeaders& headers, std::string_view name);

struct HttpResponse {
  int status = 0;  ///< 0: no answer came.
  HttpHeaders headers;
  std::string body;  ///< What on_body did not take, at most max_body_bytes.
  Url url;           ///< Who answered: differs from the request's after a redirect.

  [[nodiscard]] bool ok() const { return status >= 200 && status < 300; }
  [[nodiscard]] std::optional<std::string> header(std::string_view name) const {
    return find_header(headers, name);
  }
};

/// A part of a file as a request's body; read again from its start when the request is repeated.
struct HttpFileBody {
  std::filesystem::path path;
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
};

struct HttpRequest {
  std::string method = "GET";
  Url url;
  HttpHeaders headers;
  /// Value of the Authorization header. Goes to the origin of `url` alone: the first redirect away
  /// from there drops it for good.
  Secret authorization;
  std::string body;
  std::optional<HttpFileBody> file;            ///< Instead of `body`.
  std::function<void(std::uint64_t)> on_sent;  ///< Bytes of the body sent since the last call.
  /// Takes the body of a 2xx answer as it comes, with the answer's head; what it throws ends the
  /// transfer and leaves perform(). Without it the body is collected.
  std::function<void(const HttpResponse& head, std::span<const std::byte> data)> on_body;
  std::size_t max_body_bytes = 1U << 20;  ///< Of a collected 2xx body; more is Error kRegistry.
  /// The server this request is made for, where `url` came from one of its answers (an upload's
  /// Location, a token realm). Guards where the request may connect to. Not set: `url` itself.
  std::optional<Url> on_behalf_of;
  bool follow_redirects = true;  ///< false: a redirect is an answer like any other.
  bool http1_only = false;
  std::chrono::seconds stall_timeout{60};  ///< No byte in either direction for so long: it broke.
};

/// Why no whole answer came.
struct TransportFailure {
  enum class Kind {
    kResolve,      ///< The name is unknown.
    kRefused,      ///< Nobody listens, or no route.
    kTimeout,      ///< No connection in time.
    kUntrusted,    ///< The TLS certificate does not verify.
    kNotTls,       ///< The TLS handshake failed; perhaps plain HTTP is spoken there.
    kStalled,      ///< The transfer stood still.
    kBroken,       ///< The connection ended early.
    kHttp2Broken,  ///< As kBroken, and HTTP/2 was the reason.
    kProxy,        ///< The proxy could not be reached or refused.
  };
  Kind kind;
  std::string why;  ///< In libcurl's words.
};

struct HttpOutcome {
  HttpResponse response;
  std::optional<TransportFailure> failure;
};

struct HttpClientOptions {
  std::string user_agent = "osartifact";
  TlsTrustOptions trust;
  ProxySettings proxy;
  std::chrono::milliseconds connect_timeout{8000};
  std::size_t max_per_host = 8;  ///< Requests at a time to one host.
};

/// Speaks HTTP/1.1 and 2 (libcurl), reusing connections; at most max_per_host requests at a time to
/// a host, the others wait. Thread-safe. Never sends a cookie or a Referer, never decodes a
/// Content-Encoding, never talks plain HTTP but to loopback and insecure hosts. Follows at most 10
/// redirects itself: none from https to http, none from a public server into the local network
/// (checked on the address connected to, not on the name).
class HttpClient {
 public:
  /// Throws Error kUsage for TLS options that cannot be used.
  explicit HttpClient(HttpClientOptions options);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;
  HttpClient(HttpClient&&) = delete;
  HttpClient& operator=(HttpClient&&) = delete;

  /// One request, redirects included; any status is a result, and so is a transport failure.
  /// Throws Error kInterrupted within 100 ms of `stop`, kRegistry for refused redirects and
  /// answers over a limit, kUsage for unusable certificates.
  HttpOutcome try_perform(const HttpRequest& request, const std::stop_token& stop);
  /// As try_perform, but a transport failure is thrown (Error kNetwork, with a hint).
  HttpResponse perform(const HttpRequest& request, const std::stop_token& stop);

  /// Whether plain HTTP may be spoken to the host of `url`: it is loopback or marked insecure or
  /// plain.
  [[nodiscard]] bool may_speak_plain_http(const Url& url) const;
  /// Whether nothing else is to be tried there.
  [[nodiscard]] bool is_plain_http(const Url& url) const;
  /// What a host is trusted with, for a program that speaks to it in our place. Throws as
  /// TlsTrust::for_host().
  [[nodiscard]] std::shared_ptr<const HostTrust> trust_for(const Url& url) const;
  /// Whether a connection to this origin has succeeded before.
  [[nodiscard]] bool has_reached(const Url& url) const;

 private:
  class Pool;
  HttpOutcome exchange(const HttpRequest& request, const Url& url, bool authorized,
                       const std::stop_token& stop);

  std::unique_ptr<Pool> pool_;
};

/// What to throw for a failed request.
Error transport_error(const HttpRequest& request, const TransportFailure& failure);

}  // namespace base
