// SPDX-License-Identifier: Apache-2.0
#include "base/network_address.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <string>

namespace base {
namespace {

using Bytes = std::array<std::uint8_t, 16>;

struct Network {
  std::uint32_t address;
  unsigned bits;
  AddressKind kind;
};

constexpr std::uint32_t ip(std::uint32_t a, std::uint32_t b, std::uint32_t c, std::uint32_t d) {
  return a << 24 | b << 16 | c << 8 | d;
}

constexpr std::array<Network, 11> kNetworks = {{
    {ip(0, 0, 0, 0), 8, AddressKind::kLoopback},
    {ip(127, 0, 0, 0), 8, AddressKind::kLoopback},
    {ip(10, 0, 0, 0), 8, AddressKind::kPrivate},
    {ip(172, 16, 0, 0), 12, AddressKind::kPrivate},
    {ip(192, 168, 0, 0), 16, AddressKind::kPrivate},
    {ip(100, 64, 0, 0), 10, AddressKind::kPrivate},
    {ip(192, 0, 0, 0), 24, AddressKind::kPrivate},
    {ip(198, 18, 0, 0), 15, AddressKind::kPrivate},
    {ip(169, 254, 0, 0), 16, AddressKind::kLinkLocal},
    {ip(224, 0, 0, 0), 4, AddressKind::kLinkLocal},
    {ip(240, 0, 0, 0), 4, AddressKind::kLinkLocal},
}};

AddressKind classify_v4(std::uint32_t address) {
  const auto found = std::find_if(kNetworks.begin(), kNetworks.end(), [&](const Network& network) {
    return (address ^ network.address) >> (32 - network.bits) == 0;
  });
  return found == kNetworks.end() ? AddressKind::kPublic : found->kind;
}

std::uint32_t v4_at(const Bytes& bytes, std::size_t at) {
  return ip(bytes.at(at), bytes.at(at + 1), bytes.at(at + 2), bytes.at(at + 3));
}

AddressKind classify_v6(const Bytes& bytes) {
  const auto zeros = [&](std::size_t from, std::size_t to) {
    return std::all_of(bytes.begin() + static_cast<std::ptrdiff_t>(from),
                       bytes.begin() + static_cast<std::ptrdiff_t>(to),
                       [](std::uint8_t byte) { return byte == 0; });
  };
  if (zeros(0, 15) && bytes[15] <= 1) return AddressKind::kLoopback;
  const bool mapped = zeros(0, 10) && bytes[10] == 0xff && bytes[11] == 0xff;
  const bool nat64 = bytes[0] == 0 && bytes[1] == 0x64 && bytes[2] == 0xff && bytes[3] == 0x9b;
  if (mapped || nat64 || zeros(0, 12)) return classify_v4(v4_at(bytes, 12));
  if (bytes[0] == 0x20 && bytes[1] == 0x02) return classify_v4(v4_at(bytes, 2));
  if ((bytes[0] & 0xfe) == 0xfc) return AddressKind::kPrivate;
  if (bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80) return AddressKind::kLinkLocal;
  if (bytes[0] == 0xff) return AddressKind::kLinkLocal;
  return AddressKind::kPublic;
}

struct Literal {
  Bytes bytes{};
  std::size_t size = 0;  ///< 4 or 16.
};

std::optional<Literal> parse_literal(std::string_view text) {
  if (text.starts_with('[') && text.ends_with(']')) text = text.substr(1, text.size() - 2);
  const std::string name(text);
  Literal literal;
  if (::inet_pton(AF_INET, name.c_str(), literal.bytes.data()) == 1) literal.size = 4;
  if (literal.size == 0 && ::inet_pton(AF_INET6, name.c_str(), literal.bytes.data()) == 1) {
    literal.size = 16;
  }
  if (literal.size == 0) return std::nullopt;
  return literal;
}

}  // namespace

AddressKind classify_address(const sockaddr& address) {
  if (address.sa_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &address, sizeof v4);
    return classify_v4(ntohl(v4.sin_addr.s_addr));
  }
  if (address.sa_family == AF_INET6) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, &address, sizeof v6);
    Bytes bytes{};
    std::memcpy(bytes.data(), &v6.sin6_addr, bytes.size());
    return classify_v6(bytes);
  }
  return AddressKind::kLoopback;  // A socket of the file system never leaves this host.
}

std::optional<AddressKind> classify_address(std::string_view text) {
  const auto literal = parse_literal(text);
  if (!literal) return std::nullopt;
  return literal->size == 4 ? classify_v4(v4_at(literal->bytes, 0)) : classify_v6(literal->bytes);
}

bool is_loopback_host(std::string_view host) {
  return host == "localhost" || classify_address(host) == AddressKind::kLoopback;
}

bool is_in_network(std::string_view text, std::string_view network) {
  const auto slash = network.find('/');
  const auto literal = parse_literal(text);
  const auto base = parse_literal(network.substr(0, slash));
  if (!literal || !base || literal->size != base->size) return false;
  std::size_t bits = base->size * 8;
  if (slash != std::string_view::npos) {
    const auto number = network.substr(slash + 1);
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), bits);
    if (error != std::errc() || end != number.data() + number.size() || bits > base->size * 8) {
      return false;
    }
  }
  for (std::size_t bit = 0; bit < bits; ++bit) {
    const auto mask = static_cast<std::uint8_t>(0x80U >> bit % 8);
    if (((literal->bytes.at(bit / 8) ^ base->bytes.at(bit / 8)) & mask) != 0) return false;
  }
  return true;
}

bool may_refer_to(AddressKind registry, AddressKind target) {
  switch (target) {
    case AddressKind::kPublic:
      return true;
    case AddressKind::kPrivate:
      return registry != AddressKind::kPublic;
    case AddressKind::kLoopback:
      return registry == AddressKind::kLoopback;
    case AddressKind::kLinkLocal:
      return registry == AddressKind::kLinkLocal;
  }
  return false;
}

}  // namespace base
