// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/handle.hpp"

namespace orchestrator {

/// A datagram socket to a service of this machine, found by its path. What cannot be sent is
/// dropped: nobody who listens is a reason for a build to fail.
class DatagramSocket {
 public:
  /// `address`: a path, or "@name" in the abstract namespace; nullopt when nobody listens there.
  /// Source: unix(7).
  static std::optional<DatagramSocket> connect(const std::string& address);
  void send(std::string_view message) const noexcept;

 private:
  explicit DatagramSocket(base::FileDescriptor fd) : fd_(std::move(fd)) {}
  base::FileDescriptor fd_;
};

}  // namespace orchestrator
