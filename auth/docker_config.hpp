// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/credential.hpp"
#include "auth/registry_key.hpp"
#include "base/error.hpp"
#include "base/secret.hpp"

namespace auth {

/// A credentials file: docker's config.json, containers' auth.json, a Kubernetes .dockerconfigjson
/// (all with `auths`), or the legacy .dockercfg, which is the content of `auths` alone.
/// Source: docker/cli config file; containers-auth.json(5); Kubernetes, "Secret types".
class DockerConfig {
 public:
  /// kVariable: DOCKER_AUTH_CONFIG, which holds `auths` with `auth` alone; all else is an error.
  /// Source: docker/cli, cli/config/configfile.
  enum class Form { kFile, kVariable };

  /// `name` is what messages call it: a path, or "secret NAME". Throws base::Error kUnauthorized
  /// naming it and the offset when it is broken; never quotes it.
  static DockerConfig parse(const base::Secret& text, const std::string& name,
                            Form form = Form::kFile);

  /// The entry that fits best (RegistryKey::match), or nullopt. Empty entries are none. Throws
  /// base::Error kUnauthorized when that entry is broken; the others do no harm.
  [[nodiscard]] std::optional<Credential> find(std::string_view registry,
                                               std::string_view repository) const;
  /// What `credHelpers` says of this registry: the helper's name without docker-credential-.
  [[nodiscard]] std::optional<std::string> helper_for(std::string_view registry) const;
  /// `credsStore`, or empty.
  [[nodiscard]] const std::string& store() const { return store_; }
  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  struct Entry {
    RegistryKey key;
    Credential credential;
    std::optional<base::Error> broken;  ///< Thrown when somebody asks for this entry.
  };

  std::string name_;
  std::vector<Entry> entries_;
  std::map<std::string, std::string> helpers_;
  std::string store_;
};

}  // namespace auth
