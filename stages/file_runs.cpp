// SPDX-License-Identifier: Apache-2.0
#include "stages/file_runs.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/error.hpp"
#include "base/handle.hpp"

namespace stages {

std::vector<FileRun> runs_of(int fd, std::string_view name) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) {
    base::throw_system_error(errno, fmt::format("cannot look at {}", name));
  }
  std::vector<FileRun> runs;
  const auto add = [&](off_t begin, off_t end, bool is_hole) {
    if (end > begin) {
      runs.push_back({.offset = static_cast<std::uint64_t>(begin),
                      .bytes = static_cast<std::uint64_t>(end - begin),
                      .is_hole = is_hole});
    }
  };
  for (off_t done = 0; done < status.st_size;) {
    auto data = ::lseek(fd, done, SEEK_DATA);
    if (data < 0 && errno == ENXIO) data = status.st_size;
    auto hole = data < 0 ? data : ::lseek(fd, data, SEEK_HOLE);
    if (data == status.st_size) hole = data;
    if (hole < 0 && errno != EINVAL && errno != ENXIO) {
      base::throw_system_error(errno, fmt::format("cannot read {}", name));
    }
    if (hole < 0) {
      data = done;
      hole = status.st_size;
    }
    hole = std::min(hole, status.st_size);
    add(done, data, true);
    add(data, hole, false);
    done = hole;
  }
  return runs;
}

void make_sparse_file(const std::filesystem::path& path, std::uint64_t bytes) {
  const base::FileDescriptor fd(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!fd || ::ftruncate(fd.get(), static_cast<off_t>(bytes)) != 0) {
    base::throw_system_error(errno, fmt::format("cannot make {}", path.string()));
  }
}

}  // namespace stages
