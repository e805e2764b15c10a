// SPDX-License-Identifier: Apache-2.0
#include "oci/small_files.hpp"

#include <utility>

namespace oci {
namespace {

constexpr std::size_t kMaxFiles = 128;
constexpr std::size_t kMaxBytes = 2U << 20;
constexpr std::size_t kBatchFiles = 16;  // To wake a thread for each costs more than the file.
constexpr std::size_t kBatchBytes = 256U << 10;

std::size_t bytes_of(const SmallFile& file) {
  std::size_t bytes = 0;
  for (const auto& piece : file.pieces) bytes += piece.data.size();
  return bytes;
}

}  // namespace

SmallFiles::SmallFiles(std::function<void(const SmallFile&)> finish)
    : finish_(std::move(finish)), thread_([this](const std::stop_token& stop) { run(stop); }) {}

SmallFiles::~SmallFiles() {
  thread_.request_stop();
  thread_.join();
}

void SmallFiles::add(SmallFile file) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return files_ < kMaxFiles && bytes_ < kMaxBytes; });
  if (failure_) std::rethrow_exception(failure_);
  files_ += 1;
  bytes_ += bytes_of(file);
  waiting_.push_back(std::move(file));
  if (is_worth_it()) changed_.notify_all();
}

bool SmallFiles::is_worth_it() const {
  return waiting_.size() >= kBatchFiles || bytes_ >= kBatchBytes || (no_more_ && !waiting_.empty());
}

void SmallFiles::wait() {
  std::unique_lock lock(mutex_);
  no_more_ = true;
  changed_.notify_all();
  changed_.wait(lock, [this] { return files_ == 0; });
  no_more_ = false;
  if (failure_) std::rethrow_exception(failure_);
}

/// After a failure the rest is dropped.
void SmallFiles::run(const std::stop_token& stop) {
  std::vector<SmallFile> batch;
  while (true) {
    bool is_sound = true;
    {
      std::unique_lock lock(mutex_);
      if (!changed_.wait(lock, stop, [this] { return is_worth_it(); })) return;
      batch.swap(waiting_);
      is_sound = failure_ == nullptr;
    }
    std::exception_ptr failure;
    std::size_t bytes = 0;
    for (auto& file : batch) {
      bytes += bytes_of(file);
      if (failure || !is_sound || stop.stop_requested()) continue;
      try {
        finish_(file);
      } catch (...) {
        failure = std::current_exception();
      }
    }
    const auto files = batch.size();
    batch.clear();
    const std::scoped_lock lock(mutex_);
    if (failure) failure_ = failure;
    files_ -= files;
    bytes_ -= bytes;
    changed_.notify_all();
  }
}

}  // namespace oci
