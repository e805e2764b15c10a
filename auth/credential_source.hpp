// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/credential.hpp"
#include "auth/credential_helper.hpp"
#include "auth/docker_config.hpp"
#include "base/secret.hpp"

namespace auth {

/// A place where credentials are kept. Thread-safe.
class CredentialSource {
 public:
  virtual ~CredentialSource() = default;

  /// All that fit, the one to try first in front; empty when it knows nothing of the repository.
  /// Throws base::Error kUnauthorized naming the source when it is broken.
  virtual std::vector<Credential> find(std::string_view registry, std::string_view repository) = 0;
  /// Reads it again at the next find(): a mounted Secret changes under a running process.
  virtual void refresh() = 0;
  /// For people: a path, or "secret 'regcred'".
  [[nodiscard]] virtual std::string name() const = 0;
  /// Whether there is a file or text to look into. Throws as find().
  [[nodiscard]] virtual bool exists() = 0;
  /// Nothing after this source is asked, whether it has an entry or not.
  [[nodiscard]] virtual bool ends_search() const { return false; }
};

/// One credentials file or text, parsed when first asked.
class ConfigSource final : public CredentialSource {
 public:
  /// Gives the text as it is now; nullopt when there is none, which is fine.
  using Read = std::function<std::optional<base::Secret>()>;

  struct Options {
    std::string name;
    Read read;
    bool ends_search = false;
    DockerConfig::Form form = DockerConfig::Form::kFile;
    std::shared_ptr<const CredentialHelper> helper;  ///< None: naming a helper is an error.
  };
  explicit ConfigSource(Options options) : options_(std::move(options)) {}

  std::vector<Credential> find(std::string_view registry, std::string_view repository) override;
  void refresh() override;
  [[nodiscard]] bool exists() override { return config() != nullptr; }
  [[nodiscard]] std::string name() const override { return options_.name; }
  [[nodiscard]] bool ends_search() const override { return options_.ends_search; }

 private:
  std::optional<Credential> ask_helper(const std::string& helper, std::string_view registry) const;
  std::shared_ptr<const DockerConfig> config();

  Options options_;
  std::mutex mutex_;
  bool is_read_ = false;
  std::shared_ptr<const DockerConfig> config_;
};

/// Several sources of the same rank: all their answers, in order. For a manifest's Secrets, each of
/// which is tried as a kubelet would.
class CombinedSource final : public CredentialSource {
 public:
  explicit CombinedSource(std::vector<std::unique_ptr<CredentialSource>> parts)
      : parts_(std::move(parts)) {}

  std::vector<Credential> find(std::string_view registry, std::string_view repository) override;
  void refresh() override;
  [[nodiscard]] bool exists() override;
  [[nodiscard]] std::string name() const override;

 private:
  std::vector<std::unique_ptr<CredentialSource>> parts_;
};

}  // namespace auth
