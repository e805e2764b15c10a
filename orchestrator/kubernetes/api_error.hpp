// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "base/error.hpp"
#include "base/http.hpp"

namespace orchestrator::kubernetes {

/// The API server said no. `why` is its own words: "404 NotFound: pods "a" not found".
class ApiError final : public base::Error {
 public:
  ApiError(base::ErrorFacts facts, int status, std::string reason)
      : base::Error(std::move(facts)), status_(status), reason_(std::move(reason)) {}

  [[nodiscard]] int status() const { return status_; }                 ///< Of HTTP.
  [[nodiscard]] const std::string& reason() const { return reason_; }  ///< "AlreadyExists".

  [[nodiscard]] bool is_not_found() const { return status_ == 404; }
  /// Somebody else changed the object since we read it.
  [[nodiscard]] bool is_conflict() const { return status_ == 409 && reason_ != "AlreadyExists"; }
  [[nodiscard]] bool already_exists() const { return reason_ == "AlreadyExists"; }
  /// It refuses what the object says: another try does not help.
  [[nodiscard]] bool is_invalid() const { return status_ == 400 || status_ == 422; }
  /// The resource version asked for is no longer kept: list again.
  [[nodiscard]] bool is_expired() const { return status_ == 410 || reason_ == "Expired"; }

 private:
  int status_;
  std::string reason_;
};

/// What a metav1.Status (or whatever else `body` is) with this HTTP status means; `what` says what
/// was tried: "cannot create jobs.batch default/demo".
ApiError api_error(int status, const std::string& body, std::string what);

}  // namespace orchestrator::kubernetes
