// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/datagram_socket.hpp"

#include <sys/socket.h>
#include <sys/un.h>

#include <cstddef>
#include <cstring>

namespace orchestrator {

std::optional<DatagramSocket> DatagramSocket::connect(const std::string& address) {
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  if (address.empty() || address.size() >= sizeof(to.sun_path)) return std::nullopt;
  std::memcpy(to.sun_path, address.data(), address.size());
  if (address.front() == '@') to.sun_path[0] = '\0';
  const auto bytes = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address.size());
  base::FileDescriptor fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): the sockets API.
  if (!fd || ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&to), bytes) != 0) {
    return std::nullopt;
  }
  return DatagramSocket(std::move(fd));
}

void DatagramSocket::send(std::string_view message) const noexcept {
  static_cast<void>(::send(fd_.get(), message.data(), message.size(), MSG_NOSIGNAL | MSG_DONTWAIT));
}

}  // namespace orchestrator
