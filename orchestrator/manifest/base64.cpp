// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/manifest/base64.hpp"

#include <cstdint>

#include "base/secret.hpp"

namespace orchestrator::manifest {
namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::size_t kGroup = 4;

}  // namespace

std::optional<std::string> decode_base64(std::string_view text) {
  std::string out;
  out.reserve(text.size() / kGroup * 3);  // No reallocation: it would leave a copy behind.
  std::uint32_t bits = 0;
  std::size_t digits = 0;
  std::size_t padding = 0;
  const auto fail = [&out] {
    base::wipe(out);
    return std::nullopt;
  };
  for (const char character : text) {
    if (character == '\n' || character == '\r') continue;
    const auto value = kAlphabet.find(character);
    const bool pad = character == '=' && digits >= 2;
    if ((value == std::string_view::npos && !pad) || (!pad && padding > 0)) return fail();
    if (out.size() > 0 && padding > 0 && digits == 0) return fail();
    bits = (bits << 6U) | (pad ? 0U : static_cast<std::uint32_t>(value));
    padding += pad ? 1 : 0;
    if (++digits < kGroup) continue;
    for (unsigned byte = 0; byte < 3 - padding; ++byte) {
      out += static_cast<char>((bits >> (16U - 8U * byte)) & 0xFFU);
    }
    bits = 0;
    digits = 0;
  }
  if (digits != 0) return fail();
  return out;
}

}  // namespace orchestrator::manifest
