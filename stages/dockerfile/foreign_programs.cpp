// SPDX-License-Identifier: Apache-2.0
#include "stages/dockerfile/foreign_programs.hpp"

#include <fmt/format.h>

#include <sstream>
#include <string_view>

#include "base/files.hpp"

namespace stages::dockerfile {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxEntryBytes = 64U << 10;

/// e_machine of an ELF header, as the two bytes stand in the file, in hexadecimal. Source: elf(5).
struct Machine {
  std::string_view architecture;
  std::string_view bytes;
};
constexpr Machine kMachines[] = {{"amd64", "3e00"},   {"arm64", "b700"},   {"arm", "2800"},
                                 {"386", "0300"},     {"riscv64", "f300"}, {"s390x", "0016"},
                                 {"ppc64le", "1500"}, {"loong64", "0201"}};
constexpr std::size_t kMachineOffset = 18;

/// What a file of binfmt_misc says.
struct Registration {
  bool enabled = false;
  bool fixed = false;  ///< Flag F: the program was opened when it was registered.
  std::string magic;
};

Registration read_registration(const fs::path& path) {
  Registration found;
  std::istringstream lines(base::read_file_if_exists(path, kMaxEntryBytes).value_or(""));
  for (std::string line; std::getline(lines, line);) {
    if (line == "enabled") found.enabled = true;
    if (line.starts_with("flags: ")) found.fixed = line.find('F', 7) != std::string::npos;
    if (line.starts_with("magic ")) found.magic = line.substr(6);
  }
  return found;
}

}  // namespace

std::optional<std::string> obstacle_to_running(const oci::Platform& platform,
                                               const oci::Platform& host, const fs::path& binfmt) {
  const auto& wanted = platform.architecture;
  if (wanted == host.architecture) return std::nullopt;
  if (wanted == "386" && host.architecture == "amd64") return std::nullopt;
  std::string_view machine;
  for (const auto& known : kMachines) {
    if (known.architecture == wanted) machine = known.bytes;
  }
  if (machine.empty()) return fmt::format("nothing is known about {} programs", wanted);
  bool loose = false;
  std::error_code error;
  for (fs::directory_iterator entry(binfmt, error), end; !error && entry != end;
       entry.increment(error)) {
    const auto name = entry->path().filename();
    if (name == "register" || name == "status") continue;
    const auto registration = read_registration(entry->path());
    if (!registration.enabled || registration.magic.size() < 2 * kMachineOffset + 4) continue;
    if (registration.magic.compare(2 * kMachineOffset, 4, machine) != 0) continue;
    if (registration.fixed) return std::nullopt;
    loose = true;
  }
  return loose ? fmt::format(
                     "what runs {} programs here is registered without the flag F, so that "
                     "it is not found inside an image",
                     wanted)
               : fmt::format("this machine is {} and has nothing registered that runs {} programs",
                             host.architecture, wanted);
}

}  // namespace stages::dockerfile
