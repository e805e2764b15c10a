// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <span>

#include "base/format.hpp"
#include "oci/rooted_directory.hpp"
#include "stages/dockerfile/arguments.hpp"
#include "stages/dockerfile/blanks.hpp"

namespace stages::dockerfile {
namespace {

struct MountKind {
  std::string_view name;
  RunMount::Kind kind;
};
constexpr std::array<MountKind, 5> kKinds = {{{"bind", RunMount::Kind::kBind},
                                              {"cache", RunMount::Kind::kCache},
                                              {"tmpfs", RunMount::Kind::kTmpfs},
                                              {"secret", RunMount::Kind::kSecret},
                                              {"ssh", RunMount::Kind::kSsh}}};

/// Which kinds a key is for: a letter each of Bind, Cache, Tmpfs, secret (X), sSh (H).
struct MountKey {
  std::string_view name;
  std::string_view means;  ///< Another spelling's meaning.
  std::string_view kinds;
  bool may_stand_alone = false;
};
constexpr std::array<MountKey, 18> kKeys = {{{"type", "type", "BCTXH"},
                                             {"from", "from", "BC"},
                                             {"source", "source", "BCX"},
                                             {"src", "source", "BCX"},
                                             {"target", "target", "BCTXH"},
                                             {"dst", "target", "BCTXH"},
                                             {"destination", "target", "BCTXH"},
                                             {"readonly", "readonly", "BCTXH", true},
                                             {"ro", "readonly", "BCTXH", true},
                                             {"readwrite", "readwrite", "BCTXH", true},
                                             {"rw", "readwrite", "BCTXH", true},
                                             {"id", "id", "CXH"},
                                             {"sharing", "sharing", "C"},
                                             {"required", "required", "XH", true},
                                             {"size", "size", "T"},
                                             {"mode", "mode", "CXH"},
                                             {"uid", "uid", "CXH"},
                                             {"gid", "gid", "CXH"}}};
constexpr MountKey kEnvKey = {"env", "env", "X"};
constexpr std::string_view kKindLetters = "BCTXH";

using Fields = std::map<std::string, std::string, std::less<>>;

template <typename Rows>
std::string meant_by(std::string_view word, const Rows& rows) {
  std::vector<std::string_view> names;
  for (const auto& row : rows) names.push_back(row.name);
  const auto meant = base::nearest(word, names);
  return meant.empty() ? fmt::format("known are {}", fmt::join(names, ", "))
                       : fmt::format("did you mean {}?", meant);
}

/// Fields of RFC 4180: commas separate, double quotes hold commas.
std::vector<std::string> csv_fields(const Instruction& instruction, std::string_view text) {
  std::vector<std::string> fields(1);
  bool quoted = false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (c == ',' && !quoted) {
      fields.emplace_back();
    } else if (c == '"' && quoted && at + 1 < text.size() && text[at + 1] == '"') {
      fields.back() += text[++at];
    } else if (c == '"') {
      quoted = !quoted;
    } else {
      fields.back() += c;
    }
  }
  if (quoted) throw instruction_error(instruction, "a quote of --mount does not end");
  return fields;
}

bool truth(const Instruction& instruction, std::string_view key, const std::string& value) {
  const auto is_one_of = [&](std::span<const std::string_view> words) {
    return std::find(words.begin(), words.end(), value) != words.end();
  };
  constexpr std::array<std::string_view, 6> kTrue = {"1", "t", "T", "true", "TRUE", "True"};
  constexpr std::array<std::string_view, 6> kFalse = {"0", "f", "F", "false", "FALSE", "False"};
  if (is_one_of(kTrue)) return true;
  if (is_one_of(kFalse)) return false;
  throw instruction_error(instruction, fmt::format("invalid value for {}: {}", key, value),
                          "it is true or false");
}

std::uint32_t number(const Instruction& instruction, std::string_view key, const std::string& value,
                     int base) {
  std::uint32_t result = 0;
  const auto* const end = value.data() + value.size();
  const auto [at, error] = std::from_chars(value.data(), end, result, base);
  if (error == std::errc() && at == end && !value.empty()) return result;
  throw instruction_error(instruction, fmt::format("invalid value {} for {}", value, key),
                          base == 8 ? "it is octal, as 0600" : "it is a number");
}

/// "64m", "1.5GiB": binary units. Source: docker/go-units, RAMInBytes.
std::uint64_t byte_size(const Instruction& instruction, const std::string& value) {
  const auto digits = std::min(value.find_first_not_of("0123456789."), value.size());
  const auto unit = lower_case(trimmed(std::string_view(value).substr(digits)));
  const auto power =
      unit.empty() || unit == "b" ? 0 : std::string_view("bkmgtp").find(unit.front());
  const auto tail = unit.empty() ? "" : unit.substr(1);
  double result = 0;
  const auto* const end = value.data() + digits;
  const auto [at, error] = std::from_chars(value.data(), end, result);
  const bool good_unit =
      power != std::string_view::npos && (tail.empty() || tail == "b" || tail == "ib");
  if (error == std::errc() && at == end && digits > 0 && good_unit) {
    for (std::size_t i = 0; i < power; ++i) result *= 1024;
    if (result < 9.0e18) return static_cast<std::uint64_t>(result);
  }
  throw instruction_error(instruction, fmt::format("invalid value for size: {}", value),
                          "write it as 64m or 1g");
}

const MountKey& key_of(const Instruction& instruction, const std::string& name,
                       const std::string& field) {
  if (name == kEnvKey.name) return kEnvKey;
  const auto* const found =
      std::find_if(kKeys.begin(), kKeys.end(), [&](const auto& key) { return key.name == name; });
  if (found != kKeys.end()) return *found;
  throw instruction_error(instruction, fmt::format("unexpected key '{}' in '{}'", name, field),
                          meant_by(name, kKeys));
}

/// Keys in one spelling; a key that stands alone has the value "true".
Fields read_fields(const Instruction& instruction, std::string_view text) {
  Fields fields;
  for (const auto& field : csv_fields(instruction, text)) {
    const auto equals = field.find('=');
    const auto& key = key_of(instruction, lower_case(field.substr(0, equals)), field);
    if (equals == std::string::npos && !key.may_stand_alone) {
      throw instruction_error(instruction,
                              fmt::format("invalid field '{}' must be a key=value pair", field));
    }
    auto value = equals == std::string::npos ? "true" : field.substr(equals + 1);
    if (key.means == "from" && value.find('$') != std::string::npos && value.back() != '$') {
      throw instruction_error(instruction, "'from' doesn't support variable expansion",
                              "define an alias stage instead");
    }
    if (key.means == "readwrite") {
      value = truth(instruction, key.name, value) ? "false" : "true";
      fields.insert_or_assign("readonly", std::move(value));
    } else {
      fields.insert_or_assign(std::string(key.means), std::move(value));
    }
  }
  return fields;
}

RunMount::Kind kind_of(const Instruction& instruction, const Fields& fields) {
  const auto type = fields.find("type");
  if (type == fields.end()) return RunMount::Kind::kBind;
  const auto name = lower_case(type->second);
  for (const auto& row : kKinds) {
    if (row.name == name) return row.kind;
  }
  throw instruction_error(instruction, fmt::format("unsupported mount type \"{}\"", type->second),
                          meant_by(name, kKinds));
}

void check_keys(const Instruction& instruction, const Fields& fields, RunMount::Kind kind) {
  const char letter = kKindLetters[static_cast<std::size_t>(kind)];
  for (const auto& [name, value] : fields) {
    const auto& key = key_of(instruction, name, name);
    if (key.kinds.find(letter) == std::string_view::npos) {
      throw instruction_error(instruction,
                              fmt::format("unexpected key '{}' for mount type '{}'", name,
                                          kKinds.at(static_cast<std::size_t>(kind)).name));
    }
  }
}

RunMount::Sharing sharing_of(const Instruction& instruction, const std::string& value) {
  struct Row {
    std::string_view name;
    RunMount::Sharing sharing;
  };
  constexpr std::array<Row, 3> kSharings = {{{"shared", RunMount::Sharing::kShared},
                                             {"private", RunMount::Sharing::kPrivate},
                                             {"locked", RunMount::Sharing::kLocked}}};
  for (const auto& row : kSharings) {
    if (row.name == lower_case(value)) return row.sharing;
  }
  throw instruction_error(instruction, fmt::format("unsupported sharing value \"{}\"", value),
                          meant_by(value, kSharings));
}

void complete(const Instruction& instruction, RunMount& mount) {
  switch (mount.kind) {
    case RunMount::Kind::kSsh:
      if (mount.id.empty()) mount.id = "default";
      return;
    case RunMount::Kind::kSecret: {
      if (!mount.source.empty() && !mount.id.empty()) {
        throw instruction_error(instruction, "both source and id can't be set");
      }
      if (mount.id.empty()) mount.id = mount.source;
      const auto names = oci::clean_path(mount.id.empty() ? mount.target : mount.id);
      if (names.empty()) {
        throw instruction_error(instruction, "invalid secret mount: one of id, target required",
                                "write --mount=type=secret,id=NAME");
      }
      if (mount.id.empty()) mount.id = names.back();
      if (mount.target.empty() && !mount.env) mount.target = "/run/secrets/" + names.back();
      return;
    }
    case RunMount::Kind::kBind:
    case RunMount::Kind::kCache:
    case RunMount::Kind::kTmpfs:
      if (mount.target.empty() || oci::clean_path(mount.target).empty()) {
        throw instruction_error(instruction,
                                fmt::format("invalid mount target \"{}\"", mount.target),
                                "say where it is to be seen: target=/folder");
      }
      if (mount.kind == RunMount::Kind::kCache && mount.id.empty()) {
        mount.id = "/" + oci::join(oci::clean_path(mount.target));
      }
      return;
  }
}

RunMount read_mount(const Instruction& instruction, std::string_view text) {
  const auto fields = read_fields(instruction, text);
  RunMount mount;
  mount.kind = kind_of(instruction, fields);
  check_keys(instruction, fields, mount.kind);
  const auto get = [&](std::string_view name) -> const std::string* {
    const auto found = fields.find(name);
    return found == fields.end() ? nullptr : &found->second;
  };
  const auto copy = [&](std::string_view name, std::string& to) {
    if (const auto* value = get(name)) to = *value;
  };
  copy("from", mount.from);
  copy("source", mount.source);
  copy("target", mount.target);
  copy("id", mount.id);
  mount.read_only = mount.kind != RunMount::Kind::kCache && mount.kind != RunMount::Kind::kTmpfs;
  if (const auto* value = get("readonly")) mount.read_only = truth(instruction, "readonly", *value);
  if (const auto* value = get("required")) mount.required = truth(instruction, "required", *value);
  if (const auto* value = get("size")) mount.bytes = byte_size(instruction, *value);
  if (const auto* value = get("sharing")) mount.sharing = sharing_of(instruction, *value);
  if (const auto* value = get("mode")) mount.mode = number(instruction, "mode", *value, 8);
  if (const auto* value = get("uid")) mount.user = number(instruction, "uid", *value, 10);
  if (const auto* value = get("gid")) mount.group = number(instruction, "gid", *value, 10);
  if (const auto* value = get("env")) mount.env = *value;
  complete(instruction, mount);
  return mount;
}

}  // namespace

RunOptions run_options(const Instruction& instruction) {
  RunOptions options;
  for (const auto& flag : instruction.flags) {
    const auto value = flag.value.value_or("");
    if (flag.name == "mount") {
      options.mounts.push_back(read_mount(instruction, value));
    } else if (flag.name == "network") {
      if (value != "default" && value != "none" && value != "host") {
        throw instruction_error(instruction, fmt::format("invalid network mode \"{}\"", value),
                                "it is default, none or host");
      }
      options.network = value == "none"   ? RunNetwork::kNone
                        : value == "host" ? RunNetwork::kHost
                                          : RunNetwork::kDefault;
    } else if (flag.name == "security") {
      if (value != "sandbox" && value != "insecure") {
        throw instruction_error(instruction, fmt::format("security \"{}\" is not valid", value),
                                "it is sandbox or insecure");
      }
      options.insecure = value == "insecure";
    }
  }
  return options;
}

}  // namespace stages::dockerfile
