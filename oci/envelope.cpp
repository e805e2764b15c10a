// SPDX-License-Identifier: Apache-2.0
#include "oci/envelope.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/base64.hpp"
#include "base/error.hpp"
#include "oci/descriptor_json.hpp"
#include "oci/json.hpp"

namespace oci {
namespace {

constexpr std::string_view kStatementType = "application/vnd.in-toto+json";
constexpr std::string_view kWhat = "the envelope";
constexpr std::size_t kMaxSignatures = 16;

/// Pre-authentication encoding.
std::string encoded(std::string_view payload) {
  return fmt::format("DSSEv1 {} {} {} {}", kStatementType.size(), kStatementType, payload.size(),
                     payload);
}

std::optional<std::string> opened(const nlohmann::json& envelope,
                                  std::span<const SigningKey> keys) {
  if (!envelope.is_object()) return std::nullopt;
  if (text_field(envelope, "payloadType", kWhat) != kStatementType) return std::nullopt;
  auto payload = base::base64_decode(text_field(envelope, "payload", kWhat));
  const auto signatures = envelope.find("signatures");
  if (!payload || signatures == envelope.end() || !signatures->is_array() ||
      signatures->size() > kMaxSignatures) {
    return std::nullopt;
  }
  const auto data = encoded(*payload);
  for (const auto& signature : *signatures) {
    if (!signature.is_object()) continue;
    const auto raw = base::base64_decode(text_field(signature, "sig", kWhat));
    const bool valid = raw && std::any_of(keys.begin(), keys.end(), [&](const SigningKey& key) {
                         return key.verifies(data, *raw);
                       });
    if (valid) return payload;
  }
  return std::nullopt;
}

}  // namespace

std::string sealed(std::string_view statement, const SigningKey& key) {
  return nlohmann::json{
      {"payloadType", kStatementType},
      {"payload", base::base64_encode(statement)},
      {"signatures", {{{"keyid", ""}, {"sig", base::base64_encode(key.sign(encoded(statement)))}}}}}
      .dump();
}

std::optional<std::string> unsealed(std::string_view envelope, std::span<const SigningKey> keys) {
  try {
    return opened(parse_json(envelope, kWhat), keys);
  } catch (const base::Error&) {
    return std::nullopt;
  }
}

}  // namespace oci
