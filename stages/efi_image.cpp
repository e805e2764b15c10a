// SPDX-License-Identifier: Apache-2.0
#include "stages/efi_image.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/error.hpp"
#include "stages/file_runs.hpp"

namespace stages {
namespace {

constexpr std::uint64_t kStepBytes = 4U << 20;
constexpr std::uint64_t kSectorBytes = 512;

constexpr std::uint64_t kLeastFat32Bytes = 40U << 20;   // 65,525 clusters of 512 bytes, and tables.
constexpr std::uint64_t kLargeFat32Bytes = 300U << 20;  // As many clusters of 4 KiB, and tables.

std::uint64_t bytes_for(const std::vector<FatFile>& files, bool fat32) {
  std::uint64_t bytes = 0;
  for (const auto& file : files) bytes += std::filesystem::file_size(file.source);
  // Both tables of FAT32 have four bytes for each cluster: an eighth of that is under 2 %.
  if (fat32) bytes = std::max(bytes + bytes / 50, kLeastFat32Bytes);
  return bytes / kStepBytes * kStepBytes + kStepBytes;
}

/// What a file system is, firmware tells by its number of clusters alone. Source: Microsoft, FAT32
/// File System Specification, "FAT Type Determination".
std::vector<std::string> fat32_arguments(std::uint64_t bytes) {
  return {"-F", "-c", bytes < kLargeFat32Bytes ? "1" : "8"};
}

/// Every folder above the targets, parents first.
std::set<std::string> folders_of(const std::vector<FatFile>& files) {
  std::set<std::string> folders;
  for (const auto& file : files) {
    for (auto folder = std::filesystem::path(file.target).parent_path(); !folder.empty();
         folder = folder.parent_path()) {
      folders.insert(folder.string());
    }
  }
  return folders;
}

/// FNV-1a: small, stable, and enough for a number that only has to differ.
std::uint32_t serial_of(std::string_view label, std::int64_t epoch) {
  std::uint32_t hash = 2166136261U;
  for (const char character : fmt::format("{}@{}", label, epoch)) {
    hash = (hash ^ static_cast<unsigned char>(character)) * 16777619U;
  }
  return hash;
}

}  // namespace

void make_fat_image(base::ProcessRunner& runner, const std::vector<FatFile>& files,
                    const std::filesystem::path& output, const FatImageOptions& options,
                    std::stop_token stop) {
  static_cast<void>(base::require_program("mformat", "mtools"));
  const auto image = output.string();
  const auto run = [&](const char* program, std::vector<std::string> arguments) {
    const base::Command command{.program = program,
                                .arguments = std::move(arguments),
                                .environment = {fmt::format("SOURCE_DATE_EPOCH={}", options.epoch)},
                                .working_directory = {},
                                .input = {}};
    base::run_or_throw(runner, command, base::ErrorCode::kArtifactTool, {}, stop);
  };
  const auto bytes = options.bytes != 0 ? options.bytes : bytes_for(files, options.fat32);
  make_sparse_file(output, bytes);
  // The geometry is of no use to anybody, but mformat wants one that gives all the sectors.
  std::vector<std::string> format = {
      "-i", image,
      "-T", std::to_string(bytes / kSectorBytes),
      "-h", "64",
      "-s", "32",
      "-N", fmt::format("{:08x}", serial_of(options.label, options.epoch)),
      "-v", options.label};
  if (options.fat32) {
    const auto more = fat32_arguments(bytes);
    format.insert(format.end(), more.begin(), more.end());
  }
  format.emplace_back("::");
  run("mformat", std::move(format));
  for (const auto& folder : folders_of(files)) run("mmd", {"-i", image, "::/" + folder});
  auto sorted = files;
  std::sort(sorted.begin(), sorted.end(),
            [](const FatFile& left, const FatFile& right) { return left.target < right.target; });
  for (const auto& file : sorted) {
    run("mcopy", {"-i", image, file.source.string(), "::/" + file.target});
  }
}

}  // namespace stages
