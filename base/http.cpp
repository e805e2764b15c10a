// SPDX-License-Identifier: Apache-2.0
#include "base/http.hpp"

#include <curl/curl.h>
#include <fmt/format.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <exception>
#include <map>
#include <mutex>

#include "base/files.hpp"
#include "base/format.hpp"
#include "base/handle.hpp"

namespace base {
namespace {

constexpr int kMaxRedirects = 10;
constexpr std::size_t kMaxHeaderBytes = 256U << 10;
constexpr std::size_t kMaxErrorBodyBytes = 64U << 10;

/// Frees a header list after zeroing its texts: one of them may be a credential.
void free_headers(curl_slist* list) {
  for (auto* node = list; node != nullptr; node = node->next) {
    ::explicit_bzero(node->data, ::strlen(node->data));
  }
  ::curl_slist_free_all(list);
}
using HeaderList = Handle<curl_slist, &free_headers>;

bool same_name(std::string_view left, std::string_view right) {
  return std::equal(left.begin(), left.end(), right.begin(), right.end(), [](char a, char b) {
    const auto low = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; };
    return low(a) == low(b);
  });
}

std::string_view trimmed(std::string_view text) {
  const auto start = text.find_first_not_of(" \t\r\n");
  if (start == std::string_view::npos) return "";
  return text.substr(start, text.find_last_not_of(" \t\r\n") - start + 1);
}

/// One libcurl handle: a setter for each option with the C++ type it means, every status checked.
class Easy {
 public:
  Easy() : handle_(::curl_easy_init()) {
    if (!handle_) check(CURLE_OUT_OF_MEMORY);
  }
  /// Back to the defaults; open connections stay.
  void reset() { ::curl_easy_reset(handle_.get()); }
  CURLcode perform() { return ::curl_easy_perform(handle_.get()); }

  void set_url(const std::string& url) { set(CURLOPT_URL, url.c_str()); }
  void set_allowed_schemes() {
    set(CURLOPT_PROTOCOLS_STR, "http,https");
    set(CURLOPT_FOLLOWLOCATION, 0L);
  }
  void set_method(const std::string& method, bool has_body) {
    if (method == "HEAD") return set(CURLOPT_NOBODY, 1L);
    if (has_body) set(CURLOPT_UPLOAD, 1L);
    set(CURLOPT_CUSTOMREQUEST, method.c_str());
  }
  void set_body_bytes(std::uint64_t bytes) {
    set(CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(bytes));
  }
  void set_headers(const HeaderList& headers) { set(CURLOPT_HTTPHEADER, headers.get()); }
  void set_user_agent(const std::string& agent) { set(CURLOPT_USERAGENT, agent.c_str()); }
  void set_http2(bool wanted) {
    set(CURLOPT_HTTP_VERSION,
        static_cast<long>(wanted ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1));
  }
  void set_proxy(const std::string& url) {
    set(CURLOPT_PROXY, url.c_str());  // An empty text keeps libcurl from reading the environment.
    set(CURLOPT_NOPROXY, "");
    set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  }
  void set_connect_timeout(std::chrono::milliseconds limit) {
    set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(limit.count()));
  }
  void set_stall_timeout(std::chrono::seconds limit) {
    set(CURLOPT_LOW_SPEED_LIMIT, 1L);
    set(CURLOPT_LOW_SPEED_TIME, static_cast<long>(limit.count()));
  }
  /// No signals (we have threads), no wait for a name server that hangs once we give up.
  void set_threads_safe() {
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_QUICK_EXIT, 1L);
    set(CURLOPT_TCP_KEEPALIVE, 1L);
  }
  void set_trust(const HostTrust& trust) {
    set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    set(CURLOPT_SSL_VERIFYPEER, trust.verify ? 1L : 0L);
    set(CURLOPT_SSL_VERIFYHOST, trust.verify ? 2L : 0L);
    if (!trust.ca_bundle.empty()) {
      curl_blob blob{.data = const_cast<char*>(trust.ca_bundle.data()),  // Copied, not written.
                     .len = trust.ca_bundle.size(),
                     .flags = CURL_BLOB_COPY};
      set(CURLOPT_CAINFO_BLOB, &blob);
    }
    if (!trust.system_paths) set(CURLOPT_CAPATH, nullptr);
    if (trust.client_certificate.empty()) return;
    set(CURLOPT_SSLCERT, trust.client_certificate.c_str());
    set(CURLOPT_SSLKEY, trust.client_key.c_str());
  }
  void set_error_buffer(char* buffer) { set(CURLOPT_ERRORBUFFER, buffer); }
  void on_header(curl_write_callback call, void* data) {
    set(CURLOPT_HEADERFUNCTION, call);
    set(CURLOPT_HEADERDATA, data);
  }
  void on_body(curl_write_callback call, void* data) {
    set(CURLOPT_WRITEFUNCTION, call);
    set(CURLOPT_WRITEDATA, data);
  }
  void on_upload(curl_read_callback read, curl_seek_callback seek, void* data) {
    set(CURLOPT_READFUNCTION, read);
    set(CURLOPT_READDATA, data);
    set(CURLOPT_SEEKFUNCTION, seek);
    set(CURLOPT_SEEKDATA, data);
  }
  void on_progress(curl_xferinfo_callback call, void* data) {
    set(CURLOPT_NOPROGRESS, 0L);
    set(CURLOPT_XFERINFOFUNCTION, call);
    set(CURLOPT_XFERINFODATA, data);
  }
  void on_open_socket(curl_opensocket_callback call, void* data) {
    set(CURLOPT_OPENSOCKETFUNCTION, call);
    set(CURLOPT_OPENSOCKETDATA, data);
  }
  void before_request(curl_prereq_callback call, void* data) {
    set(CURLOPT_PREREQFUNCTION, call);
    set(CURLOPT_PREREQDATA, data);
  }

 private:
  static void check(CURLcode code) {
    if (code == CURLE_OK) return;
    throw Error({.code = ErrorCode::kInternal,
                 .what = "cannot set up an HTTP transfer",
                 .why = ::curl_easy_strerror(code),
                 .hint = ""});
  }
  template <typename Value>
  void set(CURLoption option, Value value) {
    check(::curl_easy_setopt(handle_.get(), option, value));
  }

  Handle<CURL, &::curl_easy_cleanup> handle_;
};

/// The body of a request, read by libcurl in pieces.
class UploadSource {
 public:
  explicit UploadSource(const HttpRequest& request) : request_(&request) {
    if (request.file) fd_ = open_for_reading(request.file->path);
  }
  [[nodiscard]] std::uint64_t bytes() const {
    return request_->file ? request_->file->bytes : request_->body.size();
  }
  void seek(std::uint64_t offset) { offset_ = offset; }

  std::size_t read(std::span<char> buffer) {
    const auto count = std::min<std::uint64_t>(buffer.size(), bytes() - std::min(offset_, bytes()));
    const auto got = fd_ ? read_file_part(buffer.first(count)) : copy_body(buffer.first(count));
    offset_ += got;
    if (request_->on_sent && got > 0) request_->on_sent(got);
    return got;
  }

 private:
  std::size_t copy_body(std::span<char> buffer) {
    request_->body.copy(buffer.data(), buffer.size(), offset_);
    return buffer.size();
  }
  std::size_t read_file_part(std::span<char> buffer) {
    if (buffer.empty()) return 0;
    const auto position = static_cast<off_t>(request_->file->offset + offset_);
    ssize_t got = -1;
    do {
      got = ::pread(fd_.get(), buffer.data(), buffer.size(), position);
    } while (got < 0 && errno == EINTR);
    if (got > 0) return static_cast<std::size_t>(got);
    if (got < 0) throw_system_error(errno, fmt::format("cannot read {}", name()));
    throw Error({.code = ErrorCode::kIo,
                 .what = fmt::format("cannot send {}", name()),
                 .why = "the file became shorter while it was sent",
                 .hint = ""});
  }
  [[nodiscard]] std::string name() const { return request_->file->path.string(); }

  const HttpRequest* request_;
  FileDescriptor fd_;
  std::uint64_t offset_ = 0;
};

/// What libcurl's callbacks work on during one exchange. What they throw is kept and thrown again
/// once libcurl has returned.
struct Transfer {
  Transfer(const HttpRequest& request_in, const Url& url, std::stop_token stop_in)
      : request(&request_in), source(request_in), stop(std::move(stop_in)) {
    response.url = url;
  }

  const HttpRequest* request;
  UploadSource source;
  std::stop_token stop;
  HttpResponse response;
  std::exception_ptr thrown;
  std::size_t header_bytes = 0;
  bool cut_on_purpose = false;             ///< Enough of an error's body was read.
  bool connected = false;                  ///< The request was about to be sent.
  bool via_proxy = false;                  ///< Then the address is the proxy's.
  std::optional<AddressKind> referred_by;  ///< Set: the address connected to is checked.
  bool address_refused = false;
  AddressKind address = AddressKind::kPublic;
  std::array<char, CURL_ERROR_SIZE> error_text{};

  template <typename Call, typename Result>
  Result guarded(Call call, Result on_failure) noexcept {
    try {
      return call();
    } catch (...) {
      thrown = std::current_exception();
      return on_failure;
    }
  }

  bool accepts(AddressKind kind) {
    if (via_proxy || !referred_by || may_refer_to(*referred_by, kind)) return true;
    address_refused = true;
    return false;
  }

  void take_header(std::string_view line) {
    header_bytes += line.size();
    if (header_bytes > kMaxHeaderBytes) too_large("header");
    line = trimmed(line);
    if (line.starts_with("HTTP/")) {
      response.headers.clear();
      response.status = 0;
      const auto blank = line.find(' ');
      if (blank != std::string_view::npos) {
        std::from_chars(line.data() + blank + 1, line.data() + line.size(), response.status);
      }
      return;
    }
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) return;
    response.headers.push_back({.name = std::string(trimmed(line.substr(0, colon))),
                                .value = std::string(trimmed(line.substr(colon + 1)))});
  }

  /// False when no more of the body is wanted.
  bool take_body(std::span<const std::byte> data) {
    if (response.ok() && request->on_body) {
      request->on_body(response, data);
      return true;
    }
    const auto limit = response.ok() ? request->max_body_bytes : kMaxErrorBodyBytes;
    const auto room = limit - std::min(limit, response.body.size());
    response.body.append(reinterpret_cast<const char*>(data.data()), std::min(room, data.size()));
    if (data.size() <= room) return true;
    if (response.ok()) too_large("body");
    cut_on_purpose = true;
    return false;
  }

  [[noreturn]] void too_large(std::string_view part) const {
    throw Error({.code = ErrorCode::kRegistry,
                 .what = fmt::format("{} {} failed", request->method, redacted(response.url)),
                 .why = fmt::format("the answer's {} is larger than allowed", part),
                 .hint = ""});
  }
};

std::size_t header_callback(char* data, std::size_t size, std::size_t count, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  const auto bytes = size * count;
  return transfer.guarded(
      [&] {
        transfer.take_header({data, bytes});
        return bytes;
      },
      std::size_t{0});
}

std::size_t body_callback(char* data, std::size_t size, std::size_t count, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  const auto bytes = size * count;
  return transfer.guarded(
      [&] { return transfer.take_body(std::as_bytes(std::span(data, bytes))) ? bytes : 0; },
      std::size_t{0});
}

std::size_t upload_callback(char* buffer, std::size_t size, std::size_t count, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  return transfer.guarded(
      [&] {
        return transfer.source.read({buffer, size * count});
      },
      std::size_t{CURL_READFUNC_ABORT});
}

int seek_callback(void* user, curl_off_t offset, int origin) {
  if (origin != SEEK_SET || offset < 0) return CURL_SEEKFUNC_CANTSEEK;
  static_cast<Transfer*>(user)->source.seek(static_cast<std::uint64_t>(offset));
  return CURL_SEEKFUNC_OK;
}

int progress_callback(void* user, curl_off_t /*download_total*/, curl_off_t /*downloaded*/,
                      curl_off_t /*upload_total*/, curl_off_t /*uploaded*/) {
  return static_cast<Transfer*>(user)->stop.stop_requested() ? 1 : 0;
}

curl_socket_t open_socket_callback(void* user, curlsocktype /*purpose*/, curl_sockaddr* address) {
  auto& transfer = *static_cast<Transfer*>(user);
  if (!transfer.accepts(classify_address(address->addr))) return CURL_SOCKET_BAD;
  return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/// Also called on a connection that is used again, where no socket is opened.
int before_request_callback(void* user, char* remote_address, char* /*local_address*/,
                            int /*remote_port*/, int /*local_port*/) {
  auto& transfer = *static_cast<Transfer*>(user);
  transfer.address =
      classify_address(std::string_view(remote_address)).value_or(AddressKind::kPublic);
  if (!transfer.accepts(transfer.address)) return CURL_PREREQFUNC_ABORT;
  transfer.connected = true;
  return CURL_PREREQFUNC_OK;
}

void append(HeaderList& list, const std::string& line) {
  auto* longer = ::curl_slist_append(list.get(), line.c_str());
  if (longer == nullptr) throw std::bad_alloc();
  static_cast<void>(list.release());
  list.reset(longer);
}

HeaderList header_list(const HttpRequest& request, const Url& url) {
  HeaderList list;
  append(list, "Accept-Encoding: identity");
  if (!request.file) append(list, "Expect:");
  bool typed = false;
  for (const auto& header : request.headers) {
    append(list, header.name + ": " + header.value);
    typed = typed || same_name(header.name, "Content-Type");
  }
  if (!typed) append(list, "Content-Type:");
  if (!request.authorization.empty() && url.same_origin(request.url)) {
    std::string line = "Authorization: " + request.authorization.reveal();
    append(list, line);
    wipe(line);
  }
  return list;
}

TransportFailure::Kind kind_of(CURLcode code, const Transfer& transfer) {
  using Kind = TransportFailure::Kind;
  const bool before_proxy = transfer.via_proxy && !transfer.connected;
  if (code == CURLE_COULDNT_RESOLVE_PROXY || code == CURLE_PROXY) return Kind::kProxy;
  if (code == CURLE_PEER_FAILED_VERIFICATION) return Kind::kUntrusted;
  if (code == CURLE_SSL_CONNECT_ERROR) return Kind::kNotTls;
  if (code == CURLE_HTTP2 || code == CURLE_HTTP2_STREAM) return Kind::kHttp2Broken;
  if (before_proxy) return Kind::kProxy;
  if (code == CURLE_COULDNT_RESOLVE_HOST) return Kind::kResolve;
  if (code == CURLE_COULDNT_CONNECT) return Kind::kRefused;
  if (code == CURLE_OPERATION_TIMEDOUT) {
    return transfer.connected ? Kind::kStalled : Kind::kTimeout;
  }
  return Kind::kBroken;
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

std::string system_bundle() {
  const auto* info = ::curl_version_info(CURLVERSION_NOW);
  return info->cainfo == nullptr ? "" : info->cainfo;
}

}  // namespace

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
      : options_(std::move(options)), trust_(options_.trust, system_bundle()) {}

  [[nodiscard]] const HttpClientOptions& options() const { return options_; }
  TlsTrust& trust() { return trust_; }

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
    reached_[url.origin()] = kind;
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
  return is_loopback_host(url.host) || pool_->trust().is_insecure(url);
}

bool HttpClient::has_reached(const Url& url) const { return pool_->reached(url).has_value(); }

HttpOutcome HttpClient::try_perform(const HttpRequest& request, const std::stop_token& stop) {
  Url url = request.url;
  for (int redirects = 0;; ++redirects) {
    auto outcome = exchange(request, url, stop);
    if (outcome.failure) return outcome;
    const auto target = redirect_target(request, outcome.response);
    if (!target) return outcome;
    if (redirects == kMaxRedirects) {
      refuse_redirect(request, fmt::format("more than {} times", kMaxRedirects), "");
    }
    url = *target;
  }
}

HttpResponse HttpClient::perform(const HttpRequest& request, const std::stop_token& stop) {
  auto outcome = try_perform(request, stop);
  if (outcome.failure) throw transport_error(request, *outcome.failure);
  return std::move(outcome.response);
}

namespace {

void configure(Easy& easy, Transfer& transfer, const HeaderList& headers) {
  const auto& request = *transfer.request;
  const bool has_body =
      request.method == "POST" || request.method == "PUT" || request.method == "PATCH";
  easy.set_url(transfer.response.url.text());
  easy.set_allowed_schemes();
  easy.set_method(request.method, has_body);
  easy.set_headers(headers);
  easy.set_http2(!request.http1_only);
  easy.set_stall_timeout(request.stall_timeout);
  easy.set_threads_safe();
  easy.set_error_buffer(transfer.error_text.data());
  easy.on_header(&header_callback, &transfer);
  easy.on_body(&body_callback, &transfer);
  easy.on_progress(&progress_callback, &transfer);
  easy.on_open_socket(&open_socket_callback, &transfer);
  easy.before_request(&before_request_callback, &transfer);
  if (!has_body) return;
  easy.set_body_bytes(transfer.source.bytes());
  easy.on_upload(&upload_callback, &seek_callback, &transfer);
}

[[noreturn]] void refuse_address(const Transfer& transfer) {
  const auto& url = transfer.response.url;
  throw Error(
      {.code = ErrorCode::kRegistry,
       .what = fmt::format("cannot follow the registry to {}", redacted(url)),
       .why = "it is an address of the local network, and the registry is not",
       .hint = fmt::format("if that is intended, pass --insecure-registry {}", url.authority())});
}

[[noreturn]] void refuse_certificates(const Url& url, std::string why) {
  throw Error({.code = ErrorCode::kUsage,
               .what = fmt::format("cannot use the certificates for {}", url.authority()),
               .why = std::move(why),
               .hint = "look at --ca-dir, certs.d and SSL_CERT_FILE"});
}

/// Turns how libcurl ended into an answer, a failure or what is thrown.
HttpOutcome conclude(CURLcode code, Transfer& transfer) {
  if (transfer.thrown) std::rethrow_exception(transfer.thrown);
  if (transfer.stop.stop_requested() && code != CURLE_OK) {
    throw Error({.code = ErrorCode::kInterrupted,
                 .what = fmt::format("{} {} was interrupted", transfer.request->method,
                                     redacted(transfer.response.url)),
                 .why = "",
                 .hint = ""});
  }
  if (transfer.address_refused && !transfer.connected) refuse_address(transfer);
  if (code == CURLE_OK || transfer.cut_on_purpose) {
    return {.response = std::move(transfer.response), .failure = std::nullopt};
  }
  const bool told = transfer.error_text.front() != '\0';
  std::string why = told ? transfer.error_text.data() : ::curl_easy_strerror(code);
  if (code == CURLE_SSL_CACERT_BADFILE || code == CURLE_SSL_CERTPROBLEM) {
    refuse_certificates(transfer.response.url, why);
  }
  return {.response = std::move(transfer.response),
          .failure = TransportFailure{.kind = kind_of(code, transfer), .why = printable(why)}};
}

}  // namespace

HttpOutcome HttpClient::exchange(const HttpRequest& request, const Url& url,
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
    if (literal && !may_refer_to(*transfer.referred_by, *literal)) refuse_address(transfer);
  }
  const auto headers = header_list(request, url);
  const auto trust = pool_->trust().for_host(url);
  auto easy = pool_->take(url);
  configure(*easy, transfer, headers);
  easy->set_user_agent(pool_->options().user_agent);
  easy->set_proxy(proxy.reveal());
  easy->set_connect_timeout(pool_->options().connect_timeout);
  easy->set_trust(*trust);
  const auto code = easy->perform();
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
