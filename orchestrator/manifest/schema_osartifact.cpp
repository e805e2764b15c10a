// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/manifest/schema.hpp"

namespace orchestrator::manifest {
namespace {

constexpr Field kOSArtifact[] = {{"apiVersion", "string", kRequired},
                                 {"kind", "string", kRequired},
                                 {"metadata", "ObjectMeta"},
                                 {"spec", "OSArtifactSpec"},
                                 {"status", "any"}};

constexpr Field kObjectMeta[] = {{"name", "string"},
                                 {"generateName", "string"},
                                 {"namespace", "string"},
                                 {"labels", "{}string"},
                                 {"annotations", "{}string"},
                                 {"finalizers", "[]string"},
                                 {"creationTimestamp", "string"},
                                 {"deletionTimestamp", "string"},
                                 {"deletionGracePeriodSeconds", "int64"},
                                 {"generation", "int64"},
                                 {"resourceVersion", "string"},
                                 {"selfLink", "string"},
                                 {"uid", "string"},
                                 {"ownerReferences", "[]OwnerReference"},
                                 {"managedFields", "[]any"}};

constexpr Field kOwnerReference[] = {
    {"apiVersion", "string", kRequired}, {"kind", "string", kRequired},
    {"name", "string", kRequired},       {"uid", "string", kRequired},
    {"controller", "boolean"},           {"blockOwnerDeletion", "boolean"}};

constexpr Field kOSArtifactSpec[] = {
    {"affinity", "Affinity"},
    {"artifacts", "ArtifactSpec"},
    {"exporters", "[]JobSpec"},
    {"image", "ImageSpec", kRequired,
     "spec.image: when ref is empty, at least one of buildOptions or ociSpec must be set"},
    {"imagePullSecrets", "[]LocalObjectReference"},
    {"importers", "[]Container"},
    {"nameOverride", "NameOverrideSpec"},
    {"nodeSelector", "{}string"},
    {"podAnnotations", "{}string"},
    {"podLabels", "{}string"},
    {"resources", "ResourcesSpec"},
    {"tolerations", "[]Toleration"},
    {"volume", "PersistentVolumeClaimSpec"},
    {"volumes", "[]Volume"}};

constexpr Field kArtifactSpec[] = {{"arch", "arch"},
                                   {"azureImage", "boolean"},
                                   {"bundles", "[]string"},
                                   {"cloudConfigRef", "SecretKeySelector"},
                                   {"cloudImage", "boolean"},
                                   {"diskSize", "string"},
                                   {"gceImage", "boolean"},
                                   {"grubConfig", "string"},
                                   {"iso", "boolean"},
                                   {"kairosRelease", "string"},
                                   {"netboot", "boolean"},
                                   {"netbootURL", "string"},
                                   {"osRelease", "string"},
                                   {"overlayISOVolume", "string"},
                                   {"overlayRootfsVolume", "string"},
                                   {"uki", "UKISpec"},
                                   {"volume", "string"}};

constexpr Field kSecretKeySelector[] = {{"key", "string"}, {"name", "string", kRequired}};

constexpr Field kUKISpec[] = {{"container", "boolean"},
                              {"efi", "boolean"},
                              {"iso", "boolean"},
                              {"keysVolume", "string", kRequired,
                               "spec.artifacts.uki.keysVolume is required when any of uki.iso, "
                               "uki.container, or uki.efi is true"}};

constexpr Field kImageSpec[] = {{"buildEnv", "[]EnvVar"},
                                {"buildImage", "BuildImage"},
                                {"buildOptions", "BuildOptions"},
                                {"caCertificatesVolume", "string"},
                                {"imageCredentialsSecretRef", "SecretKeySelector"},
                                {"ociSpec", "OCISpec"},
                                {"pullInsecureRegistry", "boolean"},
                                {"push", "boolean"},
                                {"pushInsecureRegistry", "boolean"},
                                {"ref", "string"}};

constexpr std::string_view kWholeBuildImage =
    "spec.image.buildImage: when set, registry, repository, and tag are all required";

constexpr Field kBuildImage[] = {{"registry", "string", kRequired, kWholeBuildImage},
                                 {"repository", "string", kRequired, kWholeBuildImage},
                                 {"tag", "string", kRequired, kWholeBuildImage}};

constexpr Field kBuildOptions[] = {
    {"baseImage", "string"},
    {"fips", "boolean"},
    {"kairosInitImage", "string"},
    {"kubernetesDistro", "string"},
    {"kubernetesVersion", "string"},
    {"model", "string"},
    {"trustedBoot", "boolean"},
    {"version", "string", kRequired,
     "spec.image.buildOptions.version is required when using buildOptions"}};

constexpr Field kOCISpec[] = {{"buildContextVolume", "string"},
                              {"ref", "SecretKeySelector"},
                              {"templateValues", "{}string"},
                              {"templateValuesFrom", "SecretKeySelector"}};

constexpr Field kNameOverrideSpec[] = {
    {"azureImage", "artifact-name"}, {"cloudImage", "artifact-name"}, {"gceImage", "artifact-name"},
    {"iso", "artifact-name"},        {"netboot", "artifact-name"},    {"uki", "artifact-name"}};

constexpr Field kResourcesSpec[] = {
    {"azureImage", "ResourceRequirements"}, {"cloudImage", "ResourceRequirements"},
    {"gceImage", "ResourceRequirements"},   {"iso", "ResourceRequirements"},
    {"netboot", "ResourceRequirements"},    {"pod", "ResourceRequirements"},
    {"uki", "ResourceRequirements"}};

constexpr TypeSchema kTypes[] = {
    {"OSArtifact", kOSArtifact},
    {"ObjectMeta", kObjectMeta},
    {"OwnerReference", kOwnerReference},
    {"OSArtifactSpec", kOSArtifactSpec},
    {"ArtifactSpec", kArtifactSpec},
    {"SecretKeySelector", kSecretKeySelector},
    {"UKISpec", kUKISpec},
    {"ImageSpec", kImageSpec},
    {"BuildImage", kBuildImage},
    {"BuildOptions", kBuildOptions},
    {"OCISpec", kOCISpec},
    {"NameOverrideSpec", kNameOverrideSpec},
    {"ResourcesSpec", kResourcesSpec},
};

}  // namespace

std::span<const TypeSchema> osartifact_types() { return kTypes; }

}  // namespace orchestrator::manifest
