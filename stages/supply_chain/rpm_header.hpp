// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "stages/supply_chain/installed_packages.hpp"

namespace stages::supply_chain {

/// Called with each header of a database of rpm; the bytes are there until it returns.
using RpmHeaderVisitor = std::function<void(std::string_view header)>;

/// Throws base::Error kIntegrity: `what` is wrong with a database of rpm.
[[noreturn]] void refuse_database(std::string what);

/// The package that a header of rpm is of; nullopt when it is of a key ("gpg-pubkey"). Untrusted:
/// throws base::Error kIntegrity when it is malformed. Source: RPM, "RPM v4 package format",
/// "Header Format"; in a database it begins behind magic and reserved bytes, with the two counts.
std::optional<InstalledPackage> package_of_rpm_header(std::string_view header);

}  // namespace stages::supply_chain
