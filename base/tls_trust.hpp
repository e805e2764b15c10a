// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/proxy.hpp"
#include "base/secret.hpp"
#include "base/url.hpp"

namespace base {

/// Where certificates come from. Defaults: the system's only.
struct TlsTrustOptions {
  std::vector<std::filesystem::path> ca_dirs;  ///< Extra CAs for every host: *.crt *.pem *.ca.
  /// Folders laid out as HOST[:PORT]/{*.crt,*.cert,*.key}. Source: containers-certs.d(5).
  std::vector<std::filesystem::path> certs_dirs;
  std::optional<std::filesystem::path> ca_file;                ///< Instead of the system's bundle.
  std::optional<std::vector<std::filesystem::path>> ca_paths;  ///< Instead of the system's folder.
  std::string ca_pem;                  ///< Instead of all the system has, where not empty.
  std::string client_certificate_pem;  ///< Shown to every host, with its key; or both empty.
  Secret client_key_pem;
  /// "HOST", "HOST:PORT", or "*.DOMAIN" for all below it: TLS is not verified there, and plain HTTP
  /// is spoken if it has no TLS.
  std::set<std::string> insecure_hosts;
  /// "HOST" or "HOST:PORT" that speaks plain HTTP: TLS is not tried there.
  std::set<std::string> plain_http_hosts;

  /// Takes SSL_CERT_FILE and SSL_CERT_DIR (split at colons) as Go and OpenSSL do, and the usual
  /// certs_dirs: $XDG_CONFIG_HOME (else ~/.config)/containers, /etc/containers, /etc/docker.
  void add_environment(const Environment& environment);
};

/// What one host is to be trusted with.
struct HostTrust {
  bool verify = true;
  std::string ca_bundle;     ///< PEM; empty: the TLS library's own default.
  bool system_paths = true;  ///< Whether the library's own CA folder counts as well.
  std::filesystem::path client_certificate;  ///< With its key, or both empty.
  std::filesystem::path client_key;
  std::string client_certificate_pem;  ///< The same as texts, or both empty.
  Secret client_key_pem;
};

/// Answers what to trust, host by host; reads each folder once. Thread-safe.
class TlsTrust {
 public:
  /// `system_bundle`: the TLS library's own CA file, read only where extra CAs join it; may be
  /// empty.
  TlsTrust(TlsTrustOptions options, std::filesystem::path system_bundle);

  /// Throws Error kUsage naming the file or folder that cannot be read or has no certificate, and
  /// a *.cert without its *.key.
  std::shared_ptr<const HostTrust> for_host(const Url& url);

  [[nodiscard]] bool is_insecure(const Url& url) const;
  /// Whether only plain HTTP is spoken there.
  [[nodiscard]] bool is_plain_http(const Url& url) const;

 private:
  [[nodiscard]] HostTrust load(const Url& url) const;

  TlsTrustOptions options_;
  std::filesystem::path system_bundle_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<const HostTrust>> hosts_;
};

}  // namespace base
