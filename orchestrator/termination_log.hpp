// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <utility>

#include "base/error.hpp"

namespace orchestrator {

/// An error of which lines were shown before, which a place that gets the error alone shows again.
class ErrorAfterLines final : public base::Error {
 public:
  ErrorAfterLines(base::ErrorFacts facts, std::string lines)
      : base::Error(std::move(facts)), lines_(std::move(lines)) {}
  [[nodiscard]] const std::string& lines() const { return lines_; }

 private:
  std::string lines_;
};

/// What a pod's status shows of `error`: at most `bytes`. Of a longer text the middle is left out,
/// so that what failed and what to do stay.
std::string termination_message(const base::Error& error, std::size_t bytes);

/// Writes that into `file` if there is one: "/dev/termination-log" of a pod. Never throws. Source:
/// Kubernetes, "Determine the Reason for Pod Failure": 4096 bytes.
void write_termination_log(const std::filesystem::path& file, const base::Error& error);

}  // namespace orchestrator
