// SPDX-License-Identifier: Apache-2.0
#include "tests/support/fake_api_server.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <stdexcept>

namespace tests {
namespace {

constexpr int kPollMs = 20;

/// Waits for something to read; false once `ended`.
template <typename Ended>
bool wait_readable(int fd, Ended ended) {
  while (!ended()) {
    pollfd entry{.fd = fd, .events = POLLIN, .revents = 0};
    if (::poll(&entry, 1, kPollMs) > 0) return true;
  }
  return false;
}

void send_all(int fd, const std::string& text) {
  std::size_t sent = 0;
  while (sent < text.size()) {
    const auto count = ::send(fd, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
    if (count <= 0) return;
    sent += static_cast<std::size_t>(count);
  }
}

FakeApiServer::Request parse_head(const std::string& head) {
  FakeApiServer::Request request;
  const auto line = head.substr(0, head.find("\r\n"));
  const auto blank = line.find(' ');
  request.method = line.substr(0, blank);
  request.target = line.substr(blank + 1, line.rfind(' ') - blank - 1);
  for (auto at = head.find("\r\n"); at != std::string::npos;) {
    const auto end = head.find("\r\n", at + 2);
    const auto header = head.substr(at + 2, end == std::string::npos ? end : end - at - 2);
    if (const auto colon = header.find(": "); colon != std::string::npos) {
      auto name = header.substr(0, colon);
      std::transform(name.begin(), name.end(), name.begin(),
                     [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
      request.headers[name] = header.substr(colon + 2);
    }
    at = end;
  }
  return request;
}

/// nullopt when the client has gone.
template <typename Ended>
std::optional<FakeApiServer::Request> read_request(int fd, Ended ended) {
  std::string text;
  std::optional<FakeApiServer::Request> request;
  std::size_t wanted = 0;
  while (true) {
    const auto head = text.find("\r\n\r\n");
    if (!request && head != std::string::npos) {
      request = parse_head(text.substr(0, head));
      const auto length = request->headers.find("content-length");
      wanted = head + 4 + (length == request->headers.end() ? 0 : std::stoul(length->second));
    }
    if (request && text.size() >= wanted) {
      request->body = text.substr(head + 4);
      return request;
    }
    char buffer[4096];
    if (!wait_readable(fd, ended)) return std::nullopt;
    const auto count = ::recv(fd, buffer, sizeof(buffer), 0);
    if (count <= 0) return std::nullopt;
    text.append(buffer, static_cast<std::size_t>(count));
  }
}

}  // namespace

FakeApiServer::FakeApiServer(Handler handler) : handler_(std::move(handler)) {
  listener_.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (::bind(listener_.get(), generic, size) != 0 || ::listen(listener_.get(), 64) != 0 ||
      ::getsockname(listener_.get(), generic, &size) != 0) {
    throw std::runtime_error("cannot listen on loopback");
  }
  port_ = ntohs(address.sin_port);
  acceptor_ = std::jthread([this](const std::stop_token& stop) { accept_all(stop); });
}

FakeApiServer::~FakeApiServer() {
  acceptor_.request_stop();
  acceptor_.join();
  connections_.clear();
}

std::string FakeApiServer::url() const { return fmt::format("http://127.0.0.1:{}", port_); }

std::vector<FakeApiServer::Request> FakeApiServer::requests() const {
  const std::scoped_lock lock(mutex_);
  return requests_;
}

void FakeApiServer::hang_up() { ++hang_ups_; }

void FakeApiServer::accept_all(const std::stop_token& stop) {
  while (wait_readable(listener_.get(), [&] { return stop.stop_requested(); })) {
    const int fd = ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) continue;
    connections_.emplace_back([this, fd](const std::stop_token& ended) {
      serve(fd, ended);
      ::close(fd);
    });
  }
}

void FakeApiServer::serve(int fd, const std::stop_token& stop) {
  const auto ended = [&] { return stop.stop_requested(); };
  while (auto request = read_request(fd, ended)) {
    {
      const std::scoped_lock lock(mutex_);
      requests_.push_back(*request);
    }
    const int hang_ups = hang_ups_;
    const auto answer = handler_(*request);
    auto text = fmt::format("HTTP/1.1 {} X\r\n{}", answer.status, answer.headers);
    if (!answer.hang) text += fmt::format("Content-Length: {}\r\n", answer.body.size());
    send_all(fd, text + "\r\n" + answer.body);
    if (!answer.hang) continue;
    wait_readable(fd, [&] { return stop.stop_requested() || hang_ups_ != hang_ups; });
    return;
  }
}

}  // namespace tests
