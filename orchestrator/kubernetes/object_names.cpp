// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/kubernetes/object_names.hpp"

#include <fmt/format.h>

#include "oci/digest.hpp"

namespace orchestrator::kubernetes {
namespace {

constexpr std::size_t kMaxNameBytes = 63;
constexpr std::size_t kDigits = 16;
constexpr std::size_t kDigitsInNames = 8;

}  // namespace

std::string short_digest(std::string_view text) {
  return std::string(oci::Digest::of(text).hex().substr(0, kDigits));
}

std::string short_name(std::string_view name, std::string_view suffix) {
  if (name.size() + suffix.size() <= kMaxNameBytes) return fmt::format("{}{}", name, suffix);
  auto kept = name.substr(0, kMaxNameBytes - suffix.size() - kDigitsInNames - 1);
  while (kept.ends_with('-') || kept.ends_with('.')) kept.remove_suffix(1);
  return fmt::format("{}-{}{}", kept, short_digest(name).substr(0, kDigitsInNames), suffix);
}

}  // namespace orchestrator::kubernetes
