// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <span>

#include "oci/tar_reader.hpp"

namespace oci {

/// Takes bytes as they are made.
using ByteOutput = std::function<void(std::span<const std::byte>)>;

/// Writes the tar of a layer (ustar, pax records where they are needed; libarchive) into an output.
/// The same entries give the same bytes.
class TarStream {
 public:
  explicit TarStream(ByteOutput output);
  ~TarStream();
  TarStream(const TarStream&) = delete;
  TarStream& operator=(const TarStream&) = delete;
  TarStream(TarStream&&) = delete;
  TarStream& operator=(TarStream&&) = delete;

  /// An entry; a file of more than 0 bytes has its contents written next. What the output throws
  /// passes; base::Error kIo for what no tar can hold.
  void add(const TarEntry& entry);
  /// A part of the contents of the file added last.
  void write(std::span<const std::byte> data);
  /// Ends the archive. Throws base::Error kIo when the last file is not whole.
  void finish();

 private:
  class Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace oci
