// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/kubernetes/metrics.hpp"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <fstream>
#include <iterator>

namespace orchestrator::kubernetes {
namespace {

double resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  double pages = 0;
  double resident = 0;
  statm >> pages >> resident;
  return resident * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

}  // namespace

void Metrics::count(std::string_view name, const std::string& labels, double by) {
  const std::scoped_lock lock(mutex_);
  series_.try_emplace(std::string(name), Series{true, {}}).first->second.values[labels] += by;
}

void Metrics::set(std::string_view name, double value, const std::string& labels) {
  const std::scoped_lock lock(mutex_);
  series_.try_emplace(std::string(name), Series{false, {}}).first->second.values[labels] = value;
}

double Metrics::value(std::string_view name, const std::string& labels) const {
  const std::scoped_lock lock(mutex_);
  const auto series = series_.find(name);
  if (series == series_.end()) return 0;
  const auto found = series->second.values.find(labels);
  return found == series->second.values.end() ? 0 : found->second;
}

std::string Metrics::text() const {
  std::string text;
  const auto write = [&text](const std::string& name, const Series& series) {
    fmt::format_to(std::back_inserter(text), "# TYPE {} {}\n", name,
                   series.is_counter ? "counter" : "gauge");
    for (const auto& [labels, value] : series.values) {
      const auto braces = labels.empty() ? std::string() : "{" + labels + "}";
      fmt::format_to(std::back_inserter(text), "{}{} {}\n", name, braces, value);
    }
  };
  const std::scoped_lock lock(mutex_);
  for (const auto& [name, series] : series_) write(name, series);
  write("process_resident_memory_bytes", {false, {{"", resident_bytes()}}});
  write("process_cpu_seconds_total", {true, {{"", cpu_seconds()}}});
  return text;
}

}  // namespace orchestrator::kubernetes
