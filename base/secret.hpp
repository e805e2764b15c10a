// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace base {

/// A value that must never be shown: no operator<<, no formatter, no conversion to string. Its
/// buffer is zeroed when it dies. `reveal()` is the one way in; look for it when reviewing.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string value) : value_(std::move(value)) {}
  Secret(const Secret&) = default;
  Secret(Secret&& other) noexcept;
  Secret& operator=(const Secret& other);
  Secret& operator=(Secret&& other) noexcept;
  ~Secret() { wipe(); }

  [[nodiscard]] const std::string& reveal() const { return value_; }
  [[nodiscard]] bool empty() const { return value_.empty(); }
  friend bool operator==(const Secret&, const Secret&) = default;

 private:
  void wipe() noexcept;
  std::string value_;
};

/// Zeroes the bytes of `text` so that the compiler cannot leave it out, then empties it.
void wipe(std::string& text) noexcept;

/// Keeps this process's memory out of core dumps and away from ptrace of other users
/// (PR_SET_DUMPABLE 0, RLIMIT_CORE 0). Called once at start.
void forbid_core_dumps() noexcept;

}  // namespace base
