// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/tool_containers.hpp"

#include <fmt/format.h>

#include <limits>

#include "base/error.hpp"
#include "base/files.hpp"
#include "oci/mount_points.hpp"

namespace orchestrator {
namespace {

using nlohmann::json;

const json& member(const json& object, const char* key) {
  static const json nothing;
  if (!object.is_object()) return nothing;
  const auto found = object.find(key);
  return found == object.end() ? nothing : *found;
}

std::string text_of(const json& object, const char* key) {
  const auto& found = member(object, key);
  return found.is_string() ? found.get<std::string>() : "";
}

bool flag_of(const json& object, const char* key) {
  const auto& found = member(object, key);
  return found.is_boolean() && found.get<bool>();
}

std::vector<std::string> texts_of(const json& object, const char* key) {
  std::vector<std::string> texts;
  const auto& found = member(object, key);
  if (!found.is_array()) return texts;
  for (const auto& text : found) {
    if (text.is_string()) texts.push_back(text.get<std::string>());
  }
  return texts;
}

[[noreturn]] void refuse(std::string what, std::string why, std::string hint = "") {
  throw base::Error({.code = base::ErrorCode::kManifest,
                     .what = std::move(what),
                     .why = std::move(why),
                     .hint = std::move(hint)});
}

/// A user or group number; the container's own before the pod's.
std::optional<std::uint32_t> id_of(const json& container, const json& pod, const char* key,
                                   const std::string& field) {
  for (const auto* context : {&container, &pod}) {
    const auto& found = member(*context, key);
    if (!found.is_number_integer()) continue;
    const auto value = found.get<std::int64_t>();
    if (value >= 0 && value <= std::numeric_limits<std::uint32_t>::max()) {
      return static_cast<std::uint32_t>(value);
    }
    refuse(fmt::format("{}.securityContext.{} cannot be {}", field, key, value),
           "it is no number of a user or group");
  }
  return std::nullopt;
}

/// Source: Kubernetes, core/v1 SecurityContext and PodSecurityContext. What only a cluster can give
/// (SELinux, Windows, sysctls) has no effect; a seccomp profile of one's own gives way to ours.
stages::ContainerSecurity security_of(const json& container, const json& pod,
                                      const std::string& field) {
  const auto& own = member(container, "securityContext");
  stages::ContainerSecurity security{
      .user = id_of(own, pod, "runAsUser", field),
      .group = id_of(own, pod, "runAsGroup", field),
      .groups = {},
      .run_as_non_root = member(own, "runAsNonRoot").is_boolean() ? flag_of(own, "runAsNonRoot")
                                                                  : flag_of(pod, "runAsNonRoot"),
      .privileged = flag_of(own, "privileged"),
      .no_new_privileges = member(own, "allowPrivilegeEscalation") == false,
      .read_only_root = flag_of(own, "readOnlyRootFilesystem"),
      .add_capabilities = texts_of(member(own, "capabilities"), "add"),
      .drop_capabilities = texts_of(member(own, "capabilities"), "drop")};
  for (const auto& group : member(pod, "supplementalGroups")) {
    if (group.is_number_unsigned()) security.groups.push_back(group.get<std::uint32_t>());
  }
  if (const auto group = id_of(json(), pod, "fsGroup", field)) security.groups.push_back(*group);
  return security;
}

std::optional<std::vector<base::Secret>> words_of(const json& container, const char* key,
                                                  const std::vector<ContainerVariable>& variables) {
  const auto& found = member(container, key);
  if (!found.is_array() || found.empty()) return std::nullopt;
  std::vector<base::Secret> words;
  for (const auto& word : texts_of(container, key)) {
    words.push_back(expand_references(word, variables));
  }
  return words;
}

/// The part of a volume that a mount asks for, no link of the volume leading out of it
/// (CVE-2017-1002101); a folder that is not there is made.
std::filesystem::path part_of(const std::filesystem::path& folder, const std::string& sub_path,
                              const std::string& field) {
  const auto clean = std::filesystem::path(sub_path);
  for (const auto& name : clean) {
    if (clean.is_absolute() || name == "..") {
      refuse(fmt::format("{}.subPath '{}' leaves the volume", field, sub_path), "");
    }
  }
  const auto resolved = oci::MountPoints(folder).resolve("/" + sub_path);
  auto part = folder / std::filesystem::path(resolved).relative_path();
  if (!std::filesystem::exists(part)) base::make_directories(part);
  return part;
}

}  // namespace

oci::ContainerMount ToolReader::mount(const json& wanted,
                                      const std::vector<ContainerVariable>& variables,
                                      const std::string& field) {
  const auto name = text_of(wanted, "name");
  const auto volume = find_volume_(name, field);
  const bool read_only = flag_of(wanted, "readOnly");
  if (volume.read_only && !read_only) {
    session_.warn(fmt::format("{}: the volume '{}' is read-only there", field, name));
  }
  auto sub_path = text_of(wanted, "subPath");
  if (const auto expression = text_of(wanted, "subPathExpr"); !expression.empty()) {
    sub_path = expand_references(expression, variables).reveal();
  }
  auto target = text_of(wanted, "mountPath");
  if (!target.starts_with('/')) target.insert(0, "/");
  return {.kind = oci::ContainerMount::Kind::kBind,
          .source = sub_path.empty() ? volume.folder : part_of(volume.folder, sub_path, field),
          .target = std::move(target),
          .read_only = read_only || volume.read_only,
          .bytes = 0};
}

stages::ToolContainer ToolReader::read(const json& container, const json& pod_security,
                                       const std::string& field) {
  const auto image = text_of(container, "image");
  if (image.empty()) refuse(fmt::format("{}: it names no image", field), "");
  const auto variables = container_environment(secrets_, documents_, artifact_, container, field);
  const auto reference = oci::Reference::parse(image);
  const auto platform = oci::Platform::host();
  auto resolved =
      session_.options().offline
          ? oci::resolve_offline(session_.store(), reference, platform)
          : oci::resolve_image(*registry_, session_.store(), reference, platform, session_.stop());
  stages::ToolContainer tool{.name = text_of(container, "name"),
                             .reference = reference,
                             .image = std::move(resolved),
                             .platform = platform,
                             .command = words_of(container, "command", variables),
                             .arguments = words_of(container, "args", variables),
                             .environment = {},
                             .working_directory = text_of(container, "workingDir"),
                             .security = security_of(container, pod_security, field),
                             .mounts = {}};
  for (const auto& variable : variables) {
    tool.environment.emplace_back(variable.name, variable.value);
  }
  for (const auto& wanted : member(container, "volumeMounts")) {
    tool.mounts.push_back(mount(wanted, variables, field + ".volumeMounts"));
  }
  return tool;
}

}  // namespace orchestrator
