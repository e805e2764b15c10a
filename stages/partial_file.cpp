// SPDX-License-Identifier: Apache-2.0
#include "stages/partial_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/handle.hpp"

namespace stages {

PartialFile::PartialFile(std::filesystem::path output)
    : output_(std::move(output)), partial_(output_.string() + ".partial") {
  if (::unlink(partial_.c_str()) != 0 && errno != ENOENT) {
    base::throw_system_error(errno, fmt::format("cannot remove {}", partial_.string()));
  }
}

PartialFile::~PartialFile() {
  if (!partial_.empty()) ::unlink(partial_.c_str());
}

void PartialFile::begin_sync() const noexcept {
  const base::FileDescriptor fd(::open(partial_.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd) static_cast<void>(::sync_file_range(fd.get(), 0, 0, SYNC_FILE_RANGE_WRITE));
}

void PartialFile::commit(const ReviewFile& review) {
  if (review) {
    begin_sync();
    review(partial_);
  }
  base::sync_path(partial_);
  if (::rename(partial_.c_str(), output_.c_str()) != 0) {
    base::throw_system_error(errno, fmt::format("cannot move {} into place", output_.string()));
  }
  partial_.clear();
}

}  // namespace stages
