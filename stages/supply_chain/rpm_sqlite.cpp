// SPDX-License-Identifier: Apache-2.0
#include "stages/supply_chain/rpm_sqlite.hpp"

#include <fmt/format.h>
#include <sqlite3.h>

#include <string_view>

#include "base/handle.hpp"

namespace stages::supply_chain {
namespace {

constexpr std::size_t kFileHeadBytes = 100;
constexpr std::size_t kWriteVersionAt = 18;
constexpr std::size_t kReadVersionAt = 19;
constexpr char kRollbackJournal = 1;
// Of SQLite's machine: three for each row, so that no system has as many. A table may lead to the
// same pages again and again.
constexpr int kMaxSteps = 1'000'000;
constexpr int kMaxHeaderBytes = 64 << 20;

using Connection = base::Handle<::sqlite3, &::sqlite3_close>;
using Statement = base::Handle<::sqlite3_stmt, &::sqlite3_finalize>;

void check(int status) {
  // Not sqlite3_errmsg(), which repeats names of the database.
  if (status != SQLITE_OK)
    refuse_database(fmt::format("SQLite says: {}", ::sqlite3_errstr(status)));
}

Connection open(std::string& database) {
  ::sqlite3* opened = nullptr;
  const auto status =
      ::sqlite3_open_v2(":memory:", &opened, SQLITE_OPEN_READWRITE | SQLITE_OPEN_MEMORY, nullptr);
  Connection connection(opened);
  check(status);
  for (const int option : {SQLITE_DBCONFIG_DEFENSIVE, SQLITE_DBCONFIG_TRUSTED_SCHEMA}) {
    const int value = option == SQLITE_DBCONFIG_DEFENSIVE ? 1 : 0;
    check(::sqlite3_db_config(opened, option, value, static_cast<int*>(nullptr)));
  }
  ::sqlite3_limit(opened, SQLITE_LIMIT_LENGTH, kMaxHeaderBytes);
  ::sqlite3_progress_handler(
      opened, kMaxSteps, [](void*) { return 1; }, nullptr);
  const auto bytes = static_cast<::sqlite3_int64>(database.size());
  check(::sqlite3_deserialize(opened, "main", reinterpret_cast<unsigned char*>(database.data()),
                              bytes, bytes, SQLITE_DESERIALIZE_READONLY));
  // A view could compute for ever. This knows tables alone.
  check(::sqlite3_table_column_metadata(opened, "main", "Packages", "blob", nullptr, nullptr,
                                        nullptr, nullptr, nullptr));
  return connection;
}

}  // namespace

void for_each_sqlite_header(std::string& database, const RpmHeaderVisitor& visit) {
  if (database.size() < kFileHeadBytes)
    refuse_database("it is shorter than the head of a database");
  database[kWriteVersionAt] = kRollbackJournal;
  database[kReadVersionAt] = kRollbackJournal;
  const auto connection = open(database);
  ::sqlite3_stmt* prepared = nullptr;
  check(
      ::sqlite3_prepare_v2(connection.get(), "SELECT blob FROM Packages", -1, &prepared, nullptr));
  const Statement statement(prepared);
  std::size_t seen = 0;
  int status = ::sqlite3_step(prepared);
  for (; status == SQLITE_ROW; status = ::sqlite3_step(prepared)) {
    if (::sqlite3_column_type(prepared, 0) != SQLITE_BLOB)
      refuse_database("a row of it has no header");
    const auto* header = static_cast<const char*>(::sqlite3_column_blob(prepared, 0));
    const auto bytes = static_cast<std::size_t>(::sqlite3_column_bytes(prepared, 0));
    seen += bytes;
    if (seen > database.size()) refuse_database("rows of it overlap");
    visit(bytes == 0 ? std::string_view() : std::string_view(header, bytes));
  }
  if (status != SQLITE_DONE) check(status);
}

}  // namespace stages::supply_chain
