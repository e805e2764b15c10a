// SPDX-License-Identifier: Apache-2.0
#include "oci/folder_entries.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <string_view>

#include "base/error.hpp"
#include "base/handle.hpp"

namespace oci {

std::vector<std::string> names_in(int folder, const std::string& path) {
  const auto fail = [&] { base::throw_system_error(errno, fmt::format("cannot read /{}", path)); };
  // A descriptor of its own: reading moves its position, and closing the stream closes it.
  base::FileDescriptor listed(::openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!listed) fail();
  const base::Handle<DIR, &::closedir> stream(::fdopendir(listed.get()));
  if (!stream) fail();
  static_cast<void>(listed.release());
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = ::readdir(stream.get())) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  if (errno != 0) fail();
  std::sort(names.begin(), names.end());
  return names;
}

std::optional<std::string> link_target(int folder, const std::string& name) {
  std::array<char, PATH_MAX> target{};
  const auto bytes = ::readlinkat(folder, name.c_str(), target.data(), target.size());
  if (bytes < 0) return std::nullopt;
  return std::string(target.data(), static_cast<std::size_t>(bytes));
}

}  // namespace oci
