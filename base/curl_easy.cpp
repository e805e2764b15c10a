// SPDX-License-Identifier: Apache-2.0
#include "base/curl_easy.hpp"

#include <string.h>

#include <new>

namespace base {

void free_headers(curl_slist* list) {
  for (auto* node = list; node != nullptr; node = node->next) {
    ::explicit_bzero(node->data, ::strlen(node->data));
  }
  ::curl_slist_free_all(list);
}

void append(HeaderList& list, const std::string& line) {
  auto* longer = ::curl_slist_append(list.get(), line.c_str());
  if (longer == nullptr) throw std::bad_alloc();
  static_cast<void>(list.release());
  list.reset(longer);
}

CURLcode Easy::perform(const std::stop_token& stop) {
  if (::curl_multi_add_handle(multi_.get(), handle_.get()) != CURLM_OK) return CURLE_OUT_OF_MEMORY;
  const auto code = run(stop);
  ::curl_multi_remove_handle(multi_.get(), handle_.get());  // Closes what was left half-done.
  return code;
}

CURLcode Easy::run(const std::stop_token& stop) {
  constexpr int kPollMs = 1000;  // libcurl's own timers end a poll earlier.
  const std::stop_callback wake(stop, [this] { ::curl_multi_wakeup(multi_.get()); });
  for (int running = 1;;) {
    if (::curl_multi_perform(multi_.get(), &running) != CURLM_OK) return CURLE_RECV_ERROR;
    if (running == 0) break;
    if (stop.stop_requested()) return CURLE_ABORTED_BY_CALLBACK;
    if (::curl_multi_poll(multi_.get(), nullptr, 0, kPollMs, nullptr) != CURLM_OK) {
      return CURLE_RECV_ERROR;
    }
  }
  int left = 0;
  const auto* message = ::curl_multi_info_read(multi_.get(), &left);
  return message == nullptr ? CURLE_RECV_ERROR : message->data.result;
}

}  // namespace base
