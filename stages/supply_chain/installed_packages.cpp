// SPDX-License-Identifier: Apache-2.0
#include "stages/supply_chain/installed_packages.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <string_view>
#include <tuple>

#include "stages/supply_chain/rpm_database.hpp"

namespace stages::supply_chain {
namespace {

constexpr std::size_t kMaxDatabaseBytes = 256U << 20U;
constexpr std::size_t kMaxFileBytes = 1U << 20U;

using Stanza = std::map<std::string, std::string, std::less<>>;

void for_each_line(std::string_view text, const std::function<void(std::string_view)>& visit) {
  while (!text.empty()) {
    const auto end = text.find('\n');
    auto line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    visit(line);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  }
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

/// Calls `visit` for each paragraph of "Field: value" lines; of a field of several lines the first.
void for_each_stanza(std::string_view text, const std::function<void(const Stanza&)>& visit) {
  Stanza stanza;
  const auto finish = [&] {
    if (!stanza.empty()) visit(stanza);
    stanza.clear();
  };
  for_each_line(text, [&](std::string_view line) {
    if (line.empty()) return finish();
    const auto colon = line.find(':');
    if (line.front() == ' ' || line.front() == '\t' || colon == std::string_view::npos) return;
    stanza.emplace(line.substr(0, colon), trimmed(line.substr(colon + 1)));
  });
  finish();
}

std::string field(const Stanza& stanza, std::string_view name) {
  const auto found = stanza.find(name);
  return found == stanza.end() ? "" : found->second;
}

/// `whole`: dpkg's own database, which also lists what was removed.
void read_dpkg(std::string_view text, bool whole, std::vector<InstalledPackage>& packages) {
  for_each_stanza(text, [&](const Stanza& stanza) {
    if (whole && !field(stanza, "Status").ends_with(" installed")) return;
    InstalledPackage package{.type = "deb",
                             .name = field(stanza, "Package"),
                             .version = field(stanza, "Version"),
                             .architecture = field(stanza, "Architecture"),
                             .source = field(stanza, "Source"),
                             .supplier = field(stanza, "Maintainer"),
                             .license = ""};
    if (!package.name.empty()) packages.push_back(std::move(package));
  });
}

void read_apk(std::string_view text, std::vector<InstalledPackage>& packages) {
  for_each_stanza(text, [&](const Stanza& stanza) {
    InstalledPackage package{.type = "apk",
                             .name = field(stanza, "P"),
                             .version = field(stanza, "V"),
                             .architecture = field(stanza, "A"),
                             .source = field(stanza, "o"),
                             .supplier = field(stanza, "m"),
                             .license = field(stanza, "L")};
    if (package.source == package.name) package.source.clear();
    if (!package.name.empty()) packages.push_back(std::move(package));
  });
}

std::string unquoted(std::string_view value) {
  const bool quoted = value.size() >= 2 && (value.front() == '"' || value.front() == '\'') &&
                      value.back() == value.front();
  return std::string(quoted ? value.substr(1, value.size() - 2) : value);
}

void read_os_release(const RootTree& root, SystemContents& contents) {
  for (const char* path : {"/etc/os-release", "/usr/lib/os-release"}) {
    const auto text = root.head(path, kMaxFileBytes);
    if (!text) continue;
    for_each_line(*text, [&](std::string_view line) {
      const auto equals = line.find('=');
      if (equals == std::string_view::npos) return;
      const auto name = line.substr(0, equals);
      const auto value = unquoted(trimmed(line.substr(equals + 1)));
      if (name == "ID") contents.id = value;
      if (name == "VERSION_ID") contents.version = value;
      if (name == "PRETTY_NAME") contents.name = value;
    });
    return;
  }
}

}  // namespace

SystemContents contents_of(const RootTree& root) {
  SystemContents contents;
  read_os_release(root, contents);
  auto& packages = contents.packages;
  if (const auto text = root.head("/var/lib/dpkg/status", kMaxDatabaseBytes)) {
    read_dpkg(*text, true, packages);
  }
  const std::filesystem::path folder = "/var/lib/dpkg/status.d";
  for (const auto& name : root.names(folder)) {
    if (name.ends_with(".md5sums")) continue;
    if (const auto text = root.head(folder / name, kMaxFileBytes))
      read_dpkg(*text, false, packages);
  }
  for (const char* path : {"/lib/apk/db/installed", "/usr/lib/apk/db/installed"}) {
    if (const auto text = root.head(path, kMaxDatabaseBytes)) {
      read_apk(*text, packages);
      break;
    }
  }
  read_rpm(root, contents);
  const auto key = [](const InstalledPackage& package) {
    return std::tie(package.type, package.name, package.version, package.architecture);
  };
  std::sort(packages.begin(), packages.end(),
            [&](const auto& left, const auto& right) { return key(left) < key(right); });
  const auto same = [&](const auto& left, const auto& right) { return key(left) == key(right); };
  packages.erase(std::unique(packages.begin(), packages.end(), same), packages.end());
  return contents;
}

}  // namespace stages::supply_chain
