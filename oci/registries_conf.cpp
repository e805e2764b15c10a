// SPDX-License-Identifier: Apache-2.0
#include "oci/registries_conf.hpp"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <set>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/format.hpp"

namespace oci {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxFileBytes = 4U << 20;
constexpr const char* kFileName = "registries.conf";
constexpr const char* kNamedBy = "CONTAINERS_REGISTRIES_CONF";

/// Keys beside [[registry]]. They are about short names and other programs' helpers.
constexpr std::array<std::string_view, 6> kOtherKeys = {"unqualified-search-registries",
                                                        "short-name-mode",
                                                        "aliases",
                                                        "credential-helpers",
                                                        "registry",
                                                        "additional-layer-store-auth-helper"};
constexpr std::array<std::string_view, 6> kRegistryKeys = {
    "prefix", "location", "insecure", "blocked", "mirror", "mirror-by-digest-only"};
constexpr std::array<std::string_view, 3> kMirrorKeys = {"location", "insecure",
                                                         "pull-from-mirror"};

bool is_file(const fs::path& path) {
  std::error_code ignored;  // What cannot be seen is not there.
  return fs::is_regular_file(path, ignored);
}

void add_drop_ins(const fs::path& folder, std::vector<fs::path>& files) {
  std::error_code error;
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (entry.path().extension() == ".conf" && is_file(entry.path())) found.push_back(entry.path());
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    throw base::Error({.code = base::ErrorCode::kUsage,
                       .what = fmt::format("cannot read {}", folder.string()),
                       .why = error.message(),
                       .hint = ""});
  }
  std::sort(found.begin(), found.end());
  files.insert(files.end(), found.begin(), found.end());
}

/// Reads one file into the rules.
class ConfReader {
 public:
  ConfReader(const fs::path& file, RegistriesConf& conf) : file_(file.string()), conf_(conf) {}

  void read() {
    const auto root = parse();
    if (const auto* old = root.get("registries")) {
      fail(*old, "this is the first version of the format, which knows no mirrors",
           "write [[registry]] tables, as containers-registries.conf(5) shows");
    }
    check_keys(root, kOtherKeys);
    const auto* registries = root.get("registry");
    if (registries == nullptr) return;
    for (const auto& table : tables(*registries, "registry")) add_rule(*table);
  }

 private:
  toml::table parse() const {
    const auto text = base::read_file(file_, kMaxFileBytes);
    try {
      return toml::parse(std::string_view(text), file_);
    } catch (const toml::parse_error& error) {
      throw base::Error({.code = base::ErrorCode::kUsage,
                         .what = fmt::format("{} is no TOML", place(error.source())),
                         .why = std::string(error.description()),
                         .hint = ""});
    }
  }

  std::string place(const toml::source_region& source) const {
    return fmt::format("{}:{}:{}", file_, source.begin.line, source.begin.column);
  }

  [[noreturn]] void fail(const toml::node& node, std::string why, std::string hint) const {
    throw base::Error({.code = base::ErrorCode::kUsage,
                       .what = fmt::format("cannot use {}", place(node.source())),
                       .why = std::move(why),
                       .hint = std::move(hint)});
  }

  template <std::size_t Count>
  void check_keys(const toml::table& table, const std::array<std::string_view, Count>& known) {
    for (const auto& [key, value] : table) {
      const std::string_view name = key.str();
      if (std::find(known.begin(), known.end(), name) != known.end()) continue;
      const auto near = base::nearest(name, known);
      conf_.warnings.push_back(
          fmt::format("{}: '{}' has no effect{}", place(value.source()), base::printable(name),
                      near.empty() ? std::string() : fmt::format("; did you mean '{}'?", near)));
    }
  }

  std::vector<const toml::table*> tables(const toml::node& node, const char* name) const {
    std::vector<const toml::table*> found;
    const auto* list = node.as_array();
    if (list == nullptr) fail(node, fmt::format("'{}' is no list of tables", name), "");
    for (const auto& item : *list) {
      if (!item.is_table()) fail(item, fmt::format("an item of '{}' is no table", name), "");
      found.push_back(item.as_table());
    }
    return found;
  }

  std::string text(const toml::table& table, const char* key) const {
    const auto* node = table.get(key);
    if (node == nullptr) return "";
    if (!node->is_string()) fail(*node, fmt::format("'{}' is no text", key), "");
    return node->as_string()->get();
  }

  bool flag(const toml::table& table, const char* key) const {
    const auto* node = table.get(key);
    if (node == nullptr) return false;
    if (!node->is_boolean()) fail(*node, fmt::format("'{}' is neither true nor false", key), "");
    return node->as_boolean()->get();
  }

  std::string location(const toml::table& table, const char* key, bool wildcard) const {
    const auto value = text(table, key);
    if (value.empty()) return "";
    return checked_location(value, wildcard,
                            fmt::format("the {} at {}", key, place(table.get(key)->source())));
  }

  void add_rule(const toml::table& table) {
    check_keys(table, kRegistryKeys);
    RegistryRule rule{.prefix = location(table, "prefix", true),
                      .location = location(table, "location", false),
                      .insecure = flag(table, "insecure"),
                      .blocked = flag(table, "blocked"),
                      .mirrors = {},
                      .origin = fmt::format("{}:{}", file_, table.source().begin.line)};
    if (rule.prefix.empty() && rule.location.empty()) {
      fail(table, "this registry has neither prefix nor location", "");
    }
    if (rule.prefix.empty()) rule.prefix = rule.location;
    if (rule.prefix == rule.location) rule.location.clear();
    if (!prefixes_.insert(rule.prefix).second) {
      fail(table, fmt::format("'{}' is configured a second time in this file", rule.prefix), "");
    }
    const bool digest_only = flag(table, "mirror-by-digest-only");
    if (const auto* mirrors = table.get("mirror")) {
      for (const auto* mirror : tables(*mirrors, "mirror")) {
        rule.mirrors.push_back(read_mirror(*mirror, digest_only));
      }
    }
    conf_.rules.set(std::move(rule));
  }

  RegistryMirror read_mirror(const toml::table& table, bool digest_only) {
    check_keys(table, kMirrorKeys);
    RegistryMirror mirror{
        .location = location(table, "location", false),
        .insecure = flag(table, "insecure"),
        .plain_http = false,
        .pull = digest_only ? RegistryMirror::Pull::kDigestOnly : RegistryMirror::Pull::kAll,
        .origin = fmt::format("{}:{}", file_, table.source().begin.line)};
    if (mirror.location.empty()) fail(table, "this mirror has no location", "");
    const auto pull = text(table, "pull-from-mirror");
    if (pull.empty()) return mirror;
    const auto& node = *table.get("pull-from-mirror");
    if (digest_only) {
      fail(node, "the registry says mirror-by-digest-only, so a mirror cannot say this",
           "leave one of them out");
    }
    if (pull == "digest-only") {
      mirror.pull = RegistryMirror::Pull::kDigestOnly;
    } else if (pull == "tag-only") {
      mirror.pull = RegistryMirror::Pull::kTagOnly;
    } else if (pull != "all") {
      fail(node, fmt::format("pull-from-mirror is '{}'", base::printable(pull)),
           "write all, digest-only or tag-only");
    }
    return mirror;
  }

  std::string file_;
  RegistriesConf& conf_;
  std::set<std::string> prefixes_;  ///< Seen in this file.
};

}  // namespace

std::vector<fs::path> find_registries_conf(const base::Environment& environment,
                                           const fs::path& system) {
  const fs::path named = base::value_of(environment, kNamedBy);
  const auto xdg = base::value_of(environment, "XDG_CONFIG_HOME");
  const auto home = base::value_of(environment, "HOME");
  fs::path user;
  if (!home.empty()) user = fs::path(home) / ".config/containers";
  if (!xdg.empty()) user = fs::path(xdg) / "containers";

  std::vector<fs::path> files;
  bool users_own = false;
  if (!named.empty()) {
    if (!is_file(named)) {
      throw base::Error({.code = base::ErrorCode::kUsage,
                         .what = fmt::format("cannot read {}", named.string()),
                         .why = "it is no file",
                         .hint = fmt::format("mend or unset {}", kNamedBy)});
    }
    files.push_back(named);
  } else if (!user.empty() && is_file(user / kFileName)) {
    files.push_back(user / kFileName);
    users_own = true;
  } else if (is_file(system / kFileName)) {
    files.push_back(system / kFileName);
  }
  if (!users_own) add_drop_ins(system / "registries.conf.d", files);
  if (!user.empty()) add_drop_ins(user / "registries.conf.d", files);
  return files;
}

RegistriesConf read_registries_conf(const std::vector<fs::path>& files) {
  RegistriesConf conf;
  for (const auto& file : files) ConfReader(file, conf).read();
  for (const auto& host : conf.rules.mixed_hosts()) {
    conf.warnings.push_back(fmt::format(
        "{} is insecure for all its images, though registries.conf says so for some only", host));
  }
  return conf;
}

}  // namespace oci
