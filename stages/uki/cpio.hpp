// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "oci/tar_stream.hpp"

namespace stages::uki {

/// A name in an initial root file system. Numbers are what 32 bits hold.
struct CpioEntry {
  std::string path;        ///< "usr/bin/env": no slash at either end. "." is the root.
  std::uint32_t mode = 0;  ///< With the type, as stat gives it.
  std::uint32_t user = 0;
  std::uint32_t group = 0;
  std::uint32_t modified = 0;  ///< Seconds since 1970.
  std::uint32_t inode = 0;     ///< The same for all names of a file, and for nothing else.
  std::uint32_t links = 1;
  std::uint32_t device_major = 0;  ///< Of device nodes.
  std::uint32_t device_minor = 0;
};

/// Writes a cpio archive in the "newc" form that the kernel unpacks at its start. Of a file with
/// several names the first holds the contents and the others none. Source: Linux,
/// Documentation/driver-api/early-userspace/buffer-format.rst.
class CpioWriter {
 public:
  explicit CpioWriter(oci::ByteOutput output) : output_(std::move(output)) {}

  /// Begins an entry that write() then gives `bytes` bytes. Throws base::Error kArtifactTool for a
  /// file of 4 GiB or more, which the form cannot hold.
  void begin(const CpioEntry& entry, std::uint64_t bytes);
  void write(std::span<const std::byte> data);
  /// An entry with `content`: the target of a symlink; empty for all but files.
  void add(const CpioEntry& entry, std::string_view content = {});
  /// Ends the archive. Call once.
  void finish();

 private:
  void put(std::string_view bytes);
  void align();

  oci::ByteOutput output_;
  std::uint64_t bytes_ = 0;
  std::uint64_t left_ = 0;  // Of the contents of the entry begun last.
};

}  // namespace stages::uki
