// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <spdlog/logger.h>

#include <memory>

#include "oci/registry.hpp"
#include "oci/registry_rules.hpp"

namespace oci {

/// A registry that pulls from the places that `rules` name, in order, until one gives what was
/// asked for; each with its own credentials, since the places are asked under their own names.
/// A mirror that cannot be reached, refuses, lacks the image or sends bytes that are not those of
/// the digest is told of, and the next place is asked. One that cannot be reached is not asked
/// again, one that refused or broke not for the same image. The last error lists every place.
/// Pushes go to `registry` under the name they were given. `mirrors` is a client that gives up
/// sooner than `registry`; what it cannot use (a broken client certificate) is an error at once.
std::unique_ptr<Registry> make_mirrored_registry(RegistryRules rules,
                                                 std::shared_ptr<Registry> registry,
                                                 std::shared_ptr<Registry> mirrors,
                                                 std::shared_ptr<spdlog::logger> log);

}  // namespace oci
