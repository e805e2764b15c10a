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

}  // namespace base
