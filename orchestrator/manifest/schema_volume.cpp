// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/manifest/schema.hpp"

namespace orchestrator::manifest {
namespace {

constexpr Field kVolume[] = {{"awsElasticBlockStore", "AwsElasticBlockStoreVolumeSource"},
                             {"azureDisk", "AzureDiskVolumeSource"},
                             {"azureFile", "AzureFileVolumeSource"},
                             {"cephfs", "CephfsVolumeSource"},
                             {"cinder", "CinderVolumeSource"},
                             {"configMap", "ConfigMapVolumeSource"},
                             {"csi", "CSIVolumeSource"},
                             {"downwardAPI", "DownwardAPIVolumeSource"},
                             {"emptyDir", "EmptyDirVolumeSource"},
                             {"ephemeral", "EphemeralVolumeSource"},
                             {"fc", "FcVolumeSource"},
                             {"flexVolume", "FlexVolumeVolumeSource"},
                             {"flocker", "FlockerVolumeSource"},
                             {"gcePersistentDisk", "GcePersistentDiskVolumeSource"},
                             {"gitRepo", "GitRepoVolumeSource"},
                             {"glusterfs", "GlusterfsVolumeSource"},
                             {"hostPath", "HostPathVolumeSource"},
                             {"image", "ImageVolumeSource"},
                             {"iscsi", "IscsiVolumeSource"},
                             {"name", "string", kRequired, "{}.name must not be empty"},
                             {"nfs", "NfsVolumeSource"},
                             {"persistentVolumeClaim", "PersistentVolumeClaimVolumeSource"},
                             {"photonPersistentDisk", "PhotonPersistentDiskVolumeSource"},
                             {"portworxVolume", "PortworxVolumeVolumeSource"},
                             {"projected", "ProjectedVolumeSource"},
                             {"quobyte", "QuobyteVolumeSource"},
                             {"rbd", "RbdVolumeSource"},
                             {"scaleIO", "ScaleIOVolumeSource"},
                             {"secret", "SecretVolumeSource"},
                             {"storageos", "StorageosVolumeSource"},
                             {"vsphereVolume", "VsphereVolumeVolumeSource"}};

constexpr Field kAwsElasticBlockStoreVolumeSource[] = {{"fsType", "string"},
                                                       {"partition", "int32"},
                                                       {"readOnly", "boolean"},
                                                       {"volumeID", "string", kRequired}};

constexpr Field kAzureDiskVolumeSource[] = {{"cachingMode", "string"},
                                            {"diskName", "string", kRequired},
                                            {"diskURI", "string", kRequired},
                                            {"fsType", "string"},
                                            {"kind", "string"},
                                            {"readOnly", "boolean"}};

constexpr Field kAzureFileVolumeSource[] = {{"readOnly", "boolean"},
                                            {"secretName", "string", kRequired},
                                            {"shareName", "string", kRequired}};

constexpr Field kCephfsVolumeSource[] = {{"monitors", "[]string", kRequired},
                                         {"path", "string"},
                                         {"readOnly", "boolean"},
                                         {"secretFile", "string"},
                                         {"secretRef", "LocalObjectReference"},
                                         {"user", "string"}};

constexpr Field kCinderVolumeSource[] = {{"fsType", "string"},
                                         {"readOnly", "boolean"},
                                         {"secretRef", "LocalObjectReference"},
                                         {"volumeID", "string", kRequired}};

constexpr Field kConfigMapVolumeSource[] = {{"defaultMode", "int32"},
                                            {"items", "[]KeyToPath"},
                                            {"name", "string"},
                                            {"optional", "boolean"}};

constexpr Field kKeyToPath[] = {
    {"key", "string", kRequired}, {"mode", "int32"}, {"path", "string", kRequired}};

constexpr Field kCSIVolumeSource[] = {{"driver", "string", kRequired},
                                      {"fsType", "string"},
                                      {"nodePublishSecretRef", "LocalObjectReference"},
                                      {"readOnly", "boolean"},
                                      {"volumeAttributes", "{}string"}};

constexpr Field kDownwardAPIVolumeSource[] = {{"defaultMode", "int32"},
                                              {"items", "[]DownwardAPIFile"}};

constexpr Field kDownwardAPIFile[] = {{"fieldRef", "ObjectFieldSelector"},
                                      {"mode", "int32"},
                                      {"path", "string", kRequired},
                                      {"resourceFieldRef", "ResourceFieldSelector"}};

constexpr Field kEmptyDirVolumeSource[] = {{"medium", "string"}, {"sizeLimit", "quantity"}};

constexpr Field kEphemeralVolumeSource[] = {
    {"volumeClaimTemplate", "PersistentVolumeClaimTemplate"}};

constexpr Field kPersistentVolumeClaimTemplate[] = {
    {"metadata", "ObjectMeta"}, {"spec", "PersistentVolumeClaimSpec", kRequired}};

constexpr Field kPersistentVolumeClaimSpec[] = {{"accessModes", "[]string"},
                                                {"dataSource", "TypedLocalObjectReference"},
                                                {"dataSourceRef", "TypedObjectReference"},
                                                {"resources", "VolumeResourceRequirements"},
                                                {"selector", "LabelSelector"},
                                                {"storageClassName", "string"},
                                                {"volumeAttributesClassName", "string"},
                                                {"volumeMode", "string"},
                                                {"volumeName", "string"}};

constexpr Field kTypedLocalObjectReference[] = {
    {"apiGroup", "string"}, {"kind", "string", kRequired}, {"name", "string", kRequired}};

constexpr Field kTypedObjectReference[] = {{"apiGroup", "string"},
                                           {"kind", "string", kRequired},
                                           {"name", "string", kRequired},
                                           {"namespace", "string"}};

constexpr Field kVolumeResourceRequirements[] = {{"limits", "{}quantity"},
                                                 {"requests", "{}quantity"}};

constexpr Field kFcVolumeSource[] = {{"fsType", "string"},
                                     {"lun", "int32"},
                                     {"readOnly", "boolean"},
                                     {"targetWWNs", "[]string"},
                                     {"wwids", "[]string"}};

constexpr Field kFlexVolumeVolumeSource[] = {{"driver", "string", kRequired},
                                             {"fsType", "string"},
                                             {"options", "{}string"},
                                             {"readOnly", "boolean"},
                                             {"secretRef", "LocalObjectReference"}};

constexpr Field kFlockerVolumeSource[] = {{"datasetName", "string"}, {"datasetUUID", "string"}};

constexpr Field kGcePersistentDiskVolumeSource[] = {{"fsType", "string"},
                                                    {"partition", "int32"},
                                                    {"pdName", "string", kRequired},
                                                    {"readOnly", "boolean"}};

constexpr Field kGitRepoVolumeSource[] = {
    {"directory", "string"}, {"repository", "string", kRequired}, {"revision", "string"}};

constexpr Field kGlusterfsVolumeSource[] = {
    {"endpoints", "string", kRequired}, {"path", "string", kRequired}, {"readOnly", "boolean"}};

constexpr Field kHostPathVolumeSource[] = {{"path", "string", kRequired}, {"type", "string"}};

constexpr Field kImageVolumeSource[] = {{"pullPolicy", "string"}, {"reference", "string"}};

constexpr Field kIscsiVolumeSource[] = {{"chapAuthDiscovery", "boolean"},
                                        {"chapAuthSession", "boolean"},
                                        {"fsType", "string"},
                                        {"initiatorName", "string"},
                                        {"iqn", "string", kRequired},
                                        {"iscsiInterface", "string"},
                                        {"lun", "int32", kRequired},
                                        {"portals", "[]string"},
                                        {"readOnly", "boolean"},
                                        {"secretRef", "LocalObjectReference"},
                                        {"targetPortal", "string", kRequired}};

constexpr Field kNfsVolumeSource[] = {
    {"path", "string", kRequired}, {"readOnly", "boolean"}, {"server", "string", kRequired}};

constexpr Field kPersistentVolumeClaimVolumeSource[] = {{"claimName", "string", kRequired},
                                                        {"readOnly", "boolean"}};

constexpr Field kPhotonPersistentDiskVolumeSource[] = {{"fsType", "string"},
                                                       {"pdID", "string", kRequired}};

constexpr Field kPortworxVolumeVolumeSource[] = {
    {"fsType", "string"}, {"readOnly", "boolean"}, {"volumeID", "string", kRequired}};

constexpr Field kProjectedVolumeSource[] = {{"defaultMode", "int32"},
                                            {"sources", "[]VolumeProjection"}};

constexpr Field kVolumeProjection[] = {{"clusterTrustBundle", "ClusterTrustBundleProjection"},
                                       {"configMap", "KeyProjection"},
                                       {"downwardAPI", "DownwardAPIProjection"},
                                       {"podCertificate", "PodCertificateProjection"},
                                       {"secret", "KeyProjection"},
                                       {"serviceAccountToken", "ServiceAccountTokenProjection"}};

constexpr Field kClusterTrustBundleProjection[] = {{"labelSelector", "LabelSelector"},
                                                   {"name", "string"},
                                                   {"optional", "boolean"},
                                                   {"path", "string", kRequired},
                                                   {"signerName", "string"}};

constexpr Field kKeyProjection[] = {
    {"items", "[]KeyToPath"}, {"name", "string"}, {"optional", "boolean"}};

constexpr Field kDownwardAPIProjection[] = {{"items", "[]DownwardAPIFile"}};

constexpr Field kPodCertificateProjection[] = {{"certificateChainPath", "string"},
                                               {"credentialBundlePath", "string"},
                                               {"keyPath", "string"},
                                               {"keyType", "string", kRequired},
                                               {"maxExpirationSeconds", "int32"},
                                               {"signerName", "string", kRequired},
                                               {"userAnnotations", "{}string"}};

constexpr Field kServiceAccountTokenProjection[] = {
    {"audience", "string"}, {"expirationSeconds", "int64"}, {"path", "string", kRequired}};

constexpr Field kQuobyteVolumeSource[] = {
    {"group", "string"},  {"readOnly", "boolean"}, {"registry", "string", kRequired},
    {"tenant", "string"}, {"user", "string"},      {"volume", "string", kRequired}};

constexpr Field kRbdVolumeSource[] = {{"fsType", "string"},
                                      {"image", "string", kRequired},
                                      {"keyring", "string"},
                                      {"monitors", "[]string", kRequired},
                                      {"pool", "string"},
                                      {"readOnly", "boolean"},
                                      {"secretRef", "LocalObjectReference"},
                                      {"user", "string"}};

constexpr Field kScaleIOVolumeSource[] = {{"fsType", "string"},
                                          {"gateway", "string", kRequired},
                                          {"protectionDomain", "string"},
                                          {"readOnly", "boolean"},
                                          {"secretRef", "LocalObjectReference", kRequired},
                                          {"sslEnabled", "boolean"},
                                          {"storageMode", "string"},
                                          {"storagePool", "string"},
                                          {"system", "string", kRequired},
                                          {"volumeName", "string"}};

constexpr Field kSecretVolumeSource[] = {{"defaultMode", "int32"},
                                         {"items", "[]KeyToPath"},
                                         {"optional", "boolean"},
                                         {"secretName", "string"}};

constexpr Field kStorageosVolumeSource[] = {{"fsType", "string"},
                                            {"readOnly", "boolean"},
                                            {"secretRef", "LocalObjectReference"},
                                            {"volumeName", "string"},
                                            {"volumeNamespace", "string"}};

constexpr Field kVsphereVolumeVolumeSource[] = {{"fsType", "string"},
                                                {"storagePolicyID", "string"},
                                                {"storagePolicyName", "string"},
                                                {"volumePath", "string", kRequired}};

constexpr TypeSchema kTypes[] = {
    {"Volume", kVolume},
    {"AwsElasticBlockStoreVolumeSource", kAwsElasticBlockStoreVolumeSource},
    {"AzureDiskVolumeSource", kAzureDiskVolumeSource},
    {"AzureFileVolumeSource", kAzureFileVolumeSource},
    {"CephfsVolumeSource", kCephfsVolumeSource},
    {"CinderVolumeSource", kCinderVolumeSource},
    {"ConfigMapVolumeSource", kConfigMapVolumeSource},
    {"KeyToPath", kKeyToPath},
    {"CSIVolumeSource", kCSIVolumeSource},
    {"DownwardAPIVolumeSource", kDownwardAPIVolumeSource},
    {"DownwardAPIFile", kDownwardAPIFile},
    {"EmptyDirVolumeSource", kEmptyDirVolumeSource},
    {"EphemeralVolumeSource", kEphemeralVolumeSource},
    {"PersistentVolumeClaimTemplate", kPersistentVolumeClaimTemplate},
    {"PersistentVolumeClaimSpec", kPersistentVolumeClaimSpec},
    {"TypedLocalObjectReference", kTypedLocalObjectReference},
    {"TypedObjectReference", kTypedObjectReference},
    {"VolumeResourceRequirements", kVolumeResourceRequirements},
    {"FcVolumeSource", kFcVolumeSource},
    {"FlexVolumeVolumeSource", kFlexVolumeVolumeSource},
    {"FlockerVolumeSource", kFlockerVolumeSource},
    {"GcePersistentDiskVolumeSource", kGcePersistentDiskVolumeSource},
    {"GitRepoVolumeSource", kGitRepoVolumeSource},
    {"GlusterfsVolumeSource", kGlusterfsVolumeSource},
    {"HostPathVolumeSource", kHostPathVolumeSource},
    {"ImageVolumeSource", kImageVolumeSource},
    {"IscsiVolumeSource", kIscsiVolumeSource},
    {"NfsVolumeSource", kNfsVolumeSource},
    {"PersistentVolumeClaimVolumeSource", kPersistentVolumeClaimVolumeSource},
    {"PhotonPersistentDiskVolumeSource", kPhotonPersistentDiskVolumeSource},
    {"PortworxVolumeVolumeSource", kPortworxVolumeVolumeSource},
    {"ProjectedVolumeSource", kProjectedVolumeSource},
    {"VolumeProjection", kVolumeProjection},
    {"ClusterTrustBundleProjection", kClusterTrustBundleProjection},
    {"KeyProjection", kKeyProjection},
    {"DownwardAPIProjection", kDownwardAPIProjection},
    {"PodCertificateProjection", kPodCertificateProjection},
    {"ServiceAccountTokenProjection", kServiceAccountTokenProjection},
    {"QuobyteVolumeSource", kQuobyteVolumeSource},
    {"RbdVolumeSource", kRbdVolumeSource},
    {"ScaleIOVolumeSource", kScaleIOVolumeSource},
    {"SecretVolumeSource", kSecretVolumeSource},
    {"StorageosVolumeSource", kStorageosVolumeSource},
    {"VsphereVolumeVolumeSource", kVsphereVolumeVolumeSource},
};

}  // namespace

std::span<const TypeSchema> volume_types() { return kTypes; }

}  // namespace orchestrator::manifest
