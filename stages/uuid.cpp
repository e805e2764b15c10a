// SPDX-License-Identifier: Apache-2.0
#include "stages/uuid.hpp"

#include <fmt/format.h>
#include <openssl/sha.h>

#include <algorithm>

namespace stages {

Uuid uuid_of_name(std::string_view name) {
  constexpr std::array<char, 16> kUrls = {'\x6b', '\xa7', '\xb8', '\x11', '\x9d', '\xad',
                                          '\x11', '\xd1', '\x80', '\xb4', '\x00', '\xc0',
                                          '\x4f', '\xd4', '\x30', '\xc8'};
  const auto text = std::string(kUrls.data(), kUrls.size()).append(name);
  std::array<unsigned char, SHA_DIGEST_LENGTH> digest{};
  ::SHA1(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  Uuid uuid{};
  std::copy_n(digest.begin(), uuid.size(), uuid.begin());
  uuid[6] = static_cast<std::uint8_t>((uuid[6] & 0x0fU) | 0x50U);
  uuid[8] = static_cast<std::uint8_t>((uuid[8] & 0x3fU) | 0x80U);
  return uuid;
}

std::string text_of(const Uuid& uuid) {
  std::string text;
  for (std::size_t at = 0; at < uuid.size(); ++at) {
    if (at == 4 || at == 6 || at == 8 || at == 10) text += '-';
    text += fmt::format("{:02x}", uuid[at]);
  }
  return text;
}

}  // namespace stages
