// SPDX-License-Identifier: Apache-2.0
#include "base/http.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <condition_variable>
#include <map>
#include <mutex>

#include "base/curl_easy.hpp"
#include "base/format.hpp"
#include "base/http_transfer.hpp"
#include "base/system_trust.hpp"

namespace base {
namespace {

constexpr int kMaxRedirects = 10;

/// Where distributions keep the CA certificates. Source: Go, crypto/x509, root_linux.go.
constexpr std::array kCaBundles = {
    "/etc/ssl/certs/ca-certificates.crt",  // Debian, Ubuntu, Gentoo, Arch, Alpine.
    "/etc/pki/tls/certs/ca-bundle.crt",    // Fedora, RHEL.
    "/etc/ssl/ca-bundle.pem",              // openSUSE, SLES.
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
};

bool same_name(std::string_view left, std::string_view right) {
  return std::equal(left.begin(), left.end(), right.begin(), right.end(), [](char a, char b) {
    const auto low = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; };
    return low(a) == low(b);
  });
}

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

[[noreturn]] void refuse_redirect(const HttpRequest& request, std::string why, std::string hint) {
  throw Error({.code = ErrorCode::kRegistry,
               .what = fmt::format("{} {} was redirected", request.method, redacted(request.url)),
               .why = std::move(why),
               .hint = std::move(hint)});
}

/// Where a redirect leads; nullopt when it is no redirect to follow.
std::optional<Url> redirect_target(const HttpRequest& request, const HttpResponse& response) {
  if (!request.follow_redirects || !is_redirect(response.status)) return std::nullopt;
  const bool repeatable = request.method == "GET" || request.method == "HEAD" ||
                          response.status == 307 || response.status == 308;
  const auto location = response.header("Location");
  if (!repeatable || !location) return std::nullopt;
  auto target = response.url.resolve(*location);
  if (!target) {
    refuse_redirect(
        request,
        fmt::format("to '{}', which is not a URL we follow", printable(redacted(*location))), "");
  }
  if (response.url.scheme == "https" && target->scheme == "http") {
    refuse_redirect(request, fmt::format("from https to {}", redacted(*target)),
                    "the registry's storage must be served over https");
  }
  return target;
}

bool same_server(const Url& left, const Url& right) {
  return left.host == right.host && left.port == right.port;
}

}  // namespace

std::filesystem::path system_ca_bundle() {
  static const std::filesystem::path bundle = [] {
    const auto* info = ::curl_version_info(CURLVERSION_NOW);
    const std::filesystem::path own = info->cainfo == nullptr ? "" : info->cainfo;
    std::error_code ignored;  // What cannot be looked at cannot be read either.
    if (std::filesystem::exists(own, ignored)) return own;
    const auto* const found = std::ranges::find_if(
        kCaBundles, [&](const char* file) { return std::filesystem::exists(file, ignored); });
    return found == kCaBundles.end() ? own : std::filesystem::path(*found);
  }();
  return bundle;
}

std::optional<std::string> find_header(const HttpHeaders& headers, std::string_view name) {
  const auto found = std::find_if(headers.begin(), headers.end(), [&](const HttpHeader& header) {
    return same_name(header.name, name);
  });
  if (found == headers.end()) return std::nullopt;
  return found->value;
}

std::size_t count_headers(const HttpHeaders& headers, std::string_view name) {
  return static_cast<std::size_t>(
      std::count_if(headers.begin(), headers.end(),
                    [&](const HttpHeader& header) { return same_name(header.name, name); }));
}

/// Handles that are not in use, each with its open connections, the last used first; and what is
/// known of servers.
class HttpClient::Pool {
 public:
  explicit Pool(HttpClientOptions options)
      : options_(std::move(options)), trust_(options_.trust, system_ca_bundle()) {}

  [[nodiscard]] const HttpClientOptions& options() const { return options_; }
  TlsTrust& trust() { return trust_; }

  /// The right to one exchange with a host; waits while max_per_host are under way there. Nobody
  /// holds two, or one while he waits to try again, so that all get theirs.
  class Permit {
   public:
    Permit(Pool& pool, const Url& url, const std::stop_token& stop)
        : pool_(pool), origin_(url.origin()) {
      std::unique_lock lock(pool_.mutex_);
      const auto free = [this] { return pool_.under_way_[origin_] < pool_.options_.max_per_host; };
      if (!pool_.freed_.wait(lock, stop, free)) {
        throw Error({.code = ErrorCode::kInterrupted,
                     .what = fmt::format("stopped before asking {}", url.authority()),
                     .why = "",
                     .hint = ""});
      }
      ++pool_.under_way_[origin_];
    }
    ~Permit() {
      const std::scoped_lock lock(pool_.mutex_);
      --pool_.under_way_[origin_];
      pool_.freed_.notify_all();
    }
    Permit(const Permit&) = delete;
    Permit& operator=(const Permit&) = delete;
    Permit(Permit&&) = delete;
    Permit& operator=(Permit&&) = delete;

   private:
    Pool& pool_;
    std::string origin_;
  };

  std::unique_ptr<Easy> take(const Url& url) {
    const std::scoped_lock lock(mutex_);
    const auto known = std::find_if(idle_.rbegin(), idle_.rend(),
                                    [&](const Idle& idle) { return idle.origin == url.origin(); });
    if (known == idle_.rend()) return std::make_unique<Easy>();
    auto easy = std::move(known->easy);
    idle_.erase(std::next(known).base());
    return easy;
  }

  void give_back(std::unique_ptr<Easy> easy, const Url& url) {
    easy->reset();
    const std::scoped_lock lock(mutex_);
    idle_.push_back({.origin = url.origin(), .easy = std::move(easy)});
    if (idle_.size() > kMaxIdle) idle_.erase(idle_.begin());
  }

  void note_reached(const Url& url, AddressKind kind) {
    const std::scoped_lock lock(mutex_);
    reached_.emplace(url.origin(), kind);  // The first answer counts: names can be made to move.
  }

  std::optional<AddressKind> reached(const Url& url) {
    const std::scoped_lock lock(mutex_);
    const auto found = reached_.find(url.origin());
    if (found == reached_.end()) return std::nullopt;
    return found->second;
  }

 private:
  static constexpr std::size_t kMaxIdle = 32;
  struct Idle {
    std::string origin;
    std::unique_ptr<Easy> easy;
  };

  HttpClientOptions options_;
  TlsTrust trust_;
  std::mutex mutex_;
  std::vector<Idle> idle_;
  std::map<std::string, AddressKind> reached_;
  std::condition_variable_any freed_;
  std::map<std::string, std::size_t> under_way_;
};

HttpClient::HttpClient(HttpClientOptions options) {
  static const CURLcode ready = ::curl_global_init(CURL_GLOBAL_DEFAULT);
  if (ready != CURLE_OK) {
    throw Error({.code = ErrorCode::kInternal,
                 .what = "cannot start libcurl",
                 .why = ::curl_easy_strerror(ready),
                 .hint = ""});
  }
  pool_ = std::make_unique<Pool>(std::move(options));
}

HttpClient::~HttpClient() = default;

bool HttpClient::may_speak_plain_http(const Url& url) const {
  return is_loopback_host(url.host) || pool_->trust().is_insecure(url) || is_plain_http(url);
}

bool HttpClient::is_plain_http(const Url& url) const { return pool_->trust().is_plain_http(url); }

std::shared_ptr<const HostTrust> HttpClient::trust_for(const Url& url) const {
  return pool_->trust().for_host(url);
}

bool HttpClient::has_reached(const Url& url) const { return pool_->reached(url).has_value(); }

HttpOutcome HttpClient::try_perform(const HttpRequest& request, const std::stop_token& stop) {
  Url url = request.url;
  bool at_home = true;  // No redirect has led away from the request's own origin.
  for (int redirects = 0;; ++redirects) {
    auto outcome = exchange(request, url, at_home, stop);
    if (outcome.failure) return outcome;
    const auto target = redirect_target(request, outcome.response);
    if (!target) return outcome;
    if (redirects == kMaxRedirects) {
      refuse_redirect(request, fmt::format("more than {} times", kMaxRedirects), "");
    }
    url = *target;
    at_home = at_home && url.same_origin(request.url);
  }
}

HttpResponse HttpClient::perform(const HttpRequest& request, const std::stop_token& stop) {
  auto outcome = try_perform(request, stop);
  if (outcome.failure) throw transport_error(request, *outcome.failure);
  return std::move(outcome.response);
}

HttpOutcome HttpClient::exchange(const HttpRequest& request, const Url& url, bool authorized,
                                 const std::stop_token& stop) {
  const auto& referrer = request.on_behalf_of ? *request.on_behalf_of : request.url;
  const bool foreign = !same_server(url, referrer);
  if (url.scheme == "http" && !may_speak_plain_http(url) &&
      !(foreign && referrer.scheme == "http")) {
    throw Error({.code = ErrorCode::kNetwork,
                 .what = fmt::format("will not speak plain HTTP to {}", url.authority()),
                 .why = "it is neither loopback nor marked insecure",
                 .hint = fmt::format("pass --insecure-registry {}", url.authority())});
  }
  Transfer transfer(request, url, stop);
  const auto& proxy = pool_->options().proxy.proxy_for(url);
  transfer.via_proxy = !proxy.empty();
  if (foreign && !pool_->trust().is_insecure(url)) {
    transfer.referred_by = pool_->reached(referrer).value_or(AddressKind::kPublic);
    const auto literal = classify_address(std::string_view(url.host));
    if (literal && !may_refer_to(*transfer.referred_by, *literal)) refuse_address(url);
  }
  const auto headers = header_list(request, authorized);
  const auto trust = pool_->trust().for_host(url);
  const Pool::Permit permit(*pool_, url, stop);
  auto easy = pool_->take(url);
  configure(*easy, transfer, headers);
  easy->set_user_agent(pool_->options().user_agent);
  easy->set_proxy(proxy.reveal());
  easy->set_connect_timeout(pool_->options().connect_timeout);
  easy->set_trust(*trust);
  const auto code = easy->perform(stop);
  pool_->give_back(std::move(easy), url);
  if (transfer.connected) {
    pool_->note_reached(url, transfer.via_proxy ? AddressKind::kPublic : transfer.address);
  }
  return conclude(code, transfer);
}

Error transport_error(const HttpRequest& request, const TransportFailure& failure) {
  using Kind = TransportFailure::Kind;
  const auto host = request.url.authority();
  std::string what = fmt::format("{} {} failed", request.method, redacted(request.url));
  std::string hint;
  switch (failure.kind) {
    case Kind::kResolve:
      hint = fmt::format("check the name {} and this machine's name server", host);
      break;
    case Kind::kRefused:
      hint = fmt::format("check that a registry listens at {}", host);
      break;
    case Kind::kTimeout:
      hint = fmt::format("check the network and the firewall on the way to {}", host);
      break;
    case Kind::kUntrusted:
      hint = fmt::format(
          "put the CA certificate of {0} (PEM, *.crt) in a folder and pass --ca-dir "
          "FOLDER, or in /etc/containers/certs.d/{0}/ca.crt",
          host);
      break;
    case Kind::kNotTls:
      hint = fmt::format("if {0} speaks plain HTTP on purpose, pass --insecure-registry {0}", host);
      break;
    case Kind::kProxy:
      hint = "check HTTPS_PROXY, HTTP_PROXY and NO_PROXY";
      break;
    case Kind::kStalled:
    case Kind::kBroken:
    case Kind::kHttp2Broken:
      break;
  }
  const bool unreachable = failure.kind == Kind::kResolve || failure.kind == Kind::kRefused ||
                           failure.kind == Kind::kTimeout;
  if (unreachable) what = fmt::format("cannot reach {}", host);
  return Error({.code = ErrorCode::kNetwork,
                .what = std::move(what),
                .why = failure.why,
                .hint = std::move(hint)});
}

}  // namespace base
