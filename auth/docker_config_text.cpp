// SPDX-License-Identifier: Apache-2.0
#include "auth/docker_config_text.hpp"

#include <nlohmann/json.hpp>

#include "base/base64.hpp"

namespace auth {
namespace {

using nlohmann::json;

json entry_of(const Credential& credential) {
  const auto& secret = credential.secret.reveal();
  switch (credential.kind) {
    case Credential::Kind::kBasic:
      return {{"auth", base::base64_encode(credential.user + ":" + secret)}};
    case Credential::Kind::kIdentityToken:
      return {{"auth", base::base64_encode("<token>:")}, {"identitytoken", secret}};
    case Credential::Kind::kRegistryToken:
      return {{"registrytoken", secret}};
  }
  return json::object();
}

}  // namespace

base::Secret docker_config_text(const std::map<std::string, Credential>& entries) {
  json auths = json::object();
  for (const auto& [key, credential] : entries) auths[key] = entry_of(credential);
  json document = {{"auths", std::move(auths)}};
  base::Secret text(document.dump());
  for (auto& entry : document["auths"]) {
    for (auto& value : entry) base::wipe(value.get_ref<std::string&>());
  }
  return text;
}

}  // namespace auth
