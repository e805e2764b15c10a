// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "stages/supply_chain/rpm_header.hpp"

namespace stages::supply_chain {

/// The headers in the bytes of a Packages.db, which rpm of SUSE keeps. Untrusted: throws
/// base::Error kIntegrity when they are malformed, before the first visit or after some. Source:
/// rpm, lib/backend/ndb/rpmpkg.c.
void for_each_ndb_header(std::string_view database, const RpmHeaderVisitor& visit);

}  // namespace stages::supply_chain
