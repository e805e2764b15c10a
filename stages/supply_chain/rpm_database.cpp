// SPDX-License-Identifier: Apache-2.0
#include "stages/supply_chain/rpm_database.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <set>
#include <string>
#include <utility>

#include "base/error.hpp"
#include "stages/supply_chain/rpm_header.hpp"
#include "stages/supply_chain/rpm_ndb.hpp"
#include "stages/supply_chain/rpm_sqlite.hpp"

namespace stages::supply_chain {
namespace {

constexpr std::size_t kMaxDatabaseBytes = 256U << 20U;

// Where distributions keep it: often one is a link to another.
constexpr const char* kFolders[] = {"/var/lib/rpm", "/usr/lib/sysimage/rpm", "/usr/share/rpm"};

struct Kind {
  const char* file;
  void (*for_each_header)(std::string& database, const RpmHeaderVisitor& visit);
};
constexpr Kind kKinds[] = {
    {"rpmdb.sqlite", &for_each_sqlite_header},
    {"Packages.db", [](std::string& database,
                       const RpmHeaderVisitor& visit) { for_each_ndb_header(database, visit); }},
};

/// Returns why packages are missing; empty when none is.
std::string read_database(const Kind& kind, std::string database,
                          std::vector<InstalledPackage>& packages) {
  if (database.size() > kMaxDatabaseBytes) {
    return fmt::format("it is larger than {} MiB", kMaxDatabaseBytes >> 20U);
  }
  std::string problem;
  try {
    kind.for_each_header(database, [&](std::string_view header) {
      try {
        if (auto package = package_of_rpm_header(header)) packages.push_back(std::move(*package));
      } catch (const base::Error& error) {
        problem = error.facts().what;  // The other packages are as good as they were.
      }
    });
  } catch (const base::Error& error) {
    problem = error.facts().what;
  }
  return problem;
}

}  // namespace

void read_rpm(const RootTree& root, SystemContents& contents) {
  std::set<std::filesystem::path> seen;
  const auto found_first = [&](const std::filesystem::path& path) {
    const auto file = root.file(path);
    return file && seen.insert(*file).second;
  };
  for (const std::filesystem::path folder : kFolders) {
    for (const auto& kind : kKinds) {
      const auto path = folder / kind.file;
      if (!found_first(path)) continue;
      auto problem = read_database(kind, root.head(path, kMaxDatabaseBytes + 1).value_or(""),
                                   contents.packages);
      if (!problem.empty()) contents.unread.push_back({path.string(), std::move(problem)});
    }
    // rpm empties the log when it ends.
    if (const auto log = folder / "rpmdb.sqlite-wal"; found_first(log)) {
      contents.unread.push_back({log.string(), "it is a log of changes that rpm did not finish"});
    }
    if (const auto old = folder / "Packages"; found_first(old)) {
      contents.unread.push_back({old.string(), "it is of Berkeley DB"});
    }
  }
}

}  // namespace stages::supply_chain
