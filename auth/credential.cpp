// SPDX-License-Identifier: Apache-2.0
#include "auth/credential.hpp"

#include <fmt/format.h>

#include "base/format.hpp"

namespace auth {

std::string describe(const Credential& credential) {
  const auto origin = base::printable(credential.origin);
  switch (credential.kind) {
    case Credential::Kind::kBasic:
      return fmt::format("user '{}' ({})", base::printable(credential.user), origin);
    case Credential::Kind::kIdentityToken:
      return fmt::format("an identity token ({})", origin);
    case Credential::Kind::kRegistryToken:
      return fmt::format("a registry token ({})", origin);
  }
  return origin;
}

}  // namespace auth
