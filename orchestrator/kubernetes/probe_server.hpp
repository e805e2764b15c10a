// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <thread>

#include "base/handle.hpp"

namespace orchestrator::kubernetes {

/// What a GET of one path is answered with.
struct ProbeAnswer {
  bool ok = true;  ///< 200, or 503.
  std::string text{};
  std::string content_type = "text/plain; charset=utf-8";
};

/// Answers a kubelet's probes and a Prometheus: GET and HEAD of a few paths over HTTP, one
/// connection at a time, each closed after its answer. No secret is to be had there.
class ProbeServer {
 public:
  using Pages = std::map<std::string, std::function<ProbeAnswer()>>;  ///< By path: "/healthz".

  /// Listens at once. `address`: "HOST:PORT" or ":PORT", port 0 for a free one. Throws base::Error
  /// kUsage for a bad address, kIo when it cannot listen there.
  ProbeServer(const std::string& address, Pages pages);
  ~ProbeServer();
  ProbeServer(const ProbeServer&) = delete;
  ProbeServer& operator=(const ProbeServer&) = delete;
  ProbeServer(ProbeServer&&) = delete;
  ProbeServer& operator=(ProbeServer&&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }

 private:
  void serve(const std::stop_token& stop);
  void answer(int connection) const;

  Pages pages_;
  base::FileDescriptor listener_;
  std::uint16_t port_ = 0;
  std::jthread thread_;
};

}  // namespace orchestrator::kubernetes
