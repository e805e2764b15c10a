// SPDX-License-Identifier: Apache-2.0
#include "oci/read_ahead.hpp"

#include <algorithm>

namespace oci {
namespace {

constexpr std::size_t kPieces = 8;
constexpr std::size_t kPieceBytes = 256U << 10;

}  // namespace

ReadAhead::ReadAhead(ByteSource& source, Onlooker onlooker)
    : source_(source), onlooker_(std::move(onlooker)), empty_(kPieces) {
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
  if (onlooker_) looking_ = std::jthread([this](const std::stop_token& stop) { look(stop); });
}

void ReadAhead::stop() {
  for (auto* thread : {&thread_, &looking_}) thread->request_stop();
  for (auto* thread : {&thread_, &looking_}) {
    if (thread->joinable()) thread->join();
  }
}

void ReadAhead::run(const std::stop_token& stop) {
  try {
    while (fill_next(stop)) continue;
  } catch (...) {
    const std::scoped_lock lock(mutex_);
    failure_ = std::current_exception();
  }
  const std::scoped_lock lock(mutex_);
  read_to_end_ = true;
  ended_ = !onlooker_;
  changed_.notify_all();
}

/// False at the end.
bool ReadAhead::fill_next(const std::stop_token& stop) {
  Piece piece;
  {
    std::unique_lock lock(mutex_);
    if (!changed_.wait(lock, stop, [this] { return !empty_.empty(); })) return false;
    piece = std::move(empty_.back());
    empty_.pop_back();
  }
  piece.bytes.resize(kPieceBytes);
  piece.taken = 0;
  piece.filled = source_.read(piece.bytes);
  if (piece.filled == 0) return false;
  const std::scoped_lock lock(mutex_);
  (onlooker_ ? unseen_ : full_).push_back(std::move(piece));
  changed_.notify_all();
  return true;
}

void ReadAhead::look(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (changed_.wait(lock, stop, [this] { return !unseen_.empty() || read_to_end_; })) {
    if (unseen_.empty()) break;
    auto piece = std::move(unseen_.front());
    unseen_.pop_front();
    lock.unlock();
    onlooker_(std::span(piece.bytes).first(piece.filled));
    lock.lock();
    full_.push_back(std::move(piece));
    changed_.notify_all();
  }
  ended_ = true;
  changed_.notify_all();
}

std::size_t ReadAhead::read(std::span<std::byte> buffer) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return !full_.empty() || ended_; });
  if (full_.empty()) {
    if (failure_) std::rethrow_exception(failure_);
    return 0;
  }
  // Only this thread takes from the front, and pushing at the back leaves it where it is.
  auto& piece = full_.front();
  lock.unlock();
  const auto count = std::min(buffer.size(), piece.filled - piece.taken);
  std::copy_n(piece.bytes.begin() + static_cast<std::ptrdiff_t>(piece.taken), count,
              buffer.begin());
  piece.taken += count;
  if (piece.taken < piece.filled) return count;
  lock.lock();
  empty_.push_back(std::move(piece));
  full_.pop_front();
  changed_.notify_all();
  return count;
}

}  // namespace oci
