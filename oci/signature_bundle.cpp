// SPDX-License-Identifier: Apache-2.0
#include "oci/signature_bundle.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "oci/descriptor_json.hpp"
#include "oci/envelope.hpp"
#include "oci/json.hpp"

namespace oci {
namespace {

constexpr std::string_view kSignPredicate = "https://sigstore.dev/cosign/sign/v1";

bool names(const nlohmann::json& subject, const Digest& image, std::string_view what) {
  if (!subject.is_object()) return false;
  const auto digests = subject.find("digest");
  if (digests == subject.end() || !digests->is_object()) return false;
  return text_field(*digests, std::string(image.algorithm()).c_str(), what) == image.hex();
}

bool says_signed(std::string_view statement, const Digest& image) {
  constexpr std::string_view kWhat = "the statement";
  const auto json = parse_json(statement, kWhat);
  if (!json.is_object() || text_field(json, "predicateType", kWhat) != kSignPredicate) return false;
  const auto subjects = json.find("subject");
  return subjects != json.end() && subjects->is_array() &&
         std::any_of(subjects->begin(), subjects->end(),
                     [&](const nlohmann::json& subject) { return names(subject, image, kWhat); });
}

}  // namespace

bool bundle_signs(std::string_view bundle, const Digest& image, std::span<const SigningKey> keys) {
  try {
    const auto json = parse_json(bundle, "the bundle");
    if (!json.is_object()) return false;
    const auto envelope = json.find("dsseEnvelope");
    if (envelope == json.end()) return false;
    const auto statement = unsealed(envelope->dump(), keys);
    return statement && says_signed(*statement, image);
  } catch (const base::Error&) {
    return false;
  }
}

}  // namespace oci
