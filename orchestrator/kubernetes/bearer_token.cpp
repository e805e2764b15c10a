// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/kubernetes/bearer_token.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/files.hpp"

namespace orchestrator::kubernetes {
namespace {

constexpr std::size_t kMaxTokenBytes = 1U << 20;
constexpr std::chrono::minutes kReadAgainAfter{1};

}  // namespace

base::Secret BearerToken::value() {
  const std::scoped_lock lock(mutex_);
  const auto age = std::chrono::steady_clock::now() - read_at_;
  if (!file_.empty() && (value_.empty() || age > kReadAgainAfter)) read();
  return value_;
}

bool BearerToken::reread(const base::Secret& refused) {
  const std::scoped_lock lock(mutex_);
  if (file_.empty()) return false;
  if (value_ == refused) read();
  return !(value_ == refused);
}

void BearerToken::read() {
  try {
    auto text = base::read_file(file_, kMaxTokenBytes);
    text.erase(text.find_last_not_of(" \t\r\n") + 1);
    value_ = base::Secret(std::move(text));
    read_at_ = std::chrono::steady_clock::now();
  } catch (const base::Error& error) {
    throw base::Error({.code = base::ErrorCode::kUnauthorized,
                       .what = fmt::format("cannot read the token in {}", file_.string()),
                       .why = error.facts().why.empty() ? error.facts().what : error.facts().why,
                       .hint = "check that the ServiceAccount's token is mounted"});
  }
}

}  // namespace orchestrator::kubernetes
