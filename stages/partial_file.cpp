// SPDX-License-Identifier: Apache-2.0
#include "stages/partial_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <system_error>
#include <thread>
#include <utility>

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

void PartialFile::move_into_place() {
  // Replacing a large file takes as long as freeing its blocks and pages. Held open, it is freed by
  // whoever closes it last: a thread, while the build goes on.
  base::FileDescriptor old(::open(output_.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (::rename(partial_.c_str(), output_.c_str()) != 0) {
    base::throw_system_error(errno, fmt::format("cannot move {} into place", output_.string()));
  }
  partial_.clear();
  if (!old) return;
  try {
    std::thread([old = std::move(old)]() mutable { old.reset(); }).detach();
  } catch (const std::system_error&) {
    return;  // No thread to be had: it was closed here.
  }
}

void PartialFile::commit(const ReviewFile& review) {
  if (review) {
    begin_sync();
    review(partial_);
  }
  base::sync_path(partial_);
  move_into_place();
}

}  // namespace stages
