// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <filesystem>
#include <mutex>

#include "base/secret.hpp"

namespace orchestrator::kubernetes {

/// The token that a request carries. One from a file is read again once a minute, since the kubelet
/// replaces it there long before it expires. Thread-safe.
class BearerToken {
 public:
  /// None.
  BearerToken() = default;
  explicit BearerToken(base::Secret value) : value_(std::move(value)) {}
  explicit BearerToken(std::filesystem::path file) : file_(std::move(file)) {}

  /// Empty when there is none. Throws base::Error kUnauthorized when the file cannot be read.
  base::Secret value();
  /// Reads the file again after a 401. True when another token than `refused` came of it.
  bool reread(const base::Secret& refused);

 private:
  void read();

  std::filesystem::path file_;
  std::mutex mutex_;
  base::Secret value_;
  std::chrono::steady_clock::time_point read_at_;
};

}  // namespace orchestrator::kubernetes
