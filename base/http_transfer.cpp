// SPDX-License-Identifier: Apache-2.0
#include "base/http_transfer.hpp"

#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

#include "base/files.hpp"
#include "base/format.hpp"

namespace base {
namespace {

constexpr std::size_t kMaxHeaderBytes = 256U << 10;
constexpr std::size_t kMaxErrorBodyBytes = 64U << 10;

std::string_view trimmed(std::string_view text) {
  const auto start = text.find_first_not_of(" \t\r\n");
  if (start == std::string_view::npos) return "";
  return text.substr(start, text.find_last_not_of(" \t\r\n") - start + 1);
}

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

[[noreturn]] void refuse_certificates(const Url& url, std::string why) {
  throw Error({.code = ErrorCode::kUsage,
               .what = fmt::format("cannot use the certificates for {}", url.authority()),
               .why = std::move(why),
               .hint = "look at --ca-dir, certs.d and SSL_CERT_FILE"});
}

}  // namespace

UploadSource::UploadSource(const HttpRequest& request) : request_(&request) {
  if (request.file) fd_ = open_for_reading(request.file->path);
}

std::uint64_t UploadSource::bytes() const {
  return request_->file ? request_->file->bytes : request_->body.size();
}

std::size_t UploadSource::read(std::span<char> buffer) {
  const auto count = std::min<std::uint64_t>(buffer.size(), bytes() - std::min(offset_, bytes()));
  const auto got = fd_ ? read_file_part(buffer.first(count)) : copy_body(buffer.first(count));
  offset_ += got;
  if (request_->on_sent && got > 0) request_->on_sent(got);
  return got;
}

std::size_t UploadSource::copy_body(std::span<char> buffer) {
  request_->body.copy(buffer.data(), buffer.size(), offset_);
  return buffer.size();
}

std::size_t UploadSource::read_file_part(std::span<char> buffer) {
  if (buffer.empty()) return 0;
  const auto position = static_cast<off_t>(request_->file->offset + offset_);
  ssize_t got = -1;
  do {
    got = ::pread(fd_.get(), buffer.data(), buffer.size(), position);
  } while (got < 0 && errno == EINTR);
  if (got > 0) return static_cast<std::size_t>(got);
  if (got < 0)
    throw_system_error(errno, fmt::format("cannot read {}", request_->file->path.string()));
  throw Error({.code = ErrorCode::kIo,
               .what = fmt::format("cannot send {}", request_->file->path.string()),
               .why = "the file became shorter while it was sent",
               .hint = ""});
}

Transfer::Transfer(const HttpRequest& request_in, const Url& url, std::stop_token stop_in)
    : request(&request_in), source(request_in), stop(std::move(stop_in)) {
  response.url = url;
}

bool Transfer::accepts(AddressKind kind) {
  if (via_proxy || !referred_by || may_refer_to(*referred_by, kind)) return true;
  address_refused = true;
  return false;
}

void Transfer::take_header(std::string_view line) {
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

bool Transfer::take_body(std::span<const std::byte> data) {
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

void Transfer::too_large(std::string_view part) const {
  throw Error({.code = ErrorCode::kRegistry,
               .what = fmt::format("{} {} failed", request->method, redacted(response.url)),
               .why = fmt::format("the answer's {} is larger than allowed", part),
               .hint = ""});
}

HeaderList header_list(const HttpRequest& request, bool authorized) {
  HeaderList list;
  append(list, "Accept-Encoding: identity");
  if (!request.file) append(list, "Expect:");
  for (const auto& header : request.headers) append(list, header.name + ": " + header.value);
  if (!find_header(request.headers, "Content-Type")) append(list, "Content-Type:");
  if (authorized && !request.authorization.empty()) {
    std::string line = "Authorization: " + request.authorization.reveal();
    append(list, line);
    wipe(line);
  }
  return list;
}

void configure(Easy& easy, Transfer& transfer, const HeaderList& headers) {
  const auto& request = *transfer.request;
  const bool has_body = request.method == "POST" || request.method == "PUT" ||
                        request.method == "PATCH" || !request.body.empty();
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

void refuse_address(const Url& url) {
  throw Error(
      {.code = ErrorCode::kRegistry,
       .what = fmt::format("cannot follow the registry to {}", redacted(url)),
       .why = "it is an address of the local network, and the registry is not",
       .hint = fmt::format("if that is intended, pass --insecure-registry {}", url.authority())});
}

HttpOutcome conclude(CURLcode code, Transfer& transfer) {
  if (transfer.thrown) std::rethrow_exception(transfer.thrown);
  if (transfer.stop.stop_requested() && code != CURLE_OK) {
    throw Error({.code = ErrorCode::kInterrupted,
                 .what = fmt::format("{} {} was interrupted", transfer.request->method,
                                     redacted(transfer.response.url)),
                 .why = "",
                 .hint = ""});
  }
  if (transfer.address_refused && !transfer.connected) refuse_address(transfer.response.url);
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

}  // namespace base
