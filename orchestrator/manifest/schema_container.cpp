// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/manifest/schema.hpp"

namespace orchestrator::manifest {
namespace {

constexpr Field kContainer[] = {{"args", "[]string"},
                                {"command", "[]string"},
                                {"env", "[name]EnvVar"},
                                {"envFrom", "[]EnvFromSource"},
                                {"image", "string"},
                                {"imagePullPolicy", "string"},
                                {"lifecycle", "Lifecycle"},
                                {"livenessProbe", "Probe"},
                                {"name", "string", kRequired},
                                {"ports", "[containerPort,protocol]ContainerPort"},
                                {"readinessProbe", "Probe"},
                                {"resizePolicy", "[]ContainerResizePolicy"},
                                {"resources", "ResourceRequirements"},
                                {"restartPolicy", "string"},
                                {"restartPolicyRules", "[]ContainerRestartRule"},
                                {"securityContext", "SecurityContext"},
                                {"startupProbe", "Probe"},
                                {"stdin", "boolean"},
                                {"stdinOnce", "boolean"},
                                {"terminationMessagePath", "string"},
                                {"terminationMessagePolicy", "string"},
                                {"tty", "boolean"},
                                {"volumeDevices", "[devicePath]VolumeDevice"},
                                {"volumeMounts", "[mountPath]VolumeMount"},
                                {"workingDir", "string"}};

constexpr Field kEnvVar[] = {
    {"name", "string", kRequired}, {"value", "string"}, {"valueFrom", "EnvVarSource"}};

constexpr Field kEnvVarSource[] = {{"configMapKeyRef", "KeySelector"},
                                   {"fieldRef", "ObjectFieldSelector"},
                                   {"fileKeyRef", "FileKeySelector"},
                                   {"resourceFieldRef", "ResourceFieldSelector"},
                                   {"secretKeyRef", "KeySelector"}};

constexpr Field kKeySelector[] = {
    {"key", "string", kRequired}, {"name", "string"}, {"optional", "boolean"}};

constexpr Field kObjectFieldSelector[] = {{"apiVersion", "string"},
                                          {"fieldPath", "string", kRequired}};

constexpr Field kFileKeySelector[] = {{"key", "string", kRequired},
                                      {"optional", "boolean"},
                                      {"path", "string", kRequired},
                                      {"volumeName", "string", kRequired}};

constexpr Field kResourceFieldSelector[] = {
    {"containerName", "string"}, {"divisor", "quantity"}, {"resource", "string", kRequired}};

constexpr Field kEnvFromSource[] = {
    {"configMapRef", "EnvFromReference"}, {"prefix", "string"}, {"secretRef", "EnvFromReference"}};

constexpr Field kEnvFromReference[] = {{"name", "string"}, {"optional", "boolean"}};

constexpr Field kLifecycle[] = {
    {"postStart", "LifecycleHandler"}, {"preStop", "LifecycleHandler"}, {"stopSignal", "string"}};

constexpr Field kLifecycleHandler[] = {{"exec", "ExecAction"},
                                       {"httpGet", "HTTPGetAction"},
                                       {"sleep", "SleepAction"},
                                       {"tcpSocket", "TCPSocketAction"}};

constexpr Field kExecAction[] = {{"command", "[]string"}};

constexpr Field kHTTPGetAction[] = {{"host", "string"},
                                    {"httpHeaders", "[]HTTPHeader"},
                                    {"path", "string"},
                                    {"port", "int-or-string", kRequired},
                                    {"scheme", "string"}};

constexpr Field kHTTPHeader[] = {{"name", "string", kRequired}, {"value", "string", kRequired}};

constexpr Field kSleepAction[] = {{"seconds", "int64", kRequired}};

constexpr Field kTCPSocketAction[] = {{"host", "string"}, {"port", "int-or-string", kRequired}};

constexpr Field kProbe[] = {{"exec", "ExecAction"},
                            {"failureThreshold", "int32"},
                            {"grpc", "GRPCAction"},
                            {"httpGet", "HTTPGetAction"},
                            {"initialDelaySeconds", "int32"},
                            {"periodSeconds", "int32"},
                            {"successThreshold", "int32"},
                            {"tcpSocket", "TCPSocketAction"},
                            {"terminationGracePeriodSeconds", "int64"},
                            {"timeoutSeconds", "int32"}};

constexpr Field kGRPCAction[] = {{"port", "int32", kRequired}, {"service", "string"}};

constexpr Field kContainerPort[] = {{"containerPort", "int32", kRequired},
                                    {"hostIP", "string"},
                                    {"hostPort", "int32"},
                                    {"name", "string"},
                                    {"protocol", "string"}};

constexpr Field kContainerResizePolicy[] = {{"resourceName", "string", kRequired},
                                            {"restartPolicy", "string", kRequired}};

constexpr Field kResourceRequirements[] = {
    {"claims", "[name]ResourceClaim"}, {"limits", "{}quantity"}, {"requests", "{}quantity"}};

constexpr Field kResourceClaim[] = {{"name", "string", kRequired}, {"request", "string"}};

constexpr Field kContainerRestartRule[] = {{"action", "string", kRequired},
                                           {"exitCodes", "RestartRuleExitCodes"}};

constexpr Field kRestartRuleExitCodes[] = {{"operator", "string", kRequired},
                                           {"values", "[=]int32"}};

constexpr Field kSecurityContext[] = {{"allowPrivilegeEscalation", "boolean"},
                                      {"appArmorProfile", "SecurityProfile"},
                                      {"capabilities", "Capabilities"},
                                      {"privileged", "boolean"},
                                      {"procMount", "string"},
                                      {"readOnlyRootFilesystem", "boolean"},
                                      {"runAsGroup", "int64"},
                                      {"runAsNonRoot", "boolean"},
                                      {"runAsUser", "int64"},
                                      {"seLinuxOptions", "SELinuxOptions"},
                                      {"seccompProfile", "SecurityProfile"},
                                      {"windowsOptions", "WindowsSecurityContextOptions"}};

constexpr Field kSecurityProfile[] = {{"localhostProfile", "string"},
                                      {"type", "string", kRequired}};

constexpr Field kCapabilities[] = {{"add", "[]string"}, {"drop", "[]string"}};

constexpr Field kSELinuxOptions[] = {
    {"level", "string"}, {"role", "string"}, {"type", "string"}, {"user", "string"}};

constexpr Field kWindowsSecurityContextOptions[] = {{"gmsaCredentialSpec", "string"},
                                                    {"gmsaCredentialSpecName", "string"},
                                                    {"hostProcess", "boolean"},
                                                    {"runAsUserName", "string"}};

constexpr Field kVolumeDevice[] = {{"devicePath", "string", kRequired},
                                   {"name", "string", kRequired}};

constexpr Field kVolumeMount[] = {
    {"mountPath", "string", kRequired}, {"mountPropagation", "string"},
    {"name", "string", kRequired},      {"readOnly", "boolean"},
    {"recursiveReadOnly", "string"},    {"subPath", "string"},
    {"subPathExpr", "string"}};

constexpr Field kEphemeralContainer[] = {{"args", "[]string"},
                                         {"command", "[]string"},
                                         {"env", "[name]EnvVar"},
                                         {"envFrom", "[]EnvFromSource"},
                                         {"image", "string"},
                                         {"imagePullPolicy", "string"},
                                         {"lifecycle", "Lifecycle"},
                                         {"livenessProbe", "Probe"},
                                         {"name", "string", kRequired},
                                         {"ports", "[containerPort,protocol]ContainerPort"},
                                         {"readinessProbe", "Probe"},
                                         {"resizePolicy", "[]ContainerResizePolicy"},
                                         {"resources", "ResourceRequirements"},
                                         {"restartPolicy", "string"},
                                         {"restartPolicyRules", "[]ContainerRestartRule"},
                                         {"securityContext", "SecurityContext"},
                                         {"startupProbe", "Probe"},
                                         {"stdin", "boolean"},
                                         {"stdinOnce", "boolean"},
                                         {"targetContainerName", "string"},
                                         {"terminationMessagePath", "string"},
                                         {"terminationMessagePolicy", "string"},
                                         {"tty", "boolean"},
                                         {"volumeDevices", "[devicePath]VolumeDevice"},
                                         {"volumeMounts", "[mountPath]VolumeMount"},
                                         {"workingDir", "string"}};

constexpr TypeSchema kTypes[] = {
    {"Container", kContainer},
    {"EnvVar", kEnvVar},
    {"EnvVarSource", kEnvVarSource},
    {"KeySelector", kKeySelector},
    {"ObjectFieldSelector", kObjectFieldSelector},
    {"FileKeySelector", kFileKeySelector},
    {"ResourceFieldSelector", kResourceFieldSelector},
    {"EnvFromSource", kEnvFromSource},
    {"EnvFromReference", kEnvFromReference},
    {"Lifecycle", kLifecycle},
    {"LifecycleHandler", kLifecycleHandler},
    {"ExecAction", kExecAction},
    {"HTTPGetAction", kHTTPGetAction},
    {"HTTPHeader", kHTTPHeader},
    {"SleepAction", kSleepAction},
    {"TCPSocketAction", kTCPSocketAction},
    {"Probe", kProbe},
    {"GRPCAction", kGRPCAction},
    {"ContainerPort", kContainerPort},
    {"ContainerResizePolicy", kContainerResizePolicy},
    {"ResourceRequirements", kResourceRequirements},
    {"ResourceClaim", kResourceClaim},
    {"ContainerRestartRule", kContainerRestartRule},
    {"RestartRuleExitCodes", kRestartRuleExitCodes},
    {"SecurityContext", kSecurityContext},
    {"SecurityProfile", kSecurityProfile},
    {"Capabilities", kCapabilities},
    {"SELinuxOptions", kSELinuxOptions},
    {"WindowsSecurityContextOptions", kWindowsSecurityContextOptions},
    {"VolumeDevice", kVolumeDevice},
    {"VolumeMount", kVolumeMount},
    {"EphemeralContainer", kEphemeralContainer},
};

}  // namespace

std::span<const TypeSchema> container_types() { return kTypes; }

}  // namespace orchestrator::manifest
