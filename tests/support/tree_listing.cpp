// SPDX-License-Identifier: Apache-2.0
#include "tests/support/tree_listing.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>
#include <vector>

namespace tests {
namespace {

namespace fs = std::filesystem;

std::string escaped(const std::string& text) {
  std::string result;
  for (const char c : text) {
    result += c >= ' ' && c <= '~' ? std::string(1, c)
                                   : fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
  }
  return result;
}

std::string xattrs_of(const fs::path& path) {
  std::string names(65536, '\0');
  const auto bytes = ::llistxattr(path.c_str(), names.data(), names.size());
  names.resize(bytes < 0 ? 0 : static_cast<std::size_t>(bytes));
  std::map<std::string, std::string> found;
  for (std::size_t at = 0; at < names.size();) {
    const std::string name(names.c_str() + at);
    at += name.size() + 1;
    std::string value(65536, '\0');
    const auto length = ::lgetxattr(path.c_str(), name.c_str(), value.data(), value.size());
    value.resize(length < 0 ? 0 : static_cast<std::size_t>(length));
    found[name] = escaped(value);
  }
  std::string text;
  for (const auto& [name, value] : found) text += " " + name + "=" + value;
  return text;
}

std::string contents_of(const fs::path& path, const struct stat& status) {
  if (S_ISLNK(status.st_mode)) return " -> " + escaped(fs::read_symlink(path).string());
  if (!S_ISREG(status.st_mode)) return "";
  std::ifstream file(path, std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (text.size() <= 64) return " '" + escaped(text) + "'";
  return fmt::format(" {} bytes, hash {:x}", text.size(), std::hash<std::string>{}(text));
}

}  // namespace

std::string list_tree(const fs::path& root, bool with_times) {
  std::vector<fs::path> paths = {root};
  for (const auto& entry : fs::recursive_directory_iterator(root)) paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  std::map<ino_t, std::string> first_names;
  std::map<ino_t, int> names;  // In the tree: st_nlink of an overlay counts hidden ones too.
  for (const auto& path : paths) {
    struct stat status {};
    if (::lstat(path.c_str(), &status) == 0) names[status.st_ino] += 1;
  }
  std::string text;
  for (const auto& path : paths) {
    struct stat status {};
    if (::lstat(path.c_str(), &status) != 0) continue;
    const auto name = escaped(path.lexically_relative(root).string());
    text += fmt::format("{} {:o} {}:{}", name, status.st_mode, status.st_uid, status.st_gid);
    if (with_times) text += fmt::format(" {}.{:09}", status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
    if (S_ISCHR(status.st_mode) || S_ISBLK(status.st_mode)) {
      text += fmt::format(" {}:{}", major(status.st_rdev), minor(status.st_rdev));
    }
    if (names[status.st_ino] > 1) {
      text += " =" + first_names.emplace(status.st_ino, name).first->second;
    }
    text += xattrs_of(path) + contents_of(path, status) + "\n";
  }
  return text;
}

}  // namespace tests
