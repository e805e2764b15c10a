// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/tls_trust.hpp"
#include "oci/reference.hpp"

namespace oci {

/// Another place that holds what a registry holds, or a part of it.
struct RegistryMirror {
  /// For which names it is asked: those with a digest never mean different bytes elsewhere.
  enum class Pull { kAll, kDigestOnly, kTagOnly };

  std::string location;  ///< "mirror.corp:5000/proxy": host and folder, no scheme.
  bool insecure = false;
  bool plain_http = false;  ///< Configured as http://: nothing else is tried there.
  Pull pull = Pull::kAll;
  std::string origin;  ///< For people: the file or flag it was configured in.
};

/// What is configured for all names that begin with a prefix.
struct RegistryRule {
  std::string prefix;    ///< "docker.io", "quay.io/team", "*.corp.example".
  std::string location;  ///< Where these names really are; empty: where they say.
  bool insecure = false;
  bool blocked = false;
  std::vector<RegistryMirror> mirrors;
  std::string origin;  ///< For people: the file it was configured in.
};

/// One place to ask for an image.
struct PullPlace {
  Reference reference;     ///< What the image is called there.
  bool is_mirror = false;  ///< False: it is the registry itself.
  std::string origin;      ///< Where this place is configured; empty: the name itself says it.
};

/// "mirror.corp/hub/library/debian: a mirror (FILE:LINE)".
std::string describe(const PullPlace& place);
/// Whether anything but the name itself decides where to ask.
bool is_redirected(const std::vector<PullPlace>& places);

/// Where names are pulled from: mirrors first, in order, then the registry. The rule with the
/// longest prefix that fits counts; a prefix ends at a border of the name, and a port belongs to
/// its host. Source: containers-registries.conf(5).
class RegistryRules {
 public:
  /// Replaces a rule for the same prefix.
  void set(RegistryRule rule);
  /// A mirror to be asked before those of the rules; `prefix` as in a rule.
  void add_mirror(const std::string& prefix, RegistryMirror mirror);

  [[nodiscard]] bool empty() const { return rules_.empty() && first_.empty(); }

  /// Where to ask for `reference`, in order; never empty, the registry itself is last. `by_digest`:
  /// it was named by a digest, not by a tag. Throws base::Error kUsage for a blocked name, naming
  /// the file, and for a rewrite that gives no valid name.
  [[nodiscard]] std::vector<PullPlace> places_for(const Reference& reference, bool by_digest) const;

  /// Hosts that one entry calls insecure and another does not: they are for all names there.
  [[nodiscard]] std::vector<std::string> mixed_hosts() const;

  /// Marks the hosts that rules and mirrors call insecure or plain, each for itself.
  void add_trust(base::TlsTrustOptions& trust) const;

 private:
  std::map<std::string, RegistryRule> rules_;                 ///< By prefix.
  std::map<std::string, std::vector<RegistryMirror>> first_;  ///< By prefix.
};

/// `location` without a trailing slash, its host in lower case and Docker Hub's as docker.io.
/// Throws base::Error kUsage when it is no host with an optional folder; `what` names the setting.
/// A leading `*.` is fine where `wildcard` says so.
std::string checked_location(std::string_view location, bool wildcard, const std::string& what);

/// Reads HOST=URL, as --registry-mirror takes it, into `rules`: HOST as a rule's prefix, URL with
/// http:// for plain HTTP, https:// or nothing for TLS, and a folder if the mirror keeps its images
/// in one. Throws base::Error kUsage.
void add_mirror_flag(std::string_view text, RegistryRules& rules);

}  // namespace oci
