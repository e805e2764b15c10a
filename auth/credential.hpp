// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/secret.hpp"

namespace auth {

/// Who we are to a registry, and where we know it from.
struct Credential {
  enum class Kind {
    kBasic,          ///< A user and a password.
    kIdentityToken,  ///< An OAuth2 refresh token: exchanged at the token server.
    kRegistryToken,  ///< A bearer token: sent as it is.
  };
  Kind kind = Kind::kBasic;
  std::string user;     ///< May be shown. Empty for tokens.
  base::Secret secret;  ///< Password or token.
  std::string origin;   ///< For people: "/run/secrets/config.json, key ghcr.io/team".

  friend bool operator==(const Credential&, const Credential&) = default;
};

/// "user 'bob' (FILE, key KEY)" or "an identity token (FILE, key KEY)".
std::string describe(const Credential& credential);

}  // namespace auth
