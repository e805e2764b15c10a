// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <mutex>
#include <stop_token>
#include <thread>
#include <vector>

#include "oci/byte_source.hpp"

namespace oci {

/// Reads a source ahead in a thread of its own, so that who makes the bytes and who uses them work
/// side by side. Holds 4 MiB at most.
class ReadAhead final : public ByteSource {
 public:
  /// Begins to read. `source` must outlive this, and is the thread's alone until stop().
  explicit ReadAhead(ByteSource& source);
  ~ReadAhead() override { stop(); }
  ReadAhead(const ReadAhead&) = delete;
  ReadAhead& operator=(const ReadAhead&) = delete;
  ReadAhead(ReadAhead&&) = delete;
  ReadAhead& operator=(ReadAhead&&) = delete;

  /// What the source threw is thrown here, after the bytes before it.
  std::size_t read(std::span<std::byte> buffer) override;
  /// Ends the thread after the read it is in; what was read and not taken is gone.
  void stop();

 private:
  struct Piece {
    std::vector<std::byte> bytes;
    std::size_t filled = 0;
    std::size_t taken = 0;
  };

  void run(const std::stop_token& stop);
  bool fill_next(const std::stop_token& stop);

  ByteSource& source_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<Piece> full_;
  std::vector<Piece> empty_;
  bool ended_ = false;
  std::exception_ptr failure_;
  std::jthread thread_;
};

}  // namespace oci
