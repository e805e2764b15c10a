// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <spdlog/logger.h>

#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "auth/keychain.hpp"
#include "auth/secret_text.hpp"
#include "base/http.hpp"
#include "base/process.hpp"
#include "base/temp_dir.hpp"
#include "oci/container.hpp"
#include "oci/layer_format.hpp"
#include "oci/layer_options.hpp"
#include "oci/registry.hpp"
#include "oci/registry_rules.hpp"
#include "oci/registry_session.hpp"
#include "oci/signing_key.hpp"
#include "oci/store.hpp"
#include "orchestrator/environment.hpp"
#include "orchestrator/event.hpp"
#include "orchestrator/options.hpp"

namespace orchestrator {

/// What one command works with, made from the common options when first needed.
class Session {
 public:
  /// `may_mount`: this process has mounts of its own and the right to mount.
  Session(const CommonOptions& options, Environment& environment, std::stop_token stop,
          bool may_mount);

  [[nodiscard]] const CommonOptions& options() const { return options_; }
  [[nodiscard]] Environment& environment() const { return environment_; }
  [[nodiscard]] std::stop_token stop() const { return stop_; }
  [[nodiscard]] bool may_mount() const { return may_mount_; }
  [[nodiscard]] unsigned jobs() const;
  /// --compression.
  [[nodiscard]] oci::LayerFormat layer_format() const;
  /// Owners as far as this process may give files away; devices unless --no-devices leaves them
  /// out.
  [[nodiscard]] oci::LayerOptions layer_options() const;
  [[nodiscard]] base::ProcessRunner& process() { return process_; }
  [[nodiscard]] EventSink& events() { return *events_; }
  [[nodiscard]] oci::Store& store();

  /// Mirrors and rewrites: --registry-mirror and the machine's registries.conf, read when first
  /// needed. Throws base::Error kUsage for what cannot be used. Not thread-safe.
  const oci::RegistryRules& registry_rules();

  /// Where `reference`, as the user names it, would be asked for, in order.
  std::vector<oci::PullPlace> places_for(const oci::Reference& reference);

  /// A registry, mirrors included, whose keychain has the flags' and the machine's credentials and,
  /// in their rank, `secrets`. `insecure`: hosts, and `ca_dirs`: CA certificates, besides those of
  /// the flags.
  std::shared_ptr<oci::Registry> registry(std::vector<auth::SecretText> secrets,
                                          const std::set<std::string>& insecure,
                                          const std::vector<std::filesystem::path>& ca_dirs = {});

  /// What a registry is talked to with.
  struct AccessWish {
    std::vector<auth::SecretText> secrets;
    std::set<std::string> insecure;              ///< As of registry().
    std::vector<std::filesystem::path> ca_dirs;  ///< As of registry().
    base::Environment proxies;                   ///< Over those of the environment.
    bool verify = true;  ///< Ask for the signatures that --verify-key wants; not for a push.
  };
  struct Access {
    std::shared_ptr<oci::Registry> registry;
    std::shared_ptr<auth::Keychain> keychain;  ///< Which the registry uses.
    oci::SessionContext context;               ///< What it speaks with.
    base::TlsTrustOptions trust;               ///< Whom it trusts.
  };
  /// As registry(), and what it is made of.
  Access access(const AccessWish& wish);

  /// Where the credentials of registry() come from.
  std::shared_ptr<auth::Keychain> keychain(std::vector<auth::SecretText> secrets);
  /// What registry() speaks with, for those who need a session of their own. `insecure` and
  /// `ca_dirs` as there; `proxies` over those of the environment.
  oci::SessionContext registry_context(std::shared_ptr<auth::Keychain> keychain,
                                       const std::set<std::string>& insecure,
                                       const std::vector<std::filesystem::path>& ca_dirs = {},
                                       const base::Environment& proxies = {});

  /// Whom to trust: the environment, the flags, registries.conf, and `insecure` and `ca_dirs`.
  base::TlsTrustOptions tls_trust(const std::set<std::string>& insecure,
                                  const std::vector<std::filesystem::path>& ca_dirs);

  /// What --runtime, or else the first that works here, runs containers with; the session outlives
  /// it. Thread-safe. Throws base::Error kBuildStep when nothing can.
  std::unique_ptr<oci::ContainerRunner> make_container_runner();

  /// SOURCE_DATE_EPOCH, or nullopt when it is not set. Throws base::Error kUsage when it is no
  /// number.
  [[nodiscard]] std::optional<std::int64_t> source_date_epoch() const;

  /// The key of --sign-key, or null. Throws base::Error kUsage or kIo. Not thread-safe.
  std::shared_ptr<const oci::SigningKey> signing_key();

  /// Says something that belongs to no stage.
  void warn(const std::string& text);
  /// The same, but only the first time. Thread-safe.
  void warn_once(const std::string& text);

 private:
  const CommonOptions& options_;
  Environment& environment_;
  std::stop_token stop_;
  bool may_mount_;
  base::SystemProcessRunner process_;
  std::unique_ptr<EventSink> events_;
  std::shared_ptr<spdlog::logger> log_;
  std::unique_ptr<oci::Store> store_;
  std::optional<base::TempDir> scratch_;  ///< Of container runners; on the store's file system.
  std::optional<oci::RegistryRules> rules_;
  std::shared_ptr<const oci::SigningKey> signing_key_;
  std::mutex mutex_;
  std::set<std::string> warned_;
};

}  // namespace orchestrator
