// SPDX-License-Identifier: Apache-2.0
#include "stages/image_runtime.hpp"

#include <fmt/format.h>

#include <charconv>
#include <optional>
#include <sstream>

#include "base/error.hpp"
#include "oci/json.hpp"
#include "stages/root_tree.hpp"

namespace stages {
namespace {

constexpr std::size_t kMaxAccounts = std::size_t{1} << 20;

std::vector<std::string> texts_of(const nlohmann::json& config, const char* key) {
  std::vector<std::string> texts;
  const auto found = config.find(key);
  if (found == config.end() || !found->is_array()) return texts;
  for (const auto& text : *found) {
    if (text.is_string()) texts.push_back(text.get<std::string>());
  }
  return texts;
}

std::string text_of(const nlohmann::json& config, const char* key) {
  const auto found = config.find(key);
  return found != config.end() && found->is_string() ? found->get<std::string>() : "";
}

std::optional<std::uint32_t> number(const std::string& text) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::vector<std::string> split(const std::string& line, char separator) {
  std::vector<std::string> fields;
  std::istringstream stream(line);
  for (std::string field; std::getline(stream, field, separator);) fields.push_back(field);
  return fields;
}

/// The lines of an account file, in fields. Source: passwd(5), group(5).
std::vector<std::vector<std::string>> accounts(const RootTree& tree, const char* file) {
  std::vector<std::vector<std::string>> lines;
  std::istringstream stream(tree.head(file, kMaxAccounts).value_or(""));
  for (std::string line; std::getline(stream, line);) lines.push_back(split(line, ':'));
  return lines;
}

[[noreturn]] void refuse(const std::string& text, const char* file) {
  throw base::Error({.code = base::ErrorCode::kBuildStep,
                     .what = fmt::format("there is no user or group '{}' in the image", text),
                     .why = fmt::format("{} of the image does not name it", file),
                     .hint = "name it by its number"});
}

std::uint32_t find_group(const RootTree& tree, const std::string& text) {
  if (const auto id = number(text)) return *id;
  for (const auto& fields : accounts(tree, "/etc/group")) {
    if (fields.size() >= 3 && fields[0] == text) {
      if (const auto id = number(fields[2])) return *id;
    }
  }
  refuse(text, "/etc/group");
}

/// The groups that list the user as a member.
void add_groups(const RootTree& tree, const std::string& name, ImageUser& found) {
  for (const auto& fields : accounts(tree, "/etc/group")) {
    if (fields.size() < 4) continue;
    for (const auto& member : split(fields[3], ',')) {
      const auto id = number(fields[2]);
      if (member == name && id) found.groups.push_back(*id);
    }
  }
}

}  // namespace

ImageRuntime read_image_runtime(const oci::Store& store, const oci::Manifest& manifest) {
  const auto text = store.read_blob(manifest.config.digest, oci::kMaxConfigBytes);
  if (!text) {
    throw base::Error(
        {.code = base::ErrorCode::kNotFound,
         .what = fmt::format("the config {} is not in the store", manifest.config.digest.text()),
         .why = "",
         .hint = ""});
  }
  const auto document = oci::parse_json(*text, manifest.config.digest.text());
  const auto found = document.find("config");
  if (found == document.end() || !found->is_object()) return {};
  return {.environment = texts_of(*found, "Env"),
          .entrypoint = texts_of(*found, "Entrypoint"),
          .command = texts_of(*found, "Cmd"),
          .working_directory = text_of(*found, "WorkingDir"),
          .user = text_of(*found, "User")};
}

ImageUser find_user(const std::filesystem::path& root, const std::string& text) {
  const RootTree tree(root);
  const auto colon = text.find(':');
  const auto name = text.substr(0, colon);
  const auto wanted = name.empty() ? std::optional<std::uint32_t>(0) : number(name);
  ImageUser found{.user = wanted.value_or(0), .group = 0, .groups = {}, .home = "/"};
  bool known = wanted.has_value();
  for (const auto& fields : accounts(tree, "/etc/passwd")) {
    if (fields.size() < 6 || (wanted ? number(fields[2]) != wanted : fields[0] != name)) continue;
    const auto user = number(fields[2]);
    const auto group = number(fields[3]);
    if (!user || !group) continue;
    found.user = *user;
    found.group = *group;
    found.home = fields[5].empty() ? "/" : fields[5];
    if (colon == std::string::npos) add_groups(tree, fields[0], found);
    known = true;
    break;
  }
  if (!known) refuse(name, "/etc/passwd");
  if (colon != std::string::npos) found.group = find_group(tree, text.substr(colon + 1));
  return found;
}

}  // namespace stages
