// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "base/proxy.hpp"
#include "base/secret.hpp"
#include "base/url.hpp"
#include "orchestrator/kubernetes/bearer_token.hpp"

namespace orchestrator::kubernetes {

/// Where the API server is and who we are to it.
struct ClusterConfig {
  base::Url server;    ///< Its target is the prefix of every path, or "/".
  std::string ca_pem;  ///< Who signs the server's certificate; empty: the system's CAs.
  bool skip_tls_verify = false;
  std::string client_certificate_pem;  ///< With its key, or both empty.
  base::Secret client_key_pem;
  std::shared_ptr<BearerToken> token = std::make_shared<BearerToken>();
  std::string space = "default";  ///< The namespace that is meant where none is named.
  base::ProxySettings proxy;
};

/// From a kubeconfig: its current context, or `context`. Certificates inline or as files (relative
/// to the kubeconfig); token and tokenFile. Throws base::Error kUsage naming the file and the
/// field, kUnsupported for exec and auth-provider plugins.
ClusterConfig read_kubeconfig(const std::filesystem::path& path, const std::string& context = "");

/// As a pod finds it: KUBERNETES_SERVICE_HOST and _PORT, and `account`, the folder of the mounted
/// ServiceAccount (token, ca.crt, namespace). Throws base::Error kUsage where there is none.
ClusterConfig in_cluster_config(
    const base::Environment& environment,
    const std::filesystem::path& account = "/var/run/secrets/kubernetes.io/serviceaccount");

/// `kubeconfig` when it is given, else $KUBECONFIG, else the pod's, else ~/.kube/config. Throws as
/// those, and base::Error kUsage when there is none of them.
ClusterConfig find_cluster(const base::Environment& environment,
                           const std::filesystem::path& kubeconfig);

}  // namespace orchestrator::kubernetes
