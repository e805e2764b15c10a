// SPDX-License-Identifier: Apache-2.0
#include "stages/uki/boot_folder.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/files.hpp"
#include "stages/copy_file.hpp"
#include "stages/uki/authenticode.hpp"

namespace stages::uki {
namespace {

using std::filesystem::path;

constexpr const char* kTitle = "Kairos";
// kairos-agent rewrites "efi" into "uki" from this version on; both read either.
constexpr int kKnowsUkiKey = 259;
constexpr int kKnowsIfSafe = 253;

void put(const path& file, std::string_view content) {
  base::make_directories(file.parent_path());
  base::write_file_atomically(file, content);
}

/// "if-safe" enrols the keys on virtual machines without a question; older menus do not know it,
/// and "manual" offers them as an entry.
std::string loader_settings(int version) {
  return fmt::format("timeout 5\nconsole-mode max\neditor no\nsecure-boot-enroll {}\n",
                     version >= kKnowsIfSafe ? "if-safe" : "manual");
}

std::string boot_entry(int version) {
  return fmt::format("title {}\nsort-key {}-0\n{} /EFI/kairos/{}.efi\nprofile 0\n", kTitle, kRole,
                     version >= kKnowsUkiKey ? "uki" : "efi", kRole);
}

}  // namespace

path uki_place(const path& folder) { return folder / "EFI/kairos" / fmt::format("{}.efi", kRole); }

void write_boot_folder(const path& folder, const SystemdBoot& systemd_boot, const UkiKeys& keys,
                       std::int64_t epoch, const std::stop_token& stop) {
  const auto loader = folder / "EFI/BOOT" / systemd_boot.fallback_name;
  base::make_directories(loader.parent_path());
  copy_file(systemd_boot.loader.file, loader, stop);
  sign_pe(loader, keys.secure_boot, epoch, stop);
  const auto version = systemd_version(systemd_boot.loader.file);
  put(folder / "loader/loader.conf", loader_settings(version));
  put(folder / "loader/entries" / fmt::format("{}.conf", kRole), boot_entry(version));
  for (const auto& file : keys.enrolment)
    put(folder / "loader/keys/auto" / file.name, file.content);
}

std::vector<std::string> files_below(const path& folder) {
  std::vector<std::string> files;
  std::error_code error;
  for (std::filesystem::recursive_directory_iterator entry(folder, error), end;
       !error && entry != end; entry.increment(error)) {
    if (entry->is_regular_file())
      files.push_back(entry->path().lexically_relative(folder).string());
  }
  if (error) {
    base::throw_system_error(error.value(), fmt::format("cannot read {}", folder.string()));
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace stages::uki
