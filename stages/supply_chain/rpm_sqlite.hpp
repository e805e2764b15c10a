// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "stages/supply_chain/rpm_header.hpp"

namespace stages::supply_chain {

/// The headers in the bytes of an rpmdb.sqlite, of which two are changed: SQLite reads what is in
/// memory only where it is not said to have a write-ahead log, and what such a log had is not
/// seen. Untrusted: throws base::Error kIntegrity when it is malformed, perhaps after some visits.
/// Sources: rpm, lib/backend/sqlite.c; SQLite, sqlite3_deserialize, "Defense Against The Dark
/// Arts".
void for_each_sqlite_header(std::string& database, const RpmHeaderVisitor& visit);

}  // namespace stages::supply_chain
