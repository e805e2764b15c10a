// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/handle.hpp"

namespace tests {

/// A fake: an HTTP server on loopback that answers what the test says, to try what a real API
/// server cannot be made to do. Knows nothing of Kubernetes.
class FakeApiServer {
 public:
  struct Request {
    std::string method;
    std::string target;                          ///< Path and query.
    std::map<std::string, std::string> headers;  ///< Names in lower case.
    std::string body;
  };
  struct Answer {
    int status = 200;
    std::string body{};
    std::string headers{};  ///< More of them, each with its line end.
    bool hang = false;      ///< Keep the connection open after `body`, as a watch does.
  };
  using Handler = std::function<Answer(const Request&)>;

  explicit FakeApiServer(Handler handler);
  ~FakeApiServer();
  FakeApiServer(const FakeApiServer&) = delete;
  FakeApiServer& operator=(const FakeApiServer&) = delete;
  FakeApiServer(FakeApiServer&&) = delete;
  FakeApiServer& operator=(FakeApiServer&&) = delete;

  [[nodiscard]] std::string url() const;
  [[nodiscard]] std::vector<Request> requests() const;
  /// Ends every connection that hangs.
  void hang_up();

 private:
  void accept_all(const std::stop_token& stop);
  void serve(int fd, const std::stop_token& stop);

  Handler handler_;
  base::FileDescriptor listener_;
  std::uint16_t port_ = 0;
  mutable std::mutex mutex_;
  std::vector<Request> requests_;
  std::atomic<int> hang_ups_ = 0;
  std::list<std::jthread> connections_;
  std::jthread acceptor_;
};

}  // namespace tests
