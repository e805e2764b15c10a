// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/build_flags.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "base/error.hpp"
#include "base/files.hpp"

namespace orchestrator {
namespace {

constexpr std::size_t kMaxSecretBytes = 1U << 20;
constexpr std::string_view kDefaultAgent = "default";

[[noreturn]] void fail(std::string what, std::string why, std::string hint) {
  throw base::Error({.code = base::ErrorCode::kUsage,
                     .what = std::move(what),
                     .why = std::move(why),
                     .hint = std::move(hint)});
}

/// `key=value` with commas between.
std::map<std::string, std::string> fields_of(std::string_view flag) {
  std::map<std::string, std::string> fields;
  while (!flag.empty()) {
    const auto field = flag.substr(0, flag.find(','));
    const auto equals = std::min(field.find('='), field.size());
    fields.insert_or_assign(std::string(field.substr(0, equals)),
                            std::string(field.substr(std::min(equals + 1, field.size()))));
    flag.remove_prefix(std::min(field.size() + 1, flag.size()));
  }
  return fields;
}

/// Takes the field of the first of `names` that is there.
std::string take(std::map<std::string, std::string>& fields,
                 std::initializer_list<const char*> names) {
  for (const auto* name : names) {
    if (auto node = fields.extract(name)) return node.mapped();
  }
  return "";
}

base::Secret secret_of_file(const std::string& id, const std::filesystem::path& file) {
  auto text = base::read_file_if_exists(file, kMaxSecretBytes);
  if (!text) {
    fail(fmt::format("the secret {} cannot be read", id),
         fmt::format("there is no file {}", file.string()), "write --secret id=ID,src=FILE");
  }
  return base::Secret(std::move(*text));
}

base::Secret secret_of_variable(const std::string& id, const std::string& name,
                                const base::Environment& environment) {
  const auto found = environment.find(name);
  if (found != environment.end()) return base::Secret(found->second);
  fail(fmt::format("the secret {} cannot be read", id),
       fmt::format("the variable {} is not set", name), "");
}

}  // namespace

stages::BuildSecret parse_build_secret(const std::string& flag,
                                       const base::Environment& environment) {
  auto fields = fields_of(flag);
  stages::BuildSecret secret;
  secret.id = take(fields, {"id"});
  const auto file = take(fields, {"src", "source"});
  auto variable = take(fields, {"env"});
  const auto type = take(fields, {"type"});
  const bool known_type = type.empty() || type == "file" || type == "env";
  if (secret.id.empty() || !fields.empty() || !known_type || (!file.empty() && !variable.empty())) {
    fail("a --secret cannot be used", "it is not id=ID with src=FILE or env=NAME",
         "write --secret id=ID,src=FILE or --secret id=ID,env=NAME");
  }
  if (type == "env" && variable.empty()) variable = file.empty() ? secret.id : file;
  if (variable.empty() && file.empty() && type != "file" && environment.contains(secret.id)) {
    variable = secret.id;
  }
  secret.value = variable.empty() ? secret_of_file(secret.id, file.empty() ? secret.id : file)
                                  : secret_of_variable(secret.id, variable, environment);
  return secret;
}

void parse_ssh_flag(const std::string& flag, const base::Environment& environment,
                    std::map<std::string, std::string>& agents) {
  const auto equals = flag.find('=');
  auto id = flag.substr(0, equals);
  auto socket = equals == std::string::npos ? base::value_of(environment, "SSH_AUTH_SOCK")
                                            : flag.substr(equals + 1);
  if (id.empty()) id = kDefaultAgent;
  std::error_code error;
  if (socket.empty() || !std::filesystem::is_socket(socket, error)) {
    fail(fmt::format("--ssh {} cannot be used", id),
         socket.empty() ? "$SSH_AUTH_SOCK is not set" : socket + " is not the socket of an agent",
         "add keys with ssh-add, and write --ssh default or --ssh ID=SOCKET");
  }
  agents.insert_or_assign(id, socket);
}

std::map<std::string, std::string> parse_labels(const std::vector<std::string>& flags) {
  std::map<std::string, std::string> labels;
  for (const auto& flag : flags) {
    const auto equals = flag.find('=');
    if (equals == 0) fail("a --label has no name", "", "write --label NAME=VALUE");
    labels.insert_or_assign(flag.substr(0, equals),
                            equals == std::string::npos ? "" : flag.substr(equals + 1));
  }
  return labels;
}

oci::Reference parse_cache(const std::string& flag) {
  if (flag.find('=') == std::string::npos) return oci::Reference::parse(flag);
  auto fields = fields_of(flag);
  const auto type = take(fields, {"type"});
  const auto reference = take(fields, {"ref"});
  take(fields, {"mode"});  // All steps are kept in any case.
  if (type == "registry" && !reference.empty() && fields.empty()) {
    return oci::Reference::parse(reference);
  }
  fail(fmt::format("the cache {} cannot be used", flag), "",
       "write REF, or type=registry,ref=REF: no other kind is known");
}

oci::ImageLocation parse_output(const std::string& flag) {
  if (const auto location = oci::ImageLocation::parse(flag)) return *location;
  auto fields = fields_of(flag);
  const auto type = take(fields, {"type"});
  const auto file = take(fields, {"dest"});
  const bool folder = take(fields, {"tar"}) == "false";
  using Format = oci::ImageLocation::Format;
  if (!file.empty() && fields.empty()) {
    if (type == "oci") {
      return {
          .format = folder ? Format::kOciLayout : Format::kOciArchive, .path = file, .name = ""};
    }
    if (type == "docker" && !folder) {
      return {.format = Format::kDockerArchive, .path = file, .name = ""};
    }
  }
  fail(fmt::format("--output {} cannot be used", flag), "",
       "write oci:DIR[:TAG], oci-archive:FILE or docker-archive:FILE");
}

}  // namespace orchestrator
