// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/kubernetes/probe_server.hpp"

#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.hpp"

namespace orchestrator::kubernetes {
namespace {

constexpr int kPollMs = 200;
constexpr std::size_t kMaxHeadBytes = 8192;
constexpr timeval kPatience{.tv_sec = 2, .tv_usec = 0};  // With one that says nothing.

using Addresses = base::Handle<addrinfo, &::freeaddrinfo>;

Addresses look_up(const std::string& address) {
  const auto colon = address.rfind(':');
  auto host = colon == std::string::npos ? "" : address.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  const auto port = colon == std::string::npos ? "" : address.substr(colon + 1);
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  wanted.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int error = port.empty() ? EAI_NONAME
                                 : ::getaddrinfo(host.empty() ? nullptr : host.c_str(),
                                                 port.c_str(), &wanted, &found);
  if (error == 0) return Addresses(found);
  throw base::Error({.code = base::ErrorCode::kUsage,
                     .what = fmt::format("'{}' is no address to listen at", address),
                     .why = ::gai_strerror(error),
                     .hint = "write HOST:PORT or :PORT; 0 turns it off"});
}

std::uint16_t port_of(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof(address);
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.ss_family == AF_INET6
                   ? reinterpret_cast<const sockaddr_in6*>(&address)->sin6_port
                   : reinterpret_cast<const sockaddr_in*>(&address)->sin_port);
}

/// "GET /healthz" of the request's first line; empty when none came.
std::string read_request(int connection) {
  std::string head;
  char buffer[1024];
  while (head.find("\r\n\r\n") == std::string::npos && head.size() < kMaxHeadBytes) {
    const auto count = ::recv(connection, buffer, sizeof(buffer), 0);
    if (count <= 0) return "";
    head.append(buffer, static_cast<std::size_t>(count));
  }
  const auto line = head.substr(0, head.find("\r\n"));
  return line.substr(0, line.rfind(' '));
}

void send_all(int connection, const std::string& text) {
  for (std::size_t sent = 0; sent < text.size();) {
    const auto count = ::send(connection, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
    if (count <= 0) return;
    sent += static_cast<std::size_t>(count);
  }
}

}  // namespace

ProbeServer::ProbeServer(const std::string& address, Pages pages) : pages_(std::move(pages)) {
  const auto addresses = look_up(address);
  int error = 0;
  // The IPv6 wildcard, where there is IPv6, takes IPv4 as well.
  for (const int family : {AF_INET6, AF_INET}) {
    for (const auto* place = addresses.get(); place != nullptr; place = place->ai_next) {
      if (listener_ || place->ai_family != family) continue;
      base::FileDescriptor fd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
      const int on = 1;
      const bool listens =
          fd && ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
          ::bind(fd.get(), place->ai_addr, place->ai_addrlen) == 0 && ::listen(fd.get(), 16) == 0;
      if (listens) {
        listener_ = std::move(fd);
      } else {
        error = errno;
      }
    }
  }
  if (!listener_) base::throw_system_error(error, fmt::format("cannot listen at {}", address));
  port_ = port_of(listener_.get());
  thread_ = std::jthread([this](const std::stop_token& stop) { serve(stop); });
}

ProbeServer::~ProbeServer() = default;

void ProbeServer::serve(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    pollfd entry{.fd = listener_.get(), .events = POLLIN, .revents = 0};
    if (::poll(&entry, 1, kPollMs) <= 0) continue;
    const base::FileDescriptor connection(
        ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!connection) continue;
    ::setsockopt(connection.get(), SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof(kPatience));
    ::setsockopt(connection.get(), SOL_SOCKET, SO_SNDTIMEO, &kPatience, sizeof(kPatience));
    answer(connection.get());
  }
}

void ProbeServer::answer(int connection) const {
  const auto request = read_request(connection);
  const auto blank = request.find(' ');
  if (blank == std::string::npos) return;
  const auto method = request.substr(0, blank);
  const auto target = request.substr(blank + 1);
  const auto page = pages_.find(target.substr(0, target.find('?')));
  const char* status = "404 Not Found";
  ProbeAnswer found{.ok = false, .text = "not found\n"};
  if (method != "GET" && method != "HEAD") {
    status = "405 Method Not Allowed";
    found.text = "GET only\n";
  } else if (page != pages_.end()) {
    found = page->second();
    status = found.ok ? "200 OK" : "503 Service Unavailable";
  }
  send_all(connection,
           fmt::format("HTTP/1.1 {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: "
                       "close\r\n\r\n{}",
                       status, found.content_type, found.text.size(),
                       method == "HEAD" ? "" : found.text));
}

}  // namespace orchestrator::kubernetes
