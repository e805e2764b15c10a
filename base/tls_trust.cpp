// SPDX-License-Identifier: Apache-2.0
#include "base/tls_trust.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <set>

#include "base/error.hpp"
#include "base/files.hpp"

namespace base {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxBundleBytes = 16U << 20;
constexpr std::string_view kPemStart = "-----BEGIN CERTIFICATE-----";
constexpr std::string_view kPemEnd = "-----END CERTIFICATE-----";
constexpr std::string_view kTrustedPemStart = "-----BEGIN TRUSTED CERTIFICATE-----";

[[noreturn]] void refuse(const fs::path& path, std::string why, std::string hint) {
  throw Error({.code = ErrorCode::kUsage,
               .what = fmt::format("cannot use the certificates in {}", path.string()),
               .why = std::move(why),
               .hint = std::move(hint)});
}

/// The files of `folder` whose extension is in `extensions` (all when empty), in order of name.
std::vector<fs::path> files_in(const fs::path& folder, const std::set<std::string>& extensions) {
  std::vector<fs::path> files;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const bool wanted = extensions.empty() || extensions.contains(entry.path().extension());
    std::error_code ignored;  // A dangling link is no certificate.
    if (wanted && entry.is_regular_file(ignored)) files.push_back(entry.path());
  }
  if (error) refuse(folder, error.message(), "");
  std::sort(files.begin(), files.end());
  return files;
}

std::string read_pem(const fs::path& file) {
  std::string text;
  try {
    text = read_file(file, kMaxBundleBytes);
  } catch (const Error& error) {
    refuse(file, error.facts().why.empty() ? error.facts().what : error.facts().why, "");
  }
  return text + "\n";
}

bool has_certificate(std::string_view pem) {
  return pem.find(kPemStart) != std::string_view::npos ||
         pem.find(kTrustedPemStart) != std::string_view::npos;
}

/// Adds `pem` to `bundle` without the certificates that are in `known`, and makes them known. The
/// folders of SSL_CERT_DIR hold each certificate under two names, and the bundle beside them holds
/// it once more; each costs its parsing at every start.
void add_unknown(std::string_view pem, std::set<std::string, std::less<>>& known,
                 std::string& bundle) {
  while (true) {
    const auto start = pem.find(kPemStart);
    const auto end = pem.find(kPemEnd, start);
    if (start == std::string_view::npos || end == std::string_view::npos) break;
    const auto certificate = pem.substr(start, end + kPemEnd.size() - start);
    bundle += pem.substr(0, start);
    if (known.emplace(certificate).second) bundle += certificate;
    pem.remove_prefix(end + kPemEnd.size());
  }
  bundle += pem;
}

std::string read_certificates(const fs::path& file) {
  auto pem = read_pem(file);
  if (!has_certificate(pem)) {
    refuse(file, "it holds no PEM certificate",
           fmt::format("convert it: openssl x509 -inform der -in {} -out ca.crt", file.string()));
  }
  return pem;
}

std::vector<std::string> host_names(const Url& url) {
  std::vector<std::string> names = {fmt::format("{}:{}", url.host, url.port)};
  if (url.authority() == url.host) names.push_back(url.host);
  return names;
}

bool names(const std::set<std::string>& hosts, const Url& url) {
  return hosts.contains(url.authority()) ||
         hosts.contains(fmt::format("{}:{}", url.host, url.port));
}

void add_host_folder(const fs::path& folder, HostTrust& trust, std::string& extra) {
  for (const auto& file : files_in(folder, {".crt"})) extra += read_certificates(file);
  for (const auto& certificate : files_in(folder, {".cert"})) {
    auto key = certificate;
    key.replace_extension(".key");
    if (!fs::exists(key)) {
      refuse(certificate, fmt::format("there is no {} beside it", key.filename().string()),
             "a client certificate needs its key");
    }
    if (trust.client_certificate.empty()) {
      trust.client_certificate = certificate;
      trust.client_key = key;
    }
  }
  for (const auto& key : files_in(folder, {".key"})) {
    auto certificate = key;
    certificate.replace_extension(".cert");
    if (!fs::exists(certificate)) {
      refuse(key, fmt::format("there is no {} beside it", certificate.filename().string()),
             "a client key needs its certificate; CA certificates end in .crt");
    }
  }
}

}  // namespace

void TlsTrustOptions::add_environment(const Environment& environment) {
  if (const auto file = value_of(environment, "SSL_CERT_FILE"); !file.empty()) ca_file = file;
  if (const auto paths = value_of(environment, "SSL_CERT_DIR"); !paths.empty()) {
    ca_paths.emplace();
    for (std::string_view rest = paths; true;) {
      const auto colon = rest.find(':');
      if (colon != 0 && !rest.empty()) ca_paths->emplace_back(rest.substr(0, colon));
      if (colon == std::string_view::npos) break;
      rest = rest.substr(colon + 1);
    }
  }
  const auto xdg = value_of(environment, "XDG_CONFIG_HOME");
  const auto home = value_of(environment, "HOME");
  if (!xdg.empty()) certs_dirs.push_back(fs::path(xdg) / "containers/certs.d");
  if (xdg.empty() && !home.empty()) {
    certs_dirs.push_back(fs::path(home) / ".config/containers/certs.d");
  }
  certs_dirs.emplace_back("/etc/containers/certs.d");
  certs_dirs.emplace_back("/etc/docker/certs.d");
}

TlsTrust::TlsTrust(TlsTrustOptions options, fs::path system_bundle)
    : options_(std::move(options)), system_bundle_(std::move(system_bundle)) {}

bool TlsTrust::is_insecure(const Url& url) const {
  if (names(options_.insecure_hosts, url)) return true;
  const auto authority = url.authority();
  for (auto dot = authority.find('.'); dot != std::string::npos;
       dot = authority.find('.', dot + 1)) {
    if (dot > 0 && options_.insecure_hosts.contains("*" + authority.substr(dot))) return true;
  }
  return false;
}

bool TlsTrust::is_plain_http(const Url& url) const { return names(options_.plain_http_hosts, url); }

std::shared_ptr<const HostTrust> TlsTrust::for_host(const Url& url) {
  const std::scoped_lock lock(mutex_);
  auto& trust = hosts_[url.origin()];
  if (!trust) trust = std::make_shared<const HostTrust>(load(url));
  return trust;
}

HostTrust TlsTrust::load(const Url& url) const {
  HostTrust trust;
  trust.verify = !is_insecure(url);
  trust.client_certificate_pem = options_.client_certificate_pem;
  trust.client_key_pem = options_.client_key_pem;
  std::string extra;
  for (const auto& folder : options_.ca_dirs) {
    const auto files = files_in(folder, {".crt", ".pem", ".ca"});
    if (files.empty()) refuse(folder, "it holds no *.crt, *.pem or *.ca file", "");
    for (const auto& file : files) extra += read_certificates(file);
  }
  for (const auto& folder : options_.certs_dirs) {
    for (const auto& name : host_names(url)) {
      std::error_code ignored;  // Unreadable is found out by files_in.
      if (fs::is_directory(folder / name, ignored)) add_host_folder(folder / name, trust, extra);
    }
  }
  if (!options_.ca_pem.empty()) {
    trust.ca_bundle = std::move(extra) + options_.ca_pem;
    trust.system_paths = false;
    return trust;
  }
  const bool own_roots = options_.ca_file || options_.ca_paths;
  if (extra.empty() && !own_roots) return trust;

  const auto bundle = options_.ca_file.value_or(system_bundle_);
  std::set<std::string, std::less<>> known;
  add_unknown(extra, known, trust.ca_bundle);
  if (options_.ca_file || (!bundle.empty() && fs::exists(bundle))) {
    add_unknown(read_certificates(bundle), known, trust.ca_bundle);
  }
  trust.system_paths = !options_.ca_paths;
  for (const auto& folder : options_.ca_paths.value_or(std::vector<fs::path>{})) {
    for (const auto& file : files_in(folder, {})) {
      const auto pem = read_pem(file);
      if (has_certificate(pem)) add_unknown(pem, known, trust.ca_bundle);
    }
  }
  return trust;
}

}  // namespace base
