// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>

#include "auth/credential_source.hpp"
#include "base/secret.hpp"

namespace auth {

/// The registry credentials of a Kubernetes Secret (or what stands for one).
struct SecretText {
  std::string origin;  ///< "secret 'regcred' (demo.yaml)".
  ConfigSource::Read read;
};

/// A Secret whose text is at hand, from a manifest document.
SecretText fixed_secret(std::string origin, base::Secret text);

/// The Secret `name` in `folder`, as Kubernetes and systemd lay Secrets out:
/// NAME/.dockerconfigjson, NAME/.dockercfg, NAME/config.json, NAME_.dockerconfigjson (systemd's
/// name for the first), or NAME itself. Read again on refresh. nullopt when there is none. Throws
/// base::Error kUsage for a name that is none ('/', "..").
std::optional<SecretText> find_secret(const std::filesystem::path& folder, const std::string& name);

/// The credentials files in a folder: config.json, .dockerconfigjson, .dockercfg.
std::vector<std::filesystem::path> credential_files_in(const std::filesystem::path& folder);

/// Reads a credentials file: at most 4 MiB. Not there: nullopt, or an error when `required`.
/// Throws base::Error kUnauthorized naming it when it cannot be read.
std::optional<base::Secret> read_credentials(const std::filesystem::path& file, bool required);

/// Why a credentials file is not as private as it should be: others may read or change it, or
/// another user (not root) owns it. nullopt when it is fine or cannot be looked at. Files in a
/// volume that Kubernetes fills may be readable by all: the pod is their border.
std::optional<std::string> exposure_of(const std::filesystem::path& file, uid_t user_id);

}  // namespace auth
