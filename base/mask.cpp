// SPDX-License-Identifier: Apache-2.0
#include "base/mask.hpp"

#include <algorithm>

namespace base {
namespace {

constexpr std::string_view kMasked = "***";

}  // namespace

Mask::Mask(const std::vector<Secret>& secrets) {
  for (const auto& secret : secrets) {
    std::string_view rest = secret.reveal();
    add(rest);
    while (!rest.empty()) {
      const auto end = std::min(rest.find('\n'), rest.size());
      add(rest.substr(0, end));
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
  }
  std::stable_sort(secrets_.begin(), secrets_.end(), [](const Secret& left, const Secret& right) {
    return left.reveal().size() > right.reveal().size();
  });
}

void Mask::add(std::string_view secret) {
  while (!secret.empty() && (secret.back() == '\n' || secret.back() == '\r')) {
    secret.remove_suffix(1);
  }
  if (secret.size() >= kShortest) secrets_.emplace_back(std::string(secret));
}

std::string Mask::apply(std::string_view text) const {
  std::string out(text);
  for (const auto& secret : secrets_) {
    const auto& hidden = secret.reveal();
    for (auto at = out.find(hidden); at != std::string::npos;
         at = out.find(hidden, at + kMasked.size())) {
      out.replace(at, hidden.size(), kMasked);
    }
  }
  return out;
}

Error Mask::apply(const Error& error) const {
  const auto& facts = error.facts();
  Error masked({.code = facts.code,
                .what = apply(facts.what),
                .why = apply(facts.why),
                .hint = apply(facts.hint)});
  for (const auto& context : error.contexts()) masked.add_context(apply(context));
  return masked;
}

}  // namespace base
