// SPDX-License-Identifier: Apache-2.0
#include "stages/dockerfile/image_users.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <functional>
#include <optional>

#include "base/error.hpp"
#include "base/files.hpp"
#include "oci/rooted_directory.hpp"

namespace stages::dockerfile {
namespace {

constexpr std::size_t kMaxBytes = 10U << 20;

using Fields = std::vector<std::string_view>;

Fields split(std::string_view text, char separator) {
  Fields fields;
  while (true) {
    const auto end = text.find(separator);
    fields.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return fields;
    text.remove_prefix(end + 1);
  }
}

std::optional<std::uint32_t> number(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  return whole && !text.empty() ? std::optional(value) : std::nullopt;
}

/// A file of the image, or "" when there is none or it is no plain file.
std::string read_in_image(const std::filesystem::path& root, const std::string& path) {
  const auto folder = base::open_for_reading(root);
  const auto file = oci::RootedDirectory(folder.get(), root.string())
                        .try_open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  struct stat status {};
  if (!file || ::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) return "";
  return base::read_all(file.get(), kMaxBytes, fmt::format("/{} of the image", path));
}

/// /etc/passwd: name:password:uid:gid:comment:home:shell
struct Account {
  std::string name;
  std::uint32_t user = 0;
  std::uint32_t group = 0;
  std::string home;
};

std::optional<Account> find_account(const std::filesystem::path& root, std::string_view wanted) {
  const auto wanted_number = number(wanted);
  const auto text = read_in_image(root, "etc/passwd");
  for (const auto line : split(text, '\n')) {
    const auto fields = split(line, ':');
    if (fields.size() < 4) continue;
    const auto user = number(fields[2]);
    const auto group = number(fields[3]);
    if (!user || !group) continue;
    if (fields[0] != wanted && user != wanted_number) continue;
    return Account{.name = std::string(fields[0]),
                   .user = *user,
                   .group = *group,
                   .home = std::string(fields.size() > 5 ? fields[5] : "")};
  }
  return std::nullopt;
}

/// Calls `seen(name, number, members)` for each line of /etc/group: name:password:gid:members
void for_each_group(
    const std::filesystem::path& root,
    const std::function<void(std::string_view, std::uint32_t, const Fields&)>& seen) {
  const auto text = read_in_image(root, "etc/group");
  for (const auto line : split(text, '\n')) {
    const auto fields = split(line, ':');
    if (fields.size() < 3) continue;
    const auto group = number(fields[2]);
    if (group) seen(fields[0], *group, fields.size() > 3 ? split(fields[3], ',') : Fields());
  }
}

std::uint32_t find_group(const std::filesystem::path& root, std::string_view wanted) {
  if (const auto given = number(wanted)) return *given;
  std::optional<std::uint32_t> found;
  for_each_group(root, [&](std::string_view name, std::uint32_t group, const Fields&) {
    if (name == wanted && !found) found = group;
  });
  if (found) return *found;
  if (wanted == "root") return 0;
  throw base::Error({.code = base::ErrorCode::kBuildStep,
                     .what = fmt::format("the image has no group '{}'", wanted),
                     .why = "/etc/group of the image does not name it",
                     .hint = "use its number, or add it to the image"});
}

[[noreturn]] void fail_user(std::string_view wanted) {
  throw base::Error({.code = base::ErrorCode::kBuildStep,
                     .what = fmt::format("the image has no user '{}'", wanted),
                     .why = "/etc/passwd of the image does not name it",
                     .hint = "use its number, or add it to the image"});
}

}  // namespace

ImageUser find_user(const std::filesystem::path& root, std::string_view text) {
  const auto colon = text.find(':');
  auto name = text.substr(0, colon);
  if (name.empty()) name = "0";
  const auto account = find_account(root, name);
  const auto given = number(name);
  ImageUser user;
  if (account) {
    user.user = account->user;
    user.group = account->group;
    if (!account->home.empty()) user.home = account->home;
  } else if (given) {
    user.user = *given;
    if (*given == 0) user.home = "/root";
  } else if (name == "root") {
    user.home = "/root";
  } else {
    fail_user(name);
  }
  if (colon != std::string_view::npos && colon + 1 < text.size()) {
    user.group = find_group(root, text.substr(colon + 1));
  } else if (account) {
    for_each_group(root, [&](std::string_view, std::uint32_t group, const Fields& members) {
      const bool member = std::find(members.begin(), members.end(), account->name) != members.end();
      if (member) user.groups.push_back(group);
    });
  }
  return user;
}

Ownership find_owner(const std::filesystem::path& root, std::string_view text) {
  const auto colon = text.find(':');
  const auto name = text.substr(0, colon);
  Ownership owner;
  if (const auto given = number(name)) {
    owner = {.user = *given, .group = *given};
  } else if (const auto account = find_account(root, name)) {
    owner = {.user = account->user, .group = account->group};
  } else if (!name.empty() && name != "root") {
    fail_user(name);
  }
  if (colon != std::string_view::npos && colon + 1 < text.size()) {
    owner.group = find_group(root, text.substr(colon + 1));
  }
  return owner;
}

bool is_numeric_owner(std::string_view text) {
  const auto fields = split(text, ':');
  return fields.size() <= 2 && std::all_of(fields.begin(), fields.end(), [](std::string_view f) {
           return number(f).has_value();
         });
}

}  // namespace stages::dockerfile
