// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/kubernetes/node_op_objects.hpp"

#include <fmt/format.h>

#include "orchestrator/kubernetes/node_op_names.hpp"

namespace orchestrator::kubernetes {
namespace {

constexpr const char* kHostRoot = "host-root";

std::string image_of(const NodeOpSource& source) {
  return source.op.image.empty() ? source.settings.default_image : source.op.image;
}

Object references(const std::vector<std::string>& names) {
  auto list = Object::array();
  for (const auto& name : names) list.push_back({{"name", name}});
  return list;
}

/// A container that sees the node's root.
Object container(const NodeOpSource& source, const char* name, const std::string& image,
                 const std::vector<std::string>& command, bool read_only) {
  const auto& path = source.op.host_mount_path;
  Object mount = {{"name", kHostRoot}, {"mountPath", path}};
  if (read_only) mount["readOnly"] = true;
  Object made = {{"name", name},
                 {"image", image},
                 {"env", {{{"name", "HOST_DIR"}, {"value", path}}}},
                 {"volumeMounts", {mount}}};
  if (!command.empty()) made["command"] = command;
  return made;
}

Object pod_spec(const NodeOpSource& source, const std::string& node, Object made) {
  Object spec = {{"nodeName", node},
                 {"containers", Object::array({std::move(made)})},
                 {"volumes", {{{"name", kHostRoot}, {"hostPath", {{"path", "/"}}}}}}};
  if (!source.op.image_pull_secrets.empty()) {
    spec["imagePullSecrets"] = references(source.op.image_pull_secrets);
  }
  return spec;
}

Object labels(const NodeOpSource& source, const std::string& node) {
  return {{kNodeOpLabel, label_value(name_of(source.object).name)},
          {kNodeLabel, label_value(node)}};
}

Object metadata(const NodeOpSource& source, const std::string& name, const std::string& node) {
  return {{"name", name_for_node(name, uid_of(source.object), node)},
          {"namespace", name_of(source.object).space},
          {"labels", labels(source, node)},
          {"ownerReferences", {owner_reference(source.object)}}};
}

}  // namespace

Object node_job(const NodeOpSource& source, const std::string& node) {
  auto command = container(source, "nodeop", image_of(source), source.op.command, false);
  command["securityContext"] = {{"privileged", true}};
  auto spec = pod_spec(source, node, std::move(command));
  spec["restartPolicy"] = "Never";
  const auto name = fmt::format("{}-{}", name_of(source.object).name, node);
  return {{"apiVersion", "batch/v1"},
          {"kind", "Job"},
          {"metadata", metadata(source, name, node)},
          {"spec",
           {{"backoffLimit", source.op.backoff_limit},
            {"template", {{"metadata", {{"labels", labels(source, node)}}}, {"spec", spec}}}}}};
}

Object preflight_pod(const NodeOpSource& source, const std::string& node) {
  const auto& preflight = source.op.preflight.value();
  const auto image = preflight.image.empty() ? image_of(source) : preflight.image;
  auto spec =
      pod_spec(source, node, container(source, "preflight", image, preflight.command, true));
  spec["restartPolicy"] = "OnFailure";
  spec["activeDeadlineSeconds"] = preflight.active_deadline_seconds;
  Object pod = {{"apiVersion", "v1"},
                {"kind", "Pod"},
                {"metadata", metadata(source, name_of(source.object).name + "-preflight", node)},
                {"spec", spec}};
  pod["metadata"]["labels"][kPreflightLabel] = "true";
  return pod;
}

Object reboot_pod(const NodeOpSource& source, const std::string& node, const std::string& boot_id) {
  Object pod = {{"apiVersion", "v1"},
                {"kind", "Pod"},
                {"metadata", metadata(source, name_of(source.object).name + "-reboot", node)},
                {"spec",
                 {{"nodeName", node},
                  {"hostPID", true},
                  {"restartPolicy", "Never"},
                  {"automountServiceAccountToken", false},
                  {"containers",
                   {{{"name", "reboot"},
                     {"image", source.settings.operator_image},
                     {"command", {"nsenter", "--target", "1", "--mount", "--ipc", "--", "reboot"}},
                     {"securityContext", {{"privileged", true}, {"runAsUser", 0}}}}}}}}};
  pod["metadata"]["labels"][kRebootLabel] = "true";
  pod["metadata"]["annotations"] = {{kBootIdAnnotation, boot_id}};
  return pod;
}

std::string cordon_mark(const Object& node_op) {
  return fmt::format("{}@{}", name_of(node_op).text(), uid_of(node_op));
}

Object node_op_object(const Object& upgrade, const manifest::NodeOp& op) {
  const auto name = name_of(upgrade);
  Object spec = {{"command", op.command},
                 {"image", op.image},
                 {"hostMountPath", op.host_mount_path},
                 {"cordon", op.cordon},
                 {"uncordonOnFailure", op.uncordon_on_failure},
                 {"drainOptions", {{"enabled", op.drain.enabled}}},
                 {"rebootOnSuccess", op.reboot_on_success},
                 {"concurrency", op.concurrency},
                 {"stopOnFailure", op.stop_on_failure}};
  if (!op.image_pull_secrets.empty()) spec["imagePullSecrets"] = references(op.image_pull_secrets);
  if (!op.node_selector.is_null()) spec["nodeSelector"] = op.node_selector;
  if (!op.target_nodes.empty()) spec["targetNodes"] = op.target_nodes;
  if (op.preflight) {
    spec["preflight"] = {{"command", op.preflight->command},
                         {"activeDeadlineSeconds", op.preflight->active_deadline_seconds}};
  }
  return {{"apiVersion", kNodeOps.api_version()},
          {"kind", kNodeOps.kind},
          {"metadata",
           {{"name", name.name},
            {"namespace", name.space},
            {"labels",
             {{"app.kubernetes.io/managed-by", "nodeopupgrade-controller"},
              {"nodeopupgrade.kairos.io/name", label_value(name.name)}}},
            {"ownerReferences", {owner_reference(upgrade)}}}},
          {"spec", spec}};
}

}  // namespace orchestrator::kubernetes
