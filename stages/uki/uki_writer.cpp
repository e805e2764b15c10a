// SPDX-License-Identifier: Apache-2.0
#include "stages/uki/uki_writer.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <limits>

#include "base/error.hpp"
#include "base/files.hpp"

namespace stages::uki {
namespace {

constexpr std::uint64_t kPageBytes = 4096;
constexpr std::uint64_t kMostBytes = std::numeric_limits<std::uint32_t>::max();
constexpr std::size_t kBufferBytes = std::size_t{1} << 20;
// IMAGE_SCN_CNT_INITIALIZED_DATA | IMAGE_SCN_MEM_READ
constexpr std::uint32_t kReadOnlyData = 0x40000040;

std::uint64_t align(std::uint64_t value, std::uint64_t alignment) {
  return (value + alignment - 1) / alignment * alignment;
}

void put(std::string& bytes, std::size_t offset, std::size_t width, std::uint64_t value) {
  for (std::size_t i = 0; i < width; ++i) {
    bytes[offset + i] = static_cast<char>(value >> (8 * i) & 0xff);
  }
}

void put_row(std::string& headers, std::size_t offset, const PeSection& section) {
  auto name = section.name;
  name.resize(8);
  headers.replace(offset, name.size(), name);
  put(headers, offset + 8, 4, section.virtual_size);
  put(headers, offset + 12, 4, section.virtual_address);
  put(headers, offset + 16, 4, section.raw_size);
  put(headers, offset + 20, 4, section.raw_offset);
  headers.replace(offset + 24, 12, 12, '\0');  // No relocations, no line numbers.
  put(headers, offset + 36, 4, section.characteristics);
}

}  // namespace

UkiWriter::UkiWriter(const std::filesystem::path& stub, std::filesystem::path output,
                     std::size_t most_sections)
    : output_(std::move(output)), most_sections_(most_sections) {
  const DiskBytes bytes(stub);
  image_ = read_pe(bytes);
  bytes.require(image_.subsystem == kEfiApplication, "it is no EFI application");
  fd_.reset(::open(output_.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!fd_) base::throw_system_error(errno, fmt::format("cannot write {}", output_.string()));
  copy_stub(bytes);
}

void UkiWriter::copy_stub(const DiskBytes& stub) {
  headers_ = stub.read(0, image_.size_of_headers);
  const auto rows = image_.sections.size() + most_sections_;
  const auto wanted = align(image_.section_table + rows * kSectionRowBytes, image_.file_alignment);
  if (wanted > headers_.size()) headers_.resize(wanted);
  image_.size_of_headers = static_cast<std::uint32_t>(headers_.size());
  file_bytes_ = headers_.size();
  for (auto& section : image_.sections) {
    stub.require(section.virtual_address >= headers_.size(),
                 "there is no room for more sections in its headers");
    if (section.raw_size == 0) continue;
    const auto offset = align(file_bytes_, image_.file_alignment);
    for (std::uint64_t done = 0; done < section.raw_size;) {
      const auto part = std::min<std::uint64_t>(kBufferBytes, section.raw_size - done);
      write_at(offset + done, stub.read(section.raw_offset + done, part));
      done += part;
    }
    section.raw_offset = static_cast<std::uint32_t>(offset);
    file_bytes_ = offset + section.raw_size;
  }
}

void UkiWriter::begin(std::string_view name) {
  assert(most_sections_ > 0 && name.size() <= 8);
  --most_sections_;
  const auto& last = image_.sections.back();
  const auto address = align(std::uint64_t{last.virtual_address} + last.virtual_size,
                             std::max<std::uint64_t>(kPageBytes, image_.section_alignment));
  file_bytes_ = align(file_bytes_, image_.file_alignment);
  image_.sections.push_back({.name = std::string(name),
                             .virtual_size = 0,
                             .virtual_address = static_cast<std::uint32_t>(address),
                             .raw_size = 0,
                             .raw_offset = static_cast<std::uint32_t>(file_bytes_),
                             .characteristics = kReadOnlyData});
}

void UkiWriter::write(std::span<const std::byte> data) {
  auto& section = image_.sections.back();
  const auto end = std::max(file_bytes_, std::uint64_t{section.virtual_address}) +
                   section.virtual_size + data.size() + kPageBytes;
  if (end > kMostBytes) {
    throw base::Error({.code = base::ErrorCode::kArtifactTool,
                       .what = fmt::format("cannot write {}", output_.string()),
                       .why = "it would be larger than 4 GiB, the most that a file of an EFI "
                              "partition can be",
                       .hint = "make the image smaller"});
  }
  write_at(file_bytes_, {reinterpret_cast<const char*>(data.data()), data.size()});
  file_bytes_ += data.size();
  section.virtual_size += static_cast<std::uint32_t>(data.size());
}

void UkiWriter::end() {
  auto& section = image_.sections.back();
  file_bytes_ = align(file_bytes_, image_.file_alignment);
  section.raw_size = static_cast<std::uint32_t>(file_bytes_ - section.raw_offset);
  if (::ftruncate(fd_.get(), static_cast<off_t>(file_bytes_)) != 0) {
    base::throw_system_error(errno, fmt::format("cannot write {}", output_.string()));
  }
}

void UkiWriter::add(std::string_view name, std::string_view content) {
  if (content.empty()) return;
  begin(name);
  write(std::as_bytes(std::span(content)));
  end();
}

void UkiWriter::finish() {
  const auto& last = image_.sections.back();
  image_.size_of_image = static_cast<std::uint32_t>(
      align(std::uint64_t{last.virtual_address} + last.virtual_size, kPageBytes));
  std::uint64_t data = 0;
  for (const auto& section : image_.sections) {
    constexpr std::uint32_t kInitializedData = 0x40;
    if ((section.characteristics & kInitializedData) != 0) data += section.raw_size;
  }
  const auto optional = image_.optional_header();
  put(headers_, image_.pe_offset + 6, 2, image_.sections.size());
  put(headers_, image_.pe_offset + 12, 8, 0);  // The symbol table stays behind.
  put(headers_, optional + 8, 4, data);
  put(headers_, optional + 56, 4, image_.size_of_image);
  put(headers_, optional + 60, 4, image_.size_of_headers);
  put(headers_, image_.checksum_field(), 4, 0);
  put(headers_, image_.certificates_field(), 8, 0);
  for (std::size_t i = 0; i < image_.sections.size(); ++i) {
    put_row(headers_, image_.section_table + i * kSectionRowBytes, image_.sections[i]);
  }
  write_at(0, headers_);
}

void UkiWriter::write_at(std::uint64_t offset, std::string_view bytes) {
  base::write_all_at(fd_.get(), offset, bytes, output_.string());
}

}  // namespace stages::uki
