// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/curl_easy.hpp"
#include "base/handle.hpp"
#include "base/http.hpp"
#include "base/network_address.hpp"

namespace base {

/// The body of a request, read by libcurl in pieces.
class UploadSource {
 public:
  /// Opens the file, if the body is one. Throws Error kIo. `request` outlives us.
  explicit UploadSource(const HttpRequest& request);

  [[nodiscard]] std::uint64_t bytes() const;
  void seek(std::uint64_t offset) { offset_ = offset; }
  /// Throws Error kIo, also when the file is shorter than announced.
  std::size_t read(std::span<char> buffer);

 private:
  std::size_t copy_body(std::span<char> buffer);
  std::size_t read_file_part(std::span<char> buffer);

  const HttpRequest* request_;
  FileDescriptor fd_;
  std::uint64_t offset_ = 0;
};

/// What libcurl's callbacks work on during one exchange. What they throw is kept and thrown again
/// once libcurl has returned. Stays where it is: libcurl holds its address.
struct Transfer {
  Transfer(const HttpRequest& request_in, const Url& url, std::stop_token stop_in);

  template <typename Call, typename Result>
  Result guarded(Call call, Result on_failure) noexcept {
    try {
      return call();
    } catch (...) {
      thrown = std::current_exception();
      return on_failure;
    }
  }
  /// Whether we may talk to an address of this kind; notes a refusal.
  bool accepts(AddressKind kind);
  void take_header(std::string_view line);
  /// False when no more of the body is wanted.
  bool take_body(std::span<const std::byte> data);

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

 private:
  [[noreturn]] void too_large(std::string_view part) const;
};

/// The headers to send, with the request's authorization or without.
HeaderList header_list(const HttpRequest& request, bool authorized);

/// Tells libcurl what to do; `easy` must not be used after `transfer` or `headers` have died.
void configure(Easy& easy, Transfer& transfer, const HeaderList& headers);

/// Turns how libcurl ended into an answer, a failure or what is thrown.
HttpOutcome conclude(CURLcode code, Transfer& transfer);

/// Throws Error kRegistry: the registry sent us into the local network.
[[noreturn]] void refuse_address(const Url& url);

}  // namespace base
