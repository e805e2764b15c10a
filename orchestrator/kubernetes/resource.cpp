// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/kubernetes/resource.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <chrono>

namespace orchestrator::kubernetes {

std::string ResourceKind::api_version() const {
  return group.empty() ? std::string(version) : fmt::format("{}/{}", group, version);
}

std::string ResourceKind::text() const {
  return group.empty() ? std::string(plural) : fmt::format("{}.{}", plural, group);
}

const Object* find_at(const Object& object, std::string_view pointer) {
  const Object* value = &object;
  while (!pointer.empty()) {
    const auto end = pointer.find('/', 1);
    const auto key = pointer.substr(1, end == std::string_view::npos ? end : end - 1);
    if (!value->is_object()) return nullptr;
    const auto member = value->find(std::string(key));
    if (member == value->end()) return nullptr;
    value = &*member;
    pointer = end == std::string_view::npos ? std::string_view() : pointer.substr(end);
  }
  return value->is_null() ? nullptr : value;
}

std::string text_at(const Object& object, std::string_view pointer) {
  const auto* value = find_at(object, pointer);
  return value != nullptr && value->is_string() ? value->get<std::string>() : "";
}

namespace {

std::string entry_of(const Object* map, const std::string& key) {
  if (map == nullptr || !map->is_object()) return "";
  const auto found = map->find(key);
  return found != map->end() && found->is_string() ? found->get<std::string>() : "";
}

}  // namespace

std::string label_of(const Object& object, const std::string& key) {
  return entry_of(find_at(object, "/metadata/labels"), key);
}

std::string annotation_of(const Object& object, const std::string& key) {
  return entry_of(find_at(object, "/metadata/annotations"), key);
}

ObjectName name_of(const Object& object) {
  return {.space = text_at(object, "/metadata/namespace"),
          .name = text_at(object, "/metadata/name")};
}

Object owner_reference(const Object& owner) {
  return {{"apiVersion", text_at(owner, "/apiVersion")},
          {"kind", text_at(owner, "/kind")},
          {"name", text_at(owner, "/metadata/name")},
          {"uid", uid_of(owner)},
          {"controller", true},
          {"blockOwnerDeletion", true}};
}

std::string controller_uid(const Object& object) {
  const auto* owners = find_at(object, "/metadata/ownerReferences");
  if (owners == nullptr || !owners->is_array()) return "";
  for (const auto& owner : *owners) {
    if (owner.value("controller", false)) return text_at(owner, "/uid");
  }
  return "";
}

std::string timestamp() {
  const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(now));
}

std::string micro_timestamp() {
  const auto now = std::chrono::system_clock::now();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(now);
  const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(now - seconds);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:06}Z", fmt::gmtime(seconds), micros.count());
}

}  // namespace orchestrator::kubernetes
