// SPDX-License-Identifier: Apache-2.0
#include "stages/tool_registries.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "auth/docker_config_text.hpp"
#include "base/error.hpp"
#include "base/url.hpp"

namespace stages {
namespace {

constexpr const char* kDockerHub = "docker.io";

std::string host_of(const std::string& place) { return place.substr(0, place.find('/')); }

/// Docker Hub has names of its own in these files. Source: containers-auth.json(5);
/// go-containerregistry, pkg/name.
std::string host_key(const std::string& host) {
  return host == kDockerHub ? "https://index.docker.io/v1/" : host;
}

}  // namespace

ToolRegistries::ToolRegistries(const RegistryKnowledge& knowledge,
                               const std::vector<oci::Reference>& images,
                               const std::stop_token& stop) {
  std::set<std::string> seen;
  for (const auto& image : images) {
    if (!seen.insert(image.name()).second) continue;
    const auto places = knowledge.places(image);
    Redirection redirection{.name = image.name(), .places = {}};
    for (const auto& place : places) {
      redirection.places.push_back(place.reference.name());
      add_host(knowledge, place.reference.registry);
      Login login{.place = place.reference, .credential = std::nullopt};
      try {
        login.credential = knowledge.login(place.reference, stop);
      } catch (const base::Error& error) {
        const bool ours = error.code() == base::ErrorCode::kInterrupted ||
                          error.code() == base::ErrorCode::kUsage;
        if (ours || places.size() == 1) throw;
      }
      logins_.push_back(std::move(login));
    }
    if (oci::is_redirected(places)) redirections_.push_back(std::move(redirection));
  }
}

void ToolRegistries::add_host(const RegistryKnowledge& knowledge, const std::string& name) {
  const bool known = std::any_of(hosts_.begin(), hosts_.end(),
                                 [&](const Host& host) { return host.name == name; });
  const auto url = base::Url::parse("https://" + name + "/");
  if (known || !url) return;
  hosts_.push_back(
      {.name = name,
       .insecure = knowledge.trust->is_insecure(*url) || knowledge.trust->is_plain_http(*url),
       .certificates = knowledge.trust->for_host(*url)->ca_bundle});
}

base::Secret ToolRegistries::docker_config() const {
  std::map<std::string, std::vector<const Login*>> by_host;
  for (const auto& login : logins_) by_host[login.place.registry].push_back(&login);
  std::map<std::string, auth::Credential> entries;
  for (const auto& [host, logins] : by_host) {
    const auto& first = logins.front()->credential;
    const bool same = std::all_of(logins.begin(), logins.end(),
                                  [&](const Login* login) { return login->credential == first; });
    if (same && first) entries.insert_or_assign(host_key(host), *first);
    if (same) continue;
    for (const auto* login : logins) {
      if (!login->credential) continue;
      entries.insert_or_assign(login->place.name(), *login->credential);
      if (host != kDockerHub) continue;
      entries.insert_or_assign("index." + login->place.name(), *login->credential);
    }
  }
  return auth::docker_config_text(entries);
}

bool ToolRegistries::is_insecure(const std::string& place) const {
  const auto host = host_of(place);
  return std::any_of(hosts_.begin(), hosts_.end(),
                     [&](const Host& one) { return one.name == host && one.insecure; });
}

std::string ToolRegistries::registries_conf() const {
  std::string text = "unqualified-search-registries = [\"docker.io\"]\n";
  for (const auto& host : hosts_) {
    text +=
        fmt::format("\n[[registry]]\nlocation = \"{}\"\ninsecure = {}\n", host.name, host.insecure);
  }
  for (const auto& [name, places] : redirections_) {
    text += fmt::format("\n[[registry]]\nprefix = \"{}\"\nlocation = \"{}\"\ninsecure = {}\n", name,
                        places.back(), is_insecure(places.back()));
    for (auto place = places.begin(); place != places.end() - 1; ++place) {
      text += fmt::format("[[registry.mirror]]\nlocation = \"{}\"\ninsecure = {}\n", *place,
                          is_insecure(*place));
    }
  }
  return text;
}

std::string ToolRegistries::certificates() const {
  std::set<std::string> distinct;
  for (const auto& host : hosts_) distinct.insert(host.certificates);
  std::string all;
  for (const auto& bundle : distinct) all += bundle;
  return all;
}

}  // namespace stages
