// SPDX-License-Identifier: Apache-2.0
#include "stages/uki/pe_image.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace stages::uki {
namespace {

constexpr std::uint16_t kMachineAmd64 = 0x8664;
constexpr std::uint16_t kMachineArm64 = 0xaa64;
constexpr std::uint64_t kPe32Plus = 0x20b;
constexpr std::size_t kDosHeaderBytes = 64;
constexpr std::size_t kFileHeaderBytes = 24;  // With the signature.
constexpr std::size_t kOptionalHeaderBytes = 112;
constexpr std::size_t kDirectoryBytes = 8;
constexpr std::size_t kCertificateDirectory = 4;
constexpr std::size_t kMostSections = 96;
constexpr std::size_t kNameBytes = 8;

std::uint32_t u32(std::string_view bytes, std::size_t offset) {
  return static_cast<std::uint32_t>(little_endian(bytes, offset, 4));
}

std::uint16_t u16(std::string_view bytes, std::size_t offset) {
  const auto low = static_cast<unsigned char>(bytes[offset]);
  const auto high = static_cast<unsigned char>(bytes[offset + 1]);
  return static_cast<std::uint16_t>(low | high << 8U);
}

bool is_power_of_two(std::uint32_t value) { return value != 0 && (value & (value - 1)) == 0; }

std::vector<PeSection> read_sections(const DiskBytes& file, const PeImage& image,
                                     std::size_t count) {
  const auto table = file.read(image.section_table, count * kSectionRowBytes);
  std::vector<PeSection> sections;
  for (std::size_t i = 0; i < count; ++i) {
    const auto row = std::string_view(table).substr(i * kSectionRowBytes, kSectionRowBytes);
    const auto name = row.substr(0, kNameBytes);
    sections.push_back({.name = std::string(name.substr(0, name.find('\0'))),
                        .virtual_size = u32(row, 8),
                        .virtual_address = u32(row, 12),
                        .raw_size = u32(row, 16),
                        .raw_offset = u32(row, 20),
                        .characteristics = u32(row, 36)});
  }
  return sections;
}

/// Firmware loads sections in the order of the table; each must begin where the last one ended or
/// later, in memory and, where it has bytes, in the file.
void check_sections(const DiskBytes& file, const PeImage& image) {
  std::uint64_t memory = image.size_of_headers;
  for (const auto& section : image.sections) {
    const auto require = [&](bool right, std::string_view problem) {
      file.require(right, fmt::format("section {}: {}", section.name, problem));
    };
    require(section.virtual_address >= memory, "overlaps what is before it in memory");
    memory = std::uint64_t{section.virtual_address} + section.virtual_size;
    require(memory <= image.size_of_image, "is past the end of the image in memory");
    if (section.raw_size == 0) continue;
    require(section.raw_offset >= image.size_of_headers, "overlaps the headers");
    require(section.raw_offset % image.file_alignment == 0, "is not aligned in the file");
    require(std::uint64_t{section.raw_offset} + section.raw_size <= file.size(), "is cut off");
  }
}

void check_certificates(const DiskBytes& file, const PeCertificates& certificates) {
  if (certificates.size == 0) return;
  file.require(certificates.offset % 8 == 0 &&
                   std::uint64_t{certificates.offset} + certificates.size == file.size(),
               "its certificates are not its last bytes");
}

}  // namespace

const PeSection* PeImage::find(std::string_view name) const {
  const auto found = std::find_if(sections.begin(), sections.end(),
                                  [&](const PeSection& section) { return section.name == name; });
  return found == sections.end() ? nullptr : &*found;
}

std::optional<Architecture> PeImage::architecture() const {
  if (machine == kMachineAmd64) return Architecture::kAmd64;
  if (machine == kMachineArm64) return Architecture::kArm64;
  return std::nullopt;
}

bool looks_like_pe(const DiskBytes& file) {
  if (file.size() < kDosHeaderBytes) return false;
  const auto dos = file.read(0, kDosHeaderBytes);
  const auto offset = u32(dos, 60);
  return dos.starts_with("MZ") && file.size() >= offset + std::uint64_t{kFileHeaderBytes} &&
         file.read(offset, 4) == std::string_view("PE\0\0", 4);
}

PeImage read_pe(const DiskBytes& file) {
  file.require(looks_like_pe(file), "it is no PE program");
  PeImage image;
  image.pe_offset = u32(file.read(0, kDosHeaderBytes), 60);
  const auto header = file.read(image.pe_offset, kFileHeaderBytes + kOptionalHeaderBytes);
  image.machine = u16(header, 4);
  const auto count = u16(header, 6);
  const auto optional_bytes = u16(header, 20);
  const auto optional = std::string_view(header).substr(kFileHeaderBytes);
  file.require(u16(optional, 0) == kPe32Plus, "it is no 64-bit PE program (PE32+)");
  file.require(count > 0 && count <= kMostSections, "it has an odd number of sections");
  image.image_base = little_endian(optional, 24, 8);
  image.section_alignment = u32(optional, 32);
  image.file_alignment = u32(optional, 36);
  image.size_of_image = u32(optional, 56);
  image.size_of_headers = u32(optional, 60);
  image.checksum = u32(optional, 64);
  image.subsystem = u16(optional, 68);
  file.require(is_power_of_two(image.section_alignment) && is_power_of_two(image.file_alignment),
               "its alignments are no powers of two");
  const auto directories = u32(optional, 108);
  file.require(directories > kCertificateDirectory &&
                   optional_bytes >= kOptionalHeaderBytes + directories * kDirectoryBytes,
               "its header has no place for certificates");
  const auto entry = file.read(image.certificates_field(), kDirectoryBytes);
  image.certificates = {.offset = u32(entry, 0), .size = u32(entry, 4)};
  image.section_table = image.optional_header() + optional_bytes;
  image.sections = read_sections(file, image, count);
  file.require(image.section_table + count * kSectionRowBytes <= image.size_of_headers,
               "its section table does not fit into its headers");
  check_sections(file, image);
  check_certificates(file, image.certificates);
  return image;
}

std::string section_content(const DiskBytes& file, const PeSection& section, std::size_t limit) {
  file.require(section.virtual_size <= limit,
               fmt::format("section {} has more than {} bytes", section.name, limit));
  auto content = file.read(section.raw_offset, std::min(section.raw_size, section.virtual_size));
  content.resize(section.virtual_size);
  return content;
}

void PeChecksum::update(std::string_view bytes) {
  for (std::size_t i = 0; i + 1 < bytes.size(); i += 2) sum_ += u16(bytes, i);
  if (bytes.size() % 2 != 0) sum_ += static_cast<unsigned char>(bytes.back());
}

std::uint32_t PeChecksum::value(std::uint64_t file_bytes) const {
  auto sum = sum_;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16U);
  return static_cast<std::uint32_t>(sum + file_bytes);
}

}  // namespace stages::uki
