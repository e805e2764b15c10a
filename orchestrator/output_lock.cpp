// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/output_lock.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <thread>

#include "base/error.hpp"

namespace orchestrator {
namespace {

constexpr std::chrono::milliseconds kPoll{50};

/// The last holder may have removed the file since it was opened.
bool is_still_at(int fd, const std::filesystem::path& file) {
  struct stat ours {};
  struct stat there {};
  return ::fstat(fd, &ours) == 0 && ::lstat(file.c_str(), &there) == 0 &&
         ours.st_dev == there.st_dev && ours.st_ino == there.st_ino;
}

bool has_no_locks(int error) {
  return error == ENOLCK || error == ENOSYS || error == EOPNOTSUPP || error == EINVAL;
}

}  // namespace

OutputLock::OutputLock(const std::filesystem::path& folder, const std::string& name,
                       const std::function<void()>& on_wait, const std::stop_token& stop)
    : file_(folder / fmt::format(".{}.lock", name)) {
  for (bool waited = false;; waited = true) {
    fd_.reset(::open(file_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644));
    if (!fd_) base::throw_system_error(errno, fmt::format("cannot write {}", file_.string()));
    if (::flock(fd_.get(), LOCK_EX | LOCK_NB) == 0) {
      if (is_still_at(fd_.get(), file_)) return;
    } else if (has_no_locks(errno)) {
      return;
    } else if (errno != EWOULDBLOCK && errno != EINTR) {
      base::throw_system_error(errno, fmt::format("cannot lock {}", file_.string()));
    }
    if (!waited) on_wait();
    if (stop.stop_requested()) {
      throw base::Error({.code = base::ErrorCode::kInterrupted,
                         .what = "stopped while another build wrote the same artifacts",
                         .why = "",
                         .hint = ""});
    }
    std::this_thread::sleep_for(kPoll);
  }
}

OutputLock::~OutputLock() {
  if (fd_) ::unlink(file_.c_str());  // While it is ours: nobody else's can be there.
}

}  // namespace orchestrator
