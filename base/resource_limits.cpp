// SPDX-License-Identifier: Apache-2.0
#include "base/resource_limits.hpp"

#include <fmt/format.h>
#include <sched.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <functional>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>

#include "base/format.hpp"

namespace base {
namespace {

namespace fs = std::filesystem;

/// Version 1 says "no limit" with a number near 2^63.
constexpr std::uint64_t kNoLimit = 1ULL << 60;

std::optional<std::string> first_line(const fs::path& file) {
  std::ifstream in(file);
  std::string line;
  if (!std::getline(in, line)) return std::nullopt;
  return line;
}

std::optional<std::int64_t> number(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (status != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<std::int64_t> number_in(const fs::path& file) {
  const auto line = first_line(file);
  return line ? number(*line) : std::nullopt;
}

/// Where `group` and the groups above it are mounted. In a container the group's own path may not
/// be visible: its files stand at the mount itself then.
void for_each_group(const fs::path& mount, const std::string& group,
                    const std::function<void(const fs::path&)>& visit) {
  auto relative = fs::path(group).relative_path();
  while (!relative.empty()) {
    visit(mount / relative);
    relative = relative.parent_path();
  }
  visit(mount);
}

class Limits {
 public:
  explicit Limits(unsigned processors) { result_.processors = processors; }

  [[nodiscard]] ResourceLimits result() const { return result_; }

  void take_memory(std::optional<std::int64_t> bytes) {
    if (!bytes || *bytes <= 0 || static_cast<std::uint64_t>(*bytes) >= kNoLimit) return;
    const auto limit = static_cast<std::uint64_t>(*bytes);
    result_.memory_bytes =
        result_.memory_bytes == 0 ? limit : std::min(result_.memory_bytes, limit);
  }

  void take_quota(std::optional<std::int64_t> quota, std::optional<std::int64_t> period) {
    if (!quota || !period || *quota <= 0 || *period <= 0) return;
    const auto whole = std::max<std::int64_t>(1, (*quota + *period - 1) / *period);
    if (whole < result_.processors) result_.processors = static_cast<unsigned>(whole);
  }

 private:
  ResourceLimits result_;
};

void read_version_1(const fs::path& sys, std::string_view controller, const std::string& group,
                    Limits& limits) {
  for_each_group(sys / controller, group, [&](const fs::path& folder) {
    if (controller == "memory") {
      limits.take_memory(number_in(folder / "memory.limit_in_bytes"));
    } else {
      limits.take_quota(number_in(folder / "cpu.cfs_quota_us"),
                        number_in(folder / "cpu.cfs_period_us"));
    }
  });
}

void read_version_2(const fs::path& sys, const std::string& group, Limits& limits) {
  for_each_group(sys, group, [&](const fs::path& folder) {
    limits.take_memory(number_in(folder / "memory.max"));
    const auto line = first_line(folder / "cpu.max");  // "QUOTA PERIOD", or "max PERIOD".
    if (!line) return;
    const auto blank = line->find(' ');
    if (blank == std::string::npos) return;
    limits.take_quota(number(line->substr(0, blank)), number(line->substr(blank + 1)));
  });
}

unsigned processors_allowed() {
  cpu_set_t processors;
  CPU_ZERO(&processors);
  if (::sched_getaffinity(0, sizeof(processors), &processors) != 0) return 1;
  return static_cast<unsigned>(std::max(1, CPU_COUNT(&processors)));
}

/// Calls `visit` for each hierarchy that we are in: its controllers (none for version 2), our
/// group.
void for_each_hierarchy(
    const fs::path& root,
    const std::function<void(const std::string& controllers, const std::string& group)>& visit) {
  std::ifstream groups(root / "proc/self/cgroup");
  // ID:CONTROLLER[,CONTROLLER]:PATH, with no controller for version 2.
  for (std::string line; std::getline(groups, line);) {
    const auto first = line.find(':');
    const auto second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    visit(line.substr(first + 1, second - first - 1), line.substr(second + 1));
  }
}

std::optional<std::uint64_t> kills_in(const fs::path& file) {
  constexpr std::string_view kKey = "oom_kill ";
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with(kKey)) continue;
    const auto value = number(std::string_view(line).substr(kKey.size()));
    if (value && *value >= 0) return static_cast<std::uint64_t>(*value);
  }
  return std::nullopt;
}

}  // namespace

ResourceLimits resource_limits(const fs::path& root) {
  Limits limits(processors_allowed());
  const auto sys = root / "sys/fs/cgroup";
  for_each_hierarchy(root, [&](const std::string& text, const std::string& group) {
    if (text.empty()) read_version_2(sys, group, limits);
    std::istringstream controllers(text);
    for (std::string name; std::getline(controllers, name, ',');) {
      if (name == "memory" || name == "cpu") read_version_1(sys, name, group, limits);
    }
  });
  return limits.result();
}

std::uint64_t memory_kills(const fs::path& root) {
  std::optional<std::uint64_t> kills;
  const auto take = [&](const fs::path& file) {
    if (!kills) kills = kills_in(file);  // The group itself comes before those above it.
  };
  const auto sys = root / "sys/fs/cgroup";
  for_each_hierarchy(root, [&](const std::string& controllers, const std::string& group) {
    if (controllers.empty()) {
      for_each_group(sys, group, [&](const fs::path& folder) { take(folder / "memory.events"); });
    } else if (("," + controllers + ",").find(",memory,") != std::string::npos) {
      for_each_group(sys / "memory", group,
                     [&](const fs::path& folder) { take(folder / "memory.oom_control"); });
    }
  });
  return kills.value_or(0);
}

std::string out_of_memory(const fs::path& root) {
  const auto limit = resource_limits(root).memory_bytes;
  if (limit == 0)
    return "out of memory: the kernel killed a process here; this machine is too small";
  return fmt::format(
      "out of memory: the kernel killed a process here; the limit is {}. Raise "
      "resources.limits.memory of the pod, or MemoryMax= of the unit: 512 MiB is enough for most",
      format_bytes(limit));
}

}  // namespace base
