// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/manifest/schema.hpp"

namespace orchestrator::manifest {
namespace {

constexpr Field kJobSpec[] = {{"activeDeadlineSeconds", "int64"},
                              {"backoffLimit", "int32"},
                              {"backoffLimitPerIndex", "int32"},
                              {"completionMode", "string"},
                              {"completions", "int32"},
                              {"managedBy", "string"},
                              {"manualSelector", "boolean"},
                              {"maxFailedIndexes", "int32"},
                              {"parallelism", "int32"},
                              {"podFailurePolicy", "PodFailurePolicy"},
                              {"podReplacementPolicy", "string"},
                              {"selector", "LabelSelector"},
                              {"successPolicy", "SuccessPolicy"},
                              {"suspend", "boolean"},
                              {"template", "PodTemplateSpec", kRequired},
                              {"ttlSecondsAfterFinished", "int32"}};

constexpr Field kPodFailurePolicy[] = {{"rules", "[]PodFailurePolicyRule", kRequired}};

constexpr Field kPodFailurePolicyRule[] = {{"action", "string", kRequired},
                                           {"onExitCodes", "PodFailurePolicyOnExitCodes"},
                                           {"onPodConditions", "[]PodFailurePolicyOnPodCondition"}};

constexpr Field kPodFailurePolicyOnExitCodes[] = {{"containerName", "string"},
                                                  {"operator", "string", kRequired},
                                                  {"values", "[=]int32", kRequired}};

constexpr Field kPodFailurePolicyOnPodCondition[] = {{"status", "string"},
                                                     {"type", "string", kRequired}};

constexpr Field kSuccessPolicy[] = {{"rules", "[]SuccessPolicyRule", kRequired}};

constexpr Field kSuccessPolicyRule[] = {{"succeededCount", "int32"},
                                        {"succeededIndexes", "string"}};

constexpr Field kPodTemplateSpec[] = {{"metadata", "ObjectMeta"}, {"spec", "PodSpec"}};

constexpr Field kPodSpec[] = {
    {"activeDeadlineSeconds", "int64"},
    {"affinity", "Affinity"},
    {"automountServiceAccountToken", "boolean"},
    {"containers", "[name]Container", kRequired},
    {"dnsConfig", "PodDNSConfig"},
    {"dnsPolicy", "string"},
    {"enableServiceLinks", "boolean"},
    {"ephemeralContainers", "[name]EphemeralContainer"},
    {"hostAliases", "[ip]HostAlias"},
    {"hostIPC", "boolean"},
    {"hostNetwork", "boolean"},
    {"hostPID", "boolean"},
    {"hostUsers", "boolean"},
    {"hostname", "string"},
    {"hostnameOverride", "string"},
    {"imagePullSecrets", "[name]LocalObjectReference"},
    {"initContainers", "[name]Container"},
    {"nodeName", "string"},
    {"nodeSelector", "{}string"},
    {"os", "NamedObject"},
    {"overhead", "{}quantity"},
    {"preemptionPolicy", "string"},
    {"priority", "int32"},
    {"priorityClassName", "string"},
    {"readinessGates", "[]PodReadinessGate"},
    {"resourceClaims", "[name]PodResourceClaim"},
    {"resources", "ResourceRequirements"},
    {"restartPolicy", "string"},
    {"runtimeClassName", "string"},
    {"schedulerName", "string"},
    {"schedulingGates", "[name]NamedObject"},
    {"schedulingGroup", "PodSchedulingGroup"},
    {"securityContext", "PodSecurityContext"},
    {"serviceAccount", "string"},
    {"serviceAccountName", "string"},
    {"setHostnameAsFQDN", "boolean"},
    {"shareProcessNamespace", "boolean"},
    {"subdomain", "string"},
    {"terminationGracePeriodSeconds", "int64"},
    {"tolerations", "[]Toleration"},
    {"topologySpreadConstraints", "[topologyKey,whenUnsatisfiable]TopologySpreadConstraint"},
    {"volumes", "[name]Volume"}};

constexpr Field kPodDNSConfig[] = {
    {"nameservers", "[]string"}, {"options", "[]PodDNSConfigOption"}, {"searches", "[]string"}};

constexpr Field kPodDNSConfigOption[] = {{"name", "string"}, {"value", "string"}};

constexpr Field kHostAlias[] = {{"hostnames", "[]string"}, {"ip", "string", kRequired}};

constexpr Field kLocalObjectReference[] = {{"name", "string"}};

constexpr Field kNamedObject[] = {{"name", "string", kRequired}};

constexpr Field kPodReadinessGate[] = {{"conditionType", "string", kRequired}};

constexpr Field kPodResourceClaim[] = {{"name", "string", kRequired},
                                       {"resourceClaimName", "string"},
                                       {"resourceClaimTemplateName", "string"}};

constexpr Field kPodSchedulingGroup[] = {{"podGroupName", "string"}};

constexpr Field kPodSecurityContext[] = {{"appArmorProfile", "SecurityProfile"},
                                         {"fsGroup", "int64"},
                                         {"fsGroupChangePolicy", "string"},
                                         {"runAsGroup", "int64"},
                                         {"runAsNonRoot", "boolean"},
                                         {"runAsUser", "int64"},
                                         {"seLinuxChangePolicy", "string"},
                                         {"seLinuxOptions", "SELinuxOptions"},
                                         {"seccompProfile", "SecurityProfile"},
                                         {"supplementalGroups", "[]int64"},
                                         {"supplementalGroupsPolicy", "string"},
                                         {"sysctls", "[]HTTPHeader"},
                                         {"windowsOptions", "WindowsSecurityContextOptions"}};

constexpr TypeSchema kTypes[] = {
    {"JobSpec", kJobSpec},
    {"PodFailurePolicy", kPodFailurePolicy},
    {"PodFailurePolicyRule", kPodFailurePolicyRule},
    {"PodFailurePolicyOnExitCodes", kPodFailurePolicyOnExitCodes},
    {"PodFailurePolicyOnPodCondition", kPodFailurePolicyOnPodCondition},
    {"SuccessPolicy", kSuccessPolicy},
    {"SuccessPolicyRule", kSuccessPolicyRule},
    {"PodTemplateSpec", kPodTemplateSpec},
    {"PodSpec", kPodSpec},
    {"PodDNSConfig", kPodDNSConfig},
    {"PodDNSConfigOption", kPodDNSConfigOption},
    {"HostAlias", kHostAlias},
    {"LocalObjectReference", kLocalObjectReference},
    {"NamedObject", kNamedObject},
    {"PodReadinessGate", kPodReadinessGate},
    {"PodResourceClaim", kPodResourceClaim},
    {"PodSchedulingGroup", kPodSchedulingGroup},
    {"PodSecurityContext", kPodSecurityContext},
};

}  // namespace

std::span<const TypeSchema> job_types() { return kTypes; }

}  // namespace orchestrator::manifest
