// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <span>
#include <stop_token>
#include <thread>
#include <vector>

#include "oci/byte_source.hpp"

namespace oci {

/// Sees all bytes in order, in a thread of its own.
using Onlooker = std::function<void(std::span<const std::byte>)>;

/// Reads a source ahead in a thread of its own, so that who makes the bytes, who looks at them and
/// who uses them work side by side. Holds 2 MiB at most.
class ReadAhead final : public ByteSource {
 public:
  /// Begins to read. `source` must outlive this, and is the thread's alone until stop(). What
  /// read() gives, `onlooker` (may be empty) has seen before.
  explicit ReadAhead(ByteSource& source, Onlooker onlooker = {});
  ~ReadAhead() override { stop(); }
  ReadAhead(const ReadAhead&) = delete;
  ReadAhead& operator=(const ReadAhead&) = delete;
  ReadAhead(ReadAhead&&) = delete;
  ReadAhead& operator=(ReadAhead&&) = delete;

  /// What the source threw is thrown here, after the bytes before it.
  std::size_t read(std::span<std::byte> buffer) override;
  /// Ends the threads after what they are at; what was read and not taken is gone.
  void stop();

 private:
  struct Piece {
    std::vector<std::byte> bytes;
    std::size_t filled = 0;
    std::size_t taken = 0;
  };

  void run(const std::stop_token& stop);
  bool fill_next(const std::stop_token& stop);
  void look(const std::stop_token& stop);

  ByteSource& source_;
  Onlooker onlooker_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<Piece> unseen_;
  std::deque<Piece> full_;
  std::vector<Piece> empty_;
  bool read_to_end_ = false;  ///< Nothing more comes into unseen_,
  bool ended_ = false;        ///< or into full_.
  std::exception_ptr failure_;
  std::jthread thread_;
  std::jthread looking_;
};

}  // namespace oci
