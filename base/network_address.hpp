// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/socket.h>

#include <optional>
#include <string_view>

namespace base {

/// How far a network address reaches. Source: the IANA special-purpose address registries.
enum class AddressKind {
  kPublic,
  kPrivate,    ///< RFC 1918, RFC 6598, unique local (fc00::/7), benchmarking.
  kLoopback,   ///< 127/8, ::1, and "this host" (0/8, ::).
  kLinkLocal,  ///< 169.254/16 (cloud metadata), fe80::/10, multicast and reserved.
};

/// IPv4 addresses inside IPv6 ones (mapped, NAT64, 6to4) count as what they carry.
AddressKind classify_address(const sockaddr& address);
/// nullopt when `text` is not a literal address. Brackets around IPv6 are fine.
std::optional<AddressKind> classify_address(std::string_view text);

/// "localhost", or a literal loopback address.
bool is_loopback_host(std::string_view host);

/// Whether the literal address `text` lies in `network` ("10.0.0.0/8", "fd00::/8").
bool is_in_network(std::string_view text, std::string_view network);

/// May a server at an address of kind `registry` send us on to one of kind `target`? A public one
/// may not point into the local network, a private one not at ourselves, none at link-local.
bool may_refer_to(AddressKind registry, AddressKind target);

}  // namespace base
