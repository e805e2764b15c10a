// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <spdlog/logger.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>

#include "auth/keychain.hpp"
#include "base/http.hpp"
#include "base/http_retry.hpp"
#include "oci/registry.hpp"

namespace oci {

struct RegistryClientOptions {
  base::RetryPolicy retry;
  std::uint64_t chunk_bytes = 16U << 20;  ///< Of uploads to registries that want pieces.
  /// Longest time without a byte before a transfer counts as broken, where less than usual.
  std::optional<std::chrono::seconds> longest_stall = std::nullopt;
};

/// A client for every registry a reference can name, docker.io included. The keychain says who we
/// are, `http` what is trusted; both and the logger may be shared.
std::unique_ptr<Registry> make_registry_client(const RegistryClientOptions& options,
                                               std::shared_ptr<auth::Keychain> keychain,
                                               std::shared_ptr<base::HttpClient> http,
                                               std::shared_ptr<spdlog::logger> log);

}  // namespace oci
