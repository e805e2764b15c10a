// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "auth/credential.hpp"
#include "base/secret.hpp"
#include "base/tls_trust.hpp"
#include "oci/reference.hpp"
#include "oci/registry_rules.hpp"

namespace stages {

/// How a program that speaks to registries itself comes to what it has to know of them.
struct RegistryKnowledge {
  /// The credential that the registry takes for a pull; nullopt: it asks for none.
  std::function<std::optional<auth::Credential>(const oci::Reference&, const std::stop_token&)>
      login;
  /// Where an image is asked for, in order; the registry itself is last.
  std::function<std::vector<oci::PullPlace>(const oci::Reference&)> places;
  std::shared_ptr<base::TlsTrust> trust;
};

/// What one run of such a program is told: of the images that it needs, and of nothing else.
class ToolRegistries {
 public:
  /// Asks each place which credential it takes. Throws base::Error as `knowledge.login` does for an
  /// image that has but one place; a mirror that does not answer is the program's to skip.
  ToolRegistries(const RegistryKnowledge& knowledge, const std::vector<oci::Reference>& images,
                 const std::stop_token& stop);

  struct Host {
    std::string name;  ///< "quay.io", "localhost:5000".
    bool insecure = false;
    std::string certificates;  ///< PEM; empty: those of the system.
  };
  [[nodiscard]] const std::vector<Host>& hosts() const { return hosts_; }

  /// An image's name, and the places to ask, where they are other than the name says.
  struct Redirection {
    std::string name;                 ///< "docker.io/library/debian".
    std::vector<std::string> places;  ///< "mirror.corp/hub/library/debian", in order.
  };
  [[nodiscard]] const std::vector<Redirection>& redirections() const { return redirections_; }

  /// A config.json: by host where one credential is for all that is pulled there, else by image.
  [[nodiscard]] base::Secret docker_config() const;
  /// Source: containers-registries.conf(5).
  [[nodiscard]] std::string registries_conf() const;
  /// CA certificates, PEM: those of every host; empty: the system's do.
  [[nodiscard]] std::string certificates() const;

 private:
  void add_host(const RegistryKnowledge& knowledge, const std::string& name);
  [[nodiscard]] bool is_insecure(const std::string& place) const;

  struct Login {
    oci::Reference place;
    std::optional<auth::Credential> credential;
  };
  std::vector<Login> logins_;
  std::vector<Host> hosts_;
  std::vector<Redirection> redirections_;
};

}  // namespace stages
