// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <string_view>

namespace orchestrator::kubernetes {

/// Counters and gauges of this process. Thread-safe.
class Metrics {
 public:
  /// `labels` as Prometheus writes them, without the braces: `verb="get",code="200"`.
  void count(std::string_view name, const std::string& labels = "", double by = 1);
  void set(std::string_view name, double value, const std::string& labels = "");
  [[nodiscard]] double value(std::string_view name, const std::string& labels = "") const;

  /// All of them, and this process's memory and CPU time, in the Prometheus text format 0.0.4.
  [[nodiscard]] std::string text() const;

 private:
  struct Series {
    bool is_counter;
    std::map<std::string, double> values;  ///< By labels.
  };
  mutable std::mutex mutex_;
  std::map<std::string, Series, std::less<>> series_;
};

}  // namespace orchestrator::kubernetes
