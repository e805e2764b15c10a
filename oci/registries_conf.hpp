// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/proxy.hpp"
#include "oci/registry_rules.hpp"

namespace oci {

/// What the files say, and what of it has no effect here.
struct RegistriesConf {
  RegistryRules rules;
  std::vector<std::string> warnings;
};

/// The files that count on this machine, in the order of reading: $CONTAINERS_REGISTRIES_CONF, else
/// the user's registries.conf ($XDG_CONFIG_HOME, else ~/.config, /containers), else that of
/// `system` (/etc/containers); then the drop-ins registries.conf.d/*.conf by name, the system's
/// (unless the user's own file is read) before the user's. Throws base::Error kUsage for a named
/// file that is not there. Source: containers-registries.conf.d(5).
std::vector<std::filesystem::path> find_registries_conf(const base::Environment& environment,
                                                        const std::filesystem::path& system);

/// Reads files of the second format; a later rule for the same prefix replaces the earlier.
/// Throws base::Error kUsage with the file and line for what cannot be read, and for the first
/// format, which knows no mirrors. Short names mean docker.io whatever
/// unqualified-search-registries says. Source: containers-registries.conf(5).
RegistriesConf read_registries_conf(const std::vector<std::filesystem::path>& files);

}  // namespace oci
