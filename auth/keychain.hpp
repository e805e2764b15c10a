// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "auth/credential.hpp"
#include "auth/credential_source.hpp"
#include "auth/secret_text.hpp"
#include "base/process.hpp"
#include "base/proxy.hpp"

namespace auth {

/// What one source had to say, for people who wonder why this credential and not that.
struct SourceAnswer {
  std::string source;
  bool asked = false;
  bool exists = false;      ///< The file is there.
  std::size_t matches = 0;  ///< How many of its credentials fit.
};

/// Who we are to each registry: sources, asked in order. Thread-safe.
class Keychain {
 public:
  explicit Keychain(std::vector<std::unique_ptr<CredentialSource>> sources)
      : sources_(std::move(sources)) {}

  /// What to try, in order: all of the first source that has anything. Empty means anonymous.
  /// Throws base::Error kUnauthorized when a source on the way is broken.
  std::vector<Credential> candidates(std::string_view registry, std::string_view repository);
  /// The sources are read again at the next question.
  void refresh();
  /// What each source says of a repository, in order; `asked` is false behind the one that
  /// answered. Throws as candidates().
  std::vector<SourceAnswer> trace(std::string_view registry, std::string_view repository);
  /// Names of the sources, for "no credentials were found in ...".
  [[nodiscard]] std::vector<std::string> source_names() const;

 private:
  std::vector<std::unique_ptr<CredentialSource>> sources_;
};

struct KeychainOptions {
  std::vector<std::filesystem::path> credentials;  ///< --credentials: files or folders.
  std::vector<SecretText> secrets;                 ///< The manifest's, in its order.
  base::Environment environment;  ///< HOME, DOCKER_CONFIG, REGISTRY_AUTH_FILE, XDG_..., ...
  uid_t user_id = 0;
  base::ProcessRunner* processes = nullptr;  ///< For credential helpers; outlives the keychain.
  /// Told of a credentials file that others may read or change. May be called again for the same
  /// file, from any thread. None: nobody is told.
  std::function<void(const std::string&)> warn;
};

/// The sources in order of precedence: --credentials; the manifest's Secrets and
/// $CREDENTIALS_DIRECTORY/config.json; the text of $DOCKER_AUTH_CONFIG; $DOCKER_CONFIG;
/// $REGISTRY_AUTH_FILE, which ends the search; auth.json under $XDG_RUNTIME_DIR (else
/// /run/containers/UID) and $XDG_CONFIG_HOME;
/// ~/.docker/config.json; ~/.dockercfg. Throws base::Error kUsage for a --credentials path that is
/// not there or a folder without a credentials file.
std::vector<std::unique_ptr<CredentialSource>> default_sources(const KeychainOptions& options);

}  // namespace auth
