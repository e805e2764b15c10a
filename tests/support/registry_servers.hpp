// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/process.hpp"
#include "base/temp_dir.hpp"
#include "oci/digest.hpp"

namespace test_support {

/// A CA of our own and certificates of it: for localhost and 127.0.0.1, and for a client. Made once
/// per folder.
struct TestCertificates {
  explicit TestCertificates(const std::filesystem::path& folder);
  std::filesystem::path ca_dir;  ///< Holds ca.crt alone.
  std::filesystem::path certificate;
  std::filesystem::path key;
  std::filesystem::path client_certificate;
  std::filesystem::path client_key;
};

/// A program that runs until this dies.
class BackgroundProcess {
 public:
  explicit BackgroundProcess(base::Command command);
  ~BackgroundProcess();
  BackgroundProcess(const BackgroundProcess&) = delete;
  BackgroundProcess& operator=(const BackgroundProcess&) = delete;
  BackgroundProcess(BackgroundProcess&&) = delete;
  BackgroundProcess& operator=(BackgroundProcess&&) = delete;

  [[nodiscard]] std::string output() const;

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;
  std::jthread thread_;
};

struct FaultRegistryOptions {
  nlohmann::json script = nlohmann::json::array();
  std::vector<std::string> arguments;  ///< Of fault_registry.py, besides those we set.
  const TestCertificates* certificates = nullptr;
};

/// tests/support/fault_registry.py on free ports.
class FaultRegistry {
 public:
  explicit FaultRegistry(const FaultRegistryOptions& options);

  [[nodiscard]] std::string host() const;          ///< "127.0.0.1:PORT".
  [[nodiscard]] std::string storage_host() const;  ///< The second server.
  [[nodiscard]] const std::filesystem::path& folder() const { return folder_.path(); }
  oci::Digest put_blob(std::string_view bytes) const;
  [[nodiscard]] bool has_blob(const oci::Digest& digest) const;
  /// What was asked so far, in order: {"server", "method", "path", "headers"}.
  [[nodiscard]] std::vector<nlohmann::json> requests() const;
  /// How many requests had this method and a path that holds `part`.
  [[nodiscard]] std::size_t count(std::string_view method, std::string_view part) const;
  /// Bytes of bodies sent so far for paths that hold `part`.
  [[nodiscard]] std::uint64_t sent_bytes(std::string_view part) const;

 private:
  [[nodiscard]] std::vector<nlohmann::json> lines(std::string_view file) const;

  base::TempDir folder_;
  std::optional<BackgroundProcess> process_;
  std::uint16_t port_ = 0;
  std::uint16_t storage_port_ = 0;
};

/// What a DockerRegistry is besides the usual.
struct DockerRegistryOptions {
  bool wants_client_certificate = false;
  std::string cache_of;  ///< URL of a registry: this one is a pull-through cache of it.
};

/// tests/support/h2_registry.py: one blob, over HTTP/2 with its first `resets` answers reset.
class H2Registry {
 public:
  H2Registry(const TestCertificates& certificates, std::string_view blob, int resets);

  [[nodiscard]] std::string host() const;  ///< "127.0.0.1:PORT".
  /// What was asked so far, in order: {"connection", "version", "path", "range"}.
  [[nodiscard]] std::vector<nlohmann::json> requests() const;

 private:
  base::TempDir folder_;
  std::optional<BackgroundProcess> process_;
  std::uint16_t port_ = 0;
};

/// Debian's docker-registry with TLS and htpasswd (user "bob", password "canary-pass").
class DockerRegistry {
 public:
  explicit DockerRegistry(const TestCertificates& certificates, DockerRegistryOptions options = {});
  [[nodiscard]] std::string host() const;
  [[nodiscard]] static bool is_installed();

 private:
  base::TempDir folder_;
  std::uint16_t port_;
  std::optional<BackgroundProcess> process_;
};

}  // namespace test_support
