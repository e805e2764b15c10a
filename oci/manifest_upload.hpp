// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stop_token>
#include <string>

#include "oci/reference.hpp"
#include "oci/referrers.hpp"
#include "oci/registry_session.hpp"

namespace oci {

/// A manifest or index on its way into a registry. Where the answer to a PUT is lost, a HEAD
/// decides whether it arrived. A referrer is listed under its subject's tag where the registry does
/// not say that it keeps the list itself. Source: OCI distribution-spec, "Pushing Manifests".
class ManifestUpload {
 public:
  /// Both outlive us.
  ManifestUpload(RegistrySession& session, const Access& access)
      : session_(&session), access_(&access) {}

  /// Throws as Registry::push_manifest says.
  void send(const Reference& reference, const std::string& media_type, const std::string& bytes,
            const std::stop_token& stop);

 private:
  base::HttpResponse put(const std::string& name, const std::string& media_type,
                         const std::string& bytes, bool need_answer, const std::stop_token& stop);
  bool is_stored(const std::string& name, const Digest& digest, const std::stop_token& stop);
  void list(const Referral& referral, const std::stop_token& stop);
  std::string listed(const std::string& tag, const std::stop_token& stop);
  base::HttpRequest request(std::string method, const std::string& name,
                            const std::stop_token& stop) const;

  RegistrySession* session_;
  const Access* access_;
};

}  // namespace oci
