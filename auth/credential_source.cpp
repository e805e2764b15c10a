// SPDX-License-Identifier: Apache-2.0
#include "auth/credential_source.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/format.hpp"

namespace auth {

std::vector<Credential> ConfigSource::find(std::string_view registry, std::string_view repository) {
  const auto config = this->config();
  if (!config) return {};
  std::optional<Credential> found;
  if (const auto helper = config->helper_for(registry)) found = ask_helper(*helper, registry);
  if (!found) found = config->find(registry, repository);
  if (!found && !config->store().empty()) found = ask_helper(config->store(), registry);
  if (!found) return {};
  return {*std::move(found)};
}

void ConfigSource::refresh() {
  const std::scoped_lock lock(mutex_);
  is_read_ = false;
}

std::optional<Credential> ConfigSource::ask_helper(const std::string& helper,
                                                   std::string_view registry) const {
  if (!options_.helper) {
    throw base::Error(
        {.code = base::ErrorCode::kUnauthorized,
         .what = fmt::format("cannot use the credentials in {}", options_.name),
         .why = fmt::format("it names the credential helper '{}'", base::printable(helper)),
         .hint = "put the credentials themselves into it (auths)"});
  }
  const auto host = canonical_registry(registry);
  const auto server = host == "docker.io" ? "https://index.docker.io/v1/" : host;
  return options_.helper->get(helper, server, options_.name);
}

std::shared_ptr<const DockerConfig> ConfigSource::config() {
  const std::scoped_lock lock(mutex_);
  if (is_read_) return config_;
  const auto text = options_.read();
  config_ = nullptr;
  if (text) {
    config_ = std::make_shared<const DockerConfig>(
        DockerConfig::parse(*text, options_.name, options_.form));
  }
  is_read_ = true;
  return config_;
}

std::vector<Credential> CombinedSource::find(std::string_view registry,
                                             std::string_view repository) {
  std::vector<Credential> all;
  for (const auto& part : parts_) {
    for (auto& credential : part->find(registry, repository)) all.push_back(std::move(credential));
  }
  return all;
}

void CombinedSource::refresh() {
  for (const auto& part : parts_) part->refresh();
}

bool CombinedSource::exists() {
  return std::any_of(parts_.begin(), parts_.end(), [](const auto& part) { return part->exists(); });
}

std::string CombinedSource::name() const {
  std::string names;
  for (const auto& part : parts_) names += (names.empty() ? "" : ", ") + part->name();
  return names;
}

}  // namespace auth
