// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "stages/root_tree.hpp"

namespace stages::supply_chain {

/// A package that a system's own database says is installed.
struct InstalledPackage {
  std::string type;  ///< Of its package URL: "deb", "apk", "rpm".
  std::string name;
  std::string version;
  std::string architecture;  ///< The distribution's word.
  std::string source;        ///< The source package, where it is called otherwise; else empty.
  std::string supplier;      ///< Its maintainer; may be empty.
  std::string license;       ///< In the database's own words; may be empty.
};

/// A database that is there, and why its packages, or some, are missing.
struct UnreadDatabase {
  std::string path;
  std::string reason;  ///< "it is of Berkeley DB".
};

/// What a root file system says of itself.
struct SystemContents {
  std::string id;  ///< os-release: ID, VERSION_ID, PRETTY_NAME; may be empty.
  std::string version;
  std::string name;
  std::vector<InstalledPackage> packages;  ///< Sorted by type, name, version, architecture.
  std::vector<UnreadDatabase> unread;
};

/// Reads the databases of dpkg (also the folder of files that images without dpkg have), apk
/// and rpm. Throws base::Error kIo.
/// Sources: dpkg(1) and deb-control(5); apk-tools, "Installed database"; rpm_database.hpp.
SystemContents contents_of(const RootTree& root);

}  // namespace stages::supply_chain
