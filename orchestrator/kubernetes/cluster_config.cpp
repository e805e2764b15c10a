// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/kubernetes/cluster_config.hpp"

#include <fmt/format.h>

#include "base/base64.hpp"
#include "base/error.hpp"
#include "base/files.hpp"
#include "orchestrator/manifest/yaml.hpp"

namespace orchestrator::kubernetes {
namespace {

namespace fs = std::filesystem;
using manifest::Node;

constexpr std::size_t kMaxFileBytes = 4U << 20;

/// Reads one kubeconfig; knows its path for messages and for relative file names.
class Kubeconfig {
 public:
  explicit Kubeconfig(fs::path path) : path_(std::move(path)) {
    const auto text = base::read_file_if_exists(path_, kMaxFileBytes);
    if (!text) refuse("there is no such file");
    auto parsed = manifest::parse_yaml(manifest::SourceText(*text));
    if (parsed.fatal) {
      refuse(fmt::format("line {}: {}", parsed.fatal->position.line, parsed.fatal->message));
    }
    if (parsed.documents.empty()) refuse("it is empty");
    root_ = std::move(parsed.documents.front());
  }

  ClusterConfig read(std::string context) const {
    if (context.empty()) context = root_.text_of("current-context");
    if (context.empty()) refuse("it has no current-context");
    const auto& chosen = entry("contexts", context, "context");
    const auto& cluster = entry("clusters", chosen.text_of("cluster"), "cluster");
    ClusterConfig config;
    const auto server = base::Url::parse(cluster.text_of("server"));
    if (!server) refuse("clusters[].cluster.server is not a URL");
    config.server = *server;
    config.ca_pem = data_or_file(cluster, "certificate-authority");
    if (const auto* skip = cluster.find("insecure-skip-tls-verify")) {
      config.skip_tls_verify = manifest::as_boolean(*skip).value_or(false);
    }
    if (const auto proxy = cluster.text_of("proxy-url"); !proxy.empty()) {
      config.proxy = base::ProxySettings({{"https_proxy", proxy}, {"http_proxy", proxy}});
    }
    if (const auto space = chosen.text_of("namespace"); !space.empty()) config.space = space;
    if (const auto user = chosen.text_of("user"); !user.empty()) {
      read_user(entry("users", user, "user"), config);
    }
    return config;
  }

 private:
  [[noreturn]] void refuse(std::string why, base::ErrorCode code = base::ErrorCode::kUsage) const {
    throw base::Error({.code = code,
                       .what = fmt::format("cannot use the kubeconfig {}", path_.string()),
                       .why = std::move(why),
                       .hint = ""});
  }

  /// The `inner` mapping of the entry called `name` in the list `list`.
  const Node& entry(std::string_view list, const std::string& name, std::string_view inner) const {
    const auto* entries = root_.find(list);
    if (entries != nullptr && entries->is_sequence()) {
      for (const auto& item : entries->items) {
        const auto* value = item.find(inner);
        if (item.text_of("name") == name && value != nullptr) return *value;
      }
    }
    refuse(fmt::format("{} has no entry named \"{}\"", list, name));
  }

  void read_user(const Node& user, ClusterConfig& config) const {
    for (const auto* plugin : {"exec", "auth-provider"}) {
      if (user.find(plugin) != nullptr) {
        refuse(fmt::format("users[].user.{} is not supported: use a token or a client certificate",
                           plugin),
               base::ErrorCode::kUnsupported);
      }
    }
    config.client_certificate_pem = data_or_file(user, "client-certificate");
    config.client_key_pem = base::Secret(data_or_file(user, "client-key"));
    if (config.client_certificate_pem.empty() != config.client_key_pem.empty()) {
      refuse("a client certificate needs its key, and the key its certificate");
    }
    // Source: client-go, tools/clientcmd: a tokenFile takes precedence over a token.
    if (const auto file = user.text_of("tokenFile"); !file.empty()) {
      config.token = std::make_shared<BearerToken>(beside(file));
    } else if (auto token = user.text_of("token"); !token.empty()) {
      config.token = std::make_shared<BearerToken>(base::Secret(std::move(token)));
    }
  }

  /// Inline data wins over a file, as it does for kubectl.
  std::string data_or_file(const Node& node, const std::string& key) const {
    if (const auto data = node.text_of(key + "-data"); !data.empty()) {
      auto decoded = base::base64_decode(data);
      if (!decoded) refuse(fmt::format("{}-data is not base64", key));
      return std::move(*decoded);
    }
    const auto file = node.text_of(key);
    if (file.empty()) return "";
    auto text = base::read_file_if_exists(beside(file), kMaxFileBytes);
    if (!text) refuse(fmt::format("{}: there is no {}", key, beside(file).string()));
    return std::move(*text);
  }

  fs::path beside(const std::string& file) const { return path_.parent_path() / file; }

  fs::path path_;
  Node root_;
};

}  // namespace

ClusterConfig read_kubeconfig(const fs::path& path, const std::string& context) {
  return Kubeconfig(path).read(context);
}

ClusterConfig in_cluster_config(const base::Environment& environment, const fs::path& account) {
  const auto host = base::value_of(environment, "KUBERNETES_SERVICE_HOST");
  const auto port = base::value_of(environment, "KUBERNETES_SERVICE_PORT");
  const bool bare_ipv6 = host.find(':') != std::string::npos && !host.starts_with('[');
  const auto server = base::Url::parse(fmt::format(
      "https://{}:{}", bare_ipv6 ? fmt::format("[{}]", host) : host, port.empty() ? "443" : port));
  const auto ca = base::read_file_if_exists(account / "ca.crt", kMaxFileBytes);
  if (host.empty() || !server || !ca) {
    throw base::Error(
        {.code = base::ErrorCode::kUsage,
         .what = "cannot find the API server from inside a pod",
         .why = host.empty() || !server
                    ? std::string("KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT name none")
                    : fmt::format("there is no {}", (account / "ca.crt").string()),
         .hint = "run it in a pod with a ServiceAccount, or pass --kubeconfig FILE"});
  }
  ClusterConfig config;
  config.server = *server;
  config.ca_pem = *ca;
  config.token = std::make_shared<BearerToken>(account / "token");
  config.space =
      base::read_file_if_exists(account / "namespace", kMaxFileBytes).value_or("default");
  return config;
}

ClusterConfig find_cluster(const base::Environment& environment, const fs::path& kubeconfig) {
  if (!kubeconfig.empty()) return read_kubeconfig(kubeconfig);
  if (const auto path = base::value_of(environment, "KUBECONFIG"); !path.empty()) {
    return read_kubeconfig(path);
  }
  if (!base::value_of(environment, "KUBERNETES_SERVICE_HOST").empty()) {
    return in_cluster_config(environment);
  }
  const auto home = fs::path(base::value_of(environment, "HOME")) / ".kube/config";
  std::error_code ignored;
  if (fs::exists(home, ignored)) return read_kubeconfig(home);
  throw base::Error(
      {.code = base::ErrorCode::kUsage,
       .what = "no cluster is named",
       .why = fmt::format("this is no pod, and there is neither $KUBECONFIG nor {}", home.string()),
       .hint = "pass --kubeconfig FILE"});
}

}  // namespace orchestrator::kubernetes
