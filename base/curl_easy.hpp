// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <curl/curl.h>

#include <chrono>
#include <cstdint>
#include <stop_token>
#include <string>

#include "base/error.hpp"
#include "base/handle.hpp"
#include "base/system_trust.hpp"
#include "base/tls_trust.hpp"

namespace base {

/// Frees a header list after zeroing its texts: one of them may be a credential.
void free_headers(curl_slist* list);
using HeaderList = Handle<curl_slist, &free_headers>;

/// Appends one "Name: value" line. Throws std::bad_alloc.
void append(HeaderList& list, const std::string& line);

/// One libcurl handle with its own connections: a setter for each option with the C++ type it
/// means, every status checked.
class Easy {
 public:
  Easy() : handle_(::curl_easy_init()), multi_(::curl_multi_init()) {
    if (!handle_ || !multi_) check(CURLE_OUT_OF_MEMORY);
  }
  /// Back to the defaults; open connections stay.
  void reset() { ::curl_easy_reset(handle_.get()); }
  /// Transfers until the end or until `stop`, which wakes it at once (CURLE_ABORTED_BY_CALLBACK).
  CURLcode perform(const std::stop_token& stop);

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
      set_blob(CURLOPT_CAINFO_BLOB, trust.ca_bundle);
    } else if (const auto bundle = system_ca_bundle(); !bundle.empty()) {
      set(CURLOPT_CAINFO, bundle.c_str());
    }
    if (!trust.system_paths) set(CURLOPT_CAPATH, nullptr);
    if (!trust.client_certificate_pem.empty()) {
      set_blob(CURLOPT_SSLCERT_BLOB, trust.client_certificate_pem);
      set_blob(CURLOPT_SSLKEY_BLOB, trust.client_key_pem.reveal());
    }
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

  void set_blob(CURLoption option, const std::string& text) {
    curl_blob blob{.data = const_cast<char*>(text.data()),  // Copied, not written.
                   .len = text.size(),
                   .flags = CURL_BLOB_COPY};
    set(option, &blob);
  }

  CURLcode run(const std::stop_token& stop);

  Handle<CURL, &::curl_easy_cleanup> handle_;
  Handle<CURLM, &::curl_multi_cleanup> multi_;  ///< Keeps the connections between transfers.
};

}  // namespace base
