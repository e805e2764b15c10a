// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace auth {

/// A key of a credentials file, as it is meant: "https://index.docker.io/v1/" is docker.io,
/// "https://reg.io/v2/" is reg.io, "reg.io/team" is the folder team of reg.io.
/// Source: containers-auth.json(5); Kubernetes, "Configuration of the kubelet's image pull".
struct RegistryKey {
  std::string host;  ///< Lower case, with its port; may hold `*` labels.
  std::string path;  ///< Repository path below the host; empty for the whole host.

  /// nullopt when `key` names no host.
  static std::optional<RegistryKey> parse(std::string_view key);

  /// How well this key fits `registry`/`repository`; nullopt: not at all. Longer paths are better,
  /// and at the same path a literal host beats one with `*`. A port is part of the host; a path
  /// matches whole components only.
  [[nodiscard]] std::optional<std::size_t> match(std::string_view registry,
                                                 std::string_view repository) const;
};

/// The one name of a registry: docker.io for all of Docker Hub's hosts, lower case.
std::string canonical_registry(std::string_view host);

}  // namespace auth
