// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "base/handle.hpp"
#include "oci/digest.hpp"

namespace oci {

/// Gives bytes when asked for them.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  /// Puts at least one byte into `buffer` and returns how many; 0 only at the end, again and again.
  /// Throws base::Error.
  virtual std::size_t read(std::span<std::byte> buffer) = 0;
};

/// Reads until `buffer` is full or the source at its end; returns the bytes read.
std::size_t read_fully(ByteSource& source, std::span<std::byte> buffer);

/// Reads a file from where its descriptor stands.
class FileSource final : public ByteSource {
 public:
  /// `name` is for messages.
  FileSource(base::FileDescriptor fd, std::string name)
      : fd_(std::move(fd)), name_(std::move(name)) {}
  std::size_t read(std::span<std::byte> buffer) override;

 private:
  base::FileDescriptor fd_;
  std::string name_;
};

/// Called with the bytes that passed since the last call.
using PassedBytes = std::function<void(std::uint64_t)>;

/// Hands on what another source gives and computes its digest meanwhile.
class HashingSource final : public ByteSource {
 public:
  /// `source` must outlive this. `algorithm`: "sha256" or "sha512". `passed` may be empty.
  HashingSource(ByteSource& source, std::string_view algorithm, PassedBytes passed)
      : source_(source), hasher_(algorithm), passed_(std::move(passed)) {}
  std::size_t read(std::span<std::byte> buffer) override;

  /// Bytes handed on so far.
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }
  /// Reads the source to its end and gives the digest of all of it. Call once.
  Digest finish();

 private:
  ByteSource& source_;
  Hasher hasher_;
  PassedBytes passed_;
  std::uint64_t bytes_ = 0;
};

}  // namespace oci
