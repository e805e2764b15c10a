// SPDX-License-Identifier: Apache-2.0
#include "oci/digest.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <array>

#include "base/error.hpp"

namespace oci {
namespace {

void check(int status) {
  if (status == 1) return;
  throw base::Error({.code = base::ErrorCode::kInternal,
                     .what = "cannot compute a digest",
                     .why = "OpenSSL refused",
                     .hint = ""});
}

}  // namespace

std::optional<Digest> Digest::parse(std::string_view text) {
  const auto colon = text.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto algorithm = text.substr(0, colon);
  const auto hex = text.substr(colon + 1);
  const bool known =
      (algorithm == "sha256" && hex.size() == 64) || (algorithm == "sha512" && hex.size() == 128);
  if (!known || hex.find_first_not_of("0123456789abcdef") != std::string_view::npos) {
    return std::nullopt;
  }
  return Digest(std::string(text));
}

Digest Digest::of(std::string_view data) {
  Hasher hasher;
  hasher.update(data);
  return hasher.finish();
}

void Hasher::Free::operator()(EVP_MD_CTX* context) const noexcept { EVP_MD_CTX_free(context); }

Hasher::Hasher(std::string_view algorithm) : algorithm_(algorithm), context_(EVP_MD_CTX_new()) {
  check(context_ ? 1 : 0);
  check(EVP_DigestInit_ex(context_.get(), algorithm_ == "sha512" ? EVP_sha512() : EVP_sha256(),
                          nullptr));
}

void Hasher::update(std::span<const std::byte> data) {
  check(EVP_DigestUpdate(context_.get(), data.data(), data.size()));
}

Digest Hasher::finish() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> value{};
  unsigned length = 0;
  check(EVP_DigestFinal_ex(context_.get(), value.data(), &length));
  std::string text = algorithm_ + ":";
  for (unsigned i = 0; i < length; ++i) text += fmt::format("{:02x}", value.at(i));
  return Digest(std::move(text));
}

}  // namespace oci
