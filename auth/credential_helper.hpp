// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "auth/credential.hpp"
#include "base/process.hpp"

namespace auth {

/// Asks docker-credential-NAME programs: `get`, the host on standard input, JSON on standard
/// output. They are looked up on our own PATH, never in an image or a build context.
/// Source: docker/docker-credential-helpers, "Development".
class CredentialHelper {
 public:
  /// `environment`: what the programs see besides PATH, each "NAME=VALUE". `runner` outlives us.
  CredentialHelper(base::ProcessRunner& runner, std::vector<std::string> environment,
                   std::chrono::seconds limit = std::chrono::seconds(30))
      : runner_(&runner), environment_(std::move(environment)), limit_(limit) {}

  /// nullopt when the helper knows nothing of `server`. Throws base::Error kUnauthorized naming the
  /// helper and `config`: a name that is not plain, a missing program, a failure, a time-out.
  /// `server` is as docker asks: the host, or https://index.docker.io/v1/ for docker.io.
  [[nodiscard]] std::optional<Credential> get(const std::string& helper, const std::string& server,
                                              const std::string& config) const;

 private:
  base::ProcessRunner* runner_;
  std::vector<std::string> environment_;
  std::chrono::seconds limit_;
};

}  // namespace auth
