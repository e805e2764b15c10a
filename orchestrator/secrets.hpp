// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "auth/secret_text.hpp"
#include "base/secret.hpp"
#include "orchestrator/manifest/documents.hpp"
#include "orchestrator/session.hpp"

namespace orchestrator {

/// Finds the Secrets that a resource names: among the documents beside it in its namespace, then
/// in --secrets DIR, then in systemd's $CREDENTIALS_DIRECTORY.
class SecretFinder {
 public:
  /// Both outlive this. `file` is the manifest's name, for messages.
  SecretFinder(const Session& session, const manifest::Documents& documents, std::string file)
      : session_(session), documents_(documents), file_(std::move(file)) {}

  /// One value. Throws base::Error kManifest naming the secret, the key, the field that wants it
  /// and every place looked at.
  [[nodiscard]] base::Secret value(const manifest::Resource& resource,
                                   const manifest::SecretKeySelector& selector,
                                   const std::string& field) const;

  /// All keys of a Secret, for a volume. nullopt when there is no such Secret.
  [[nodiscard]] std::optional<std::map<std::string, base::Secret>> all_values(
      const manifest::Resource& resource, const std::string& name) const;

  /// All keys of a ConfigMap, of --secrets DIR too: DIR/configmaps/NAME. nullopt when there is
  /// none.
  [[nodiscard]] std::optional<std::map<std::string, base::Secret>> config_map_values(
      const manifest::Resource& resource, const std::string& name) const;

  /// The same as all_values(), but throws base::Error kManifest when there is no such Secret.
  [[nodiscard]] std::map<std::string, base::Secret> required_values(
      const manifest::Resource& resource, const std::string& name, const std::string& field) const;

  /// What building and pushing an OSArtifact's image may log in with: imageCredentialsSecretRef,
  /// required if named.
  [[nodiscard]] std::vector<auth::SecretText> image_credentials(
      const manifest::OSArtifact& artifact) const;

  /// What the pulls of an OSArtifact may log in with: image_credentials(), then imagePullSecrets (a
  /// missing one is a warning, as for a kubelet).
  [[nodiscard]] std::vector<auth::SecretText> pull_credentials(const manifest::OSArtifact& artifact,
                                                               Session& session) const;

  /// What the pulls of importers and exporters may log in with, as a kubelet would:
  /// imagePullSecrets, the Secrets `more` of their own pod, then imageCredentialsSecretRef.
  [[nodiscard]] std::vector<auth::SecretText> tool_credentials(const manifest::OSArtifact& artifact,
                                                               const std::vector<std::string>& more,
                                                               Session& session) const;

  /// The Secrets `names`, imagePullSecrets of the resource; a missing one is a warning.
  [[nodiscard]] std::vector<auth::SecretText> pull_secrets(const manifest::Resource& resource,
                                                           const std::vector<std::string>& names,
                                                           Session& session) const;

 private:
  void add_pull_secrets(const manifest::Resource& resource, const std::vector<std::string>& names,
                        Session& session, std::vector<auth::SecretText>& secrets) const;
  [[nodiscard]] std::optional<auth::SecretText> registry_secret(
      const manifest::Resource& resource, const manifest::SecretKeySelector& selector) const;
  [[nodiscard]] std::vector<std::filesystem::path> folders() const;
  [[noreturn]] void fail(const manifest::Resource& resource, const std::string& what,
                         const std::string& field) const;

  const Session& session_;
  const manifest::Documents& documents_;
  std::string file_;
};

}  // namespace orchestrator
