// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>

#include "base/handle.hpp"

namespace orchestrator {

/// The right to write the artifacts of one name in one folder: one process at a time has it, on
/// whichever machines see the folder. It is the lock (flock) of a file `.NAME.lock` there, which
/// goes with its holder; after a kill the file stays and means nothing.
class OutputLock {
 public:
  /// Waits for it; `on_wait` is called once if that takes time. Where the file system has no locks
  /// it is given to all. Throws base::Error kIo, kInterrupted.
  OutputLock(const std::filesystem::path& folder, const std::string& name,
             const std::function<void()>& on_wait, const std::stop_token& stop);
  OutputLock(OutputLock&&) = delete;
  OutputLock& operator=(OutputLock&&) = delete;
  OutputLock(const OutputLock&) = delete;
  OutputLock& operator=(const OutputLock&) = delete;
  ~OutputLock();

 private:
  std::filesystem::path file_;
  base::FileDescriptor fd_;
};

}  // namespace orchestrator
