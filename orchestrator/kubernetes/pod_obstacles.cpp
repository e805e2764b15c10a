// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/kubernetes/pod_obstacles.hpp"

namespace orchestrator::kubernetes {
namespace {

constexpr int kForbidden = 403;

}  // namespace

std::vector<std::string> names_in(const Object* references) {
  std::vector<std::string> names;
  if (references == nullptr || !references->is_array()) return names;
  for (const auto& reference : *references) {
    if (auto name = text_at(reference, "/name"); !name.empty()) names.push_back(std::move(name));
  }
  return names;
}

std::vector<std::string> missing_secrets(Client& client, const std::string& space,
                                         const std::vector<std::string>& names) {
  std::vector<std::string> missing;
  for (const auto& name : names) {
    try {
      if (!client.exists(kSecrets, {space, name})) missing.push_back(name);
    } catch (const ApiError& error) {
      if (error.status() != kForbidden) throw;
    }
  }
  return missing;
}

std::string pod_refusal(Client& client, const Object& job) {
  auto pod = job["spec"]["template"];
  pod["apiVersion"] = kPods.api_version();
  pod["kind"] = kPods.kind;
  pod["metadata"]["namespace"] = name_of(job).space;
  pod["metadata"]["generateName"] = name_of(job).name + "-";
  try {
    client.try_create(kPods, pod);
    return "";
  } catch (const ApiError& error) {
    if (!error.is_invalid() && error.status() != kForbidden) throw;
    return error.facts().why;
  }
}

}  // namespace orchestrator::kubernetes
