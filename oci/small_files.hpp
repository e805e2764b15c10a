// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "base/handle.hpp"
#include "oci/tar_reader.hpp"

namespace oci {

/// A file that was made and waits for its contents and attributes.
struct SmallFile {
  struct Piece {
    std::vector<std::byte> data;
    std::uint64_t offset = 0;  ///< In the file; between pieces are holes.
  };
  base::FileDescriptor fd;
  TarEntry entry;
  std::vector<Piece> pieces;
};

/// Finishes files in a thread of its own, in order, while more are made: of many small files the
/// making costs as much as the rest. Holds 2 MiB and 128 files at most.
class SmallFiles {
 public:
  /// `finish` is called in the thread; what it throws comes out of add() or wait().
  explicit SmallFiles(std::function<void(const SmallFile&)> finish);
  ~SmallFiles();
  SmallFiles(const SmallFiles&) = delete;
  SmallFiles& operator=(const SmallFiles&) = delete;
  SmallFiles(SmallFiles&&) = delete;
  SmallFiles& operator=(SmallFiles&&) = delete;

  /// Waits while there is no room.
  void add(SmallFile file);
  /// Until all are finished.
  void wait();

 private:
  void run(const std::stop_token& stop);
  [[nodiscard]] bool is_worth_it() const;

  std::function<void(const SmallFile&)> finish_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::vector<SmallFile> waiting_;
  std::size_t files_ = 0;  ///< Waiting or being finished.
  std::size_t bytes_ = 0;  ///< Of their contents.
  bool no_more_ = false;
  std::exception_ptr failure_;
  std::jthread thread_;
};

}  // namespace oci
