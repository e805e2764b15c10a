// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "base/handle.hpp"
#include "stages/uki/pe_image.hpp"

namespace stages::uki {

/// Writes a unified kernel image: systemd's stub with sections appended, each written once and in
/// order. Source: UAPI group, Unified Kernel Image; Microsoft, PE Format.
class UkiWriter {
 public:
  /// Copies `stub`, without any signature it has, to `output`, leaving room for `most_sections`
  /// more. Throws base::Error kArtifactTool when it is no EFI program, kIo, kNoSpace.
  UkiWriter(const std::filesystem::path& stub, std::filesystem::path output,
            std::size_t most_sections);

  /// Begins a section; write() fills it, end() closes it. Throws base::Error kArtifactTool when the
  /// image becomes larger than 4 GiB, which neither PE nor FAT can hold.
  void begin(std::string_view name);
  void write(std::span<const std::byte> data);
  void end();
  /// All three; nothing when `content` is empty.
  void add(std::string_view name, std::string_view content);

  /// What there is so far, the stub's own sections first; those that were ended can be read.
  [[nodiscard]] const PeImage& image() const { return image_; }

  /// Writes the headers. The file is whole then, without signature and checksum. Call once.
  void finish();

 private:
  void copy_stub(const DiskBytes& stub);
  void write_at(std::uint64_t offset, std::string_view bytes);

  std::filesystem::path output_;
  base::FileDescriptor fd_;
  std::string headers_;  // Of the stub, grown.
  PeImage image_;
  std::size_t most_sections_;
  std::uint64_t file_bytes_ = 0;
};

}  // namespace stages::uki
