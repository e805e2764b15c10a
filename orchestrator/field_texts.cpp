// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/field_texts.hpp"

#include <algorithm>
#include <iterator>

namespace orchestrator {
namespace {

struct FieldText {
  std::string_view type;
  std::string_view field;
  std::string_view text;
};

constexpr FieldText kTexts[] = {
    {"OSArtifact", "apiVersion", "build.kairos.io/v1alpha2"},
    {"OSArtifact", "kind", "OSArtifact"},
    {"OSArtifact", "metadata", "its name is what artifacts are called: NAME below"},
    {"OSArtifact", "spec", "what to make, and of what"},
    {"OSArtifact", "status", "ignored"},
    {"OSArtifactSpec", "affinity", "for the operator alone; ignored elsewhere"},
    {"OSArtifactSpec", "artifacts",
     "what to make of the image; without it only the image is built"},
    {"OSArtifactSpec", "exporters", "Jobs that run when all artifacts are there"},
    {"OSArtifactSpec", "image", "where the image comes from"},
    {"OSArtifactSpec", "imagePullSecrets",
     "credentials for the images of importers and exporters, and after imageCredentialsSecretRef "
     "for the image"},
    {"OSArtifactSpec", "importers", "containers that fill volumes before anything else is done"},
    {"OSArtifactSpec", "nameOverride", "other names for single artifacts"},
    {"OSArtifactSpec", "nodeSelector", "for the operator alone; ignored elsewhere"},
    {"OSArtifactSpec", "podAnnotations", "for the operator alone; ignored elsewhere"},
    {"OSArtifactSpec", "podLabels", "for the operator alone; ignored elsewhere"},
    {"OSArtifactSpec", "resources", "for the operator alone; ignored elsewhere"},
    {"OSArtifactSpec", "tolerations", "for the operator alone; ignored elsewhere"},
    {"OSArtifactSpec", "volume", "for the operator alone; ignored elsewhere"},
    {"OSArtifactSpec", "volumes",
     "folders that other fields name: hostPath, secret, configMap, projected, emptyDir; any other "
     "by --volume NAME=DIR"},
    {"ArtifactSpec", "arch", "amd64 or arm64; else this machine's"},
    {"ArtifactSpec", "azureImage", "NAME.vhd, a disk for Azure; of a Kairos image"},
    {"ArtifactSpec", "bundles", "images whose files are laid over the root file system, in order"},
    {"ArtifactSpec", "cloudConfigRef",
     "a Secret with the cloud-config that goes into artifacts, under the key that is named; else "
     "under its only one"},
    {"ArtifactSpec", "cloudImage",
     "NAME.raw, a disk that installs itself when it first starts; of a Kairos image"},
    {"ArtifactSpec", "diskSize", "of disks, in MiB, as \"8000\"; else as small as can be"},
    {"ArtifactSpec", "gceImage",
     "NAME.gce.tar.gz, a disk for Google Compute Engine; of a Kairos image"},
    {"ArtifactSpec", "grubConfig", "the grub.cfg of the ISO"},
    {"ArtifactSpec", "iso", "NAME.iso, a live system for BIOS, UEFI and USB sticks"},
    {"ArtifactSpec", "kairosRelease", "the text of /etc/kairos-release"},
    {"ArtifactSpec", "netboot",
     "NAME-kernel, NAME-initrd, NAME.squashfs and NAME.ipxe, to boot from a network"},
    {"ArtifactSpec", "netbootURL", "where those files will be served; required with netboot"},
    {"ArtifactSpec", "osRelease", "the text of /etc/os-release"},
    {"ArtifactSpec", "overlayISOVolume",
     "a volume (name of one in spec.volumes) whose files are laid over the ISO"},
    {"ArtifactSpec", "overlayRootfsVolume",
     "a volume whose files are laid over the root file system"},
    {"ArtifactSpec", "uki", "signed unified kernel images"},
    {"ArtifactSpec", "volume", "a volume that the artifacts go into, where -o is not given"},
    {"SecretKeySelector", "key",
     "which key of the Secret, where it is not the one that the field says"},
    {"SecretKeySelector", "name", "of the Secret"},
    {"UKISpec", "container", "NAME-uki.tar, an image of it for upgrades"},
    {"UKISpec", "efi", "NAME-uki, a folder with the EFI programs"},
    {"UKISpec", "iso", "NAME-uki.iso"},
    {"UKISpec", "keysVolume",
     "a volume with the keys of Secure Boot: db.key, db.pem, PK.auth, KEK.auth, db.auth, "
     "tpm2-pcr-private.pem"},
    {"ImageSpec", "buildEnv", "values of ARGs, proxies, and secrets that a RUN may mount"},
    {"ImageSpec", "buildImage", "what a built image is called"},
    {"ImageSpec", "buildOptions", "builds a Kairos image on any base image with kairos-init"},
    {"ImageSpec", "caCertificatesVolume",
     "a volume with CA certificates in PEM, trusted for registries; --ca-dir is for all of a "
     "command"},
    {"ImageSpec", "imageCredentialsSecretRef",
     "a Secret of type kubernetes.io/dockerconfigjson or dockercfg, under the key "
     ".dockerconfigjson or .dockercfg: credentials to pull and push with"},
    {"ImageSpec", "ociSpec", "builds the image from a Dockerfile"},
    {"ImageSpec", "pullInsecureRegistry", "plain HTTP and unverified TLS are good enough to pull"},
    {"ImageSpec", "push", "send the built image to buildImage"},
    {"ImageSpec", "pushInsecureRegistry", "plain HTTP and unverified TLS are good enough to push"},
    {"ImageSpec", "ref", "an image that exists; else one is built, of buildOptions or ociSpec"},
    {"BuildImage", "registry", "host, with a port if need be"},
    {"BuildImage", "repository", "path at the registry"},
    {"BuildImage", "tag", "tag"},
    {"BuildOptions", "baseImage", "what to build on"},
    {"BuildOptions", "fips", "ask kairos-init for FIPS 140"},
    {"BuildOptions", "kairosInitImage", "the image that has kairos-init"},
    {"BuildOptions", "kubernetesDistro", "k3s or k0s"},
    {"BuildOptions", "kubernetesVersion", "of it"},
    {"BuildOptions", "model", "the board; generic where none is given"},
    {"BuildOptions", "trustedBoot", "prepare the image for a unified kernel image"},
    {"BuildOptions", "version", "of the system that is built"},
    {"OCISpec", "buildContextVolume", "a volume that COPY and ADD take files from"},
    {"OCISpec", "ref", "a Secret with the Dockerfile, a template, under the key ociSpec"},
    {"OCISpec", "templateValues", "values for the template; they win over templateValuesFrom"},
    {"OCISpec", "templateValuesFrom", "a Secret of whose keys values for the template are made"},
    {"NameOverrideSpec", "azureImage", "NAME of NAME.vhd"},
    {"NameOverrideSpec", "cloudImage", "NAME of NAME.raw"},
    {"NameOverrideSpec", "gceImage", "NAME of NAME.gce.tar.gz"},
    {"NameOverrideSpec", "iso", "NAME of NAME.iso"},
    {"NameOverrideSpec", "netboot", "NAME of the files to boot from a network"},
    {"NameOverrideSpec", "uki", "NAME of what is made of a unified kernel image"},
    {"NodeOp", "apiVersion", "operator.kairos.io/v1alpha1"},
    {"NodeOp", "kind", "NodeOp"},
    {"NodeOp", "metadata", "name is what Jobs and pods are called"},
    {"NodeOp", "spec", "what to do, and on which nodes"},
    {"NodeOp", "status", "ignored"},
    {"NodeOpSpec", "backoffLimit", "how often a node's command is tried again; 6"},
    {"NodeOpSpec", "command", "what to run, once on each node; no shell unless it names one"},
    {"NodeOpSpec", "concurrency", "on so many nodes at a time; 0, the default: all"},
    {"NodeOpSpec", "cordon", "no new pods on the node while it works"},
    {"NodeOpSpec", "drainOptions", "whether and how pods are sent away first; needs cordon"},
    {"NodeOpSpec", "hostMountPath", "where the command finds the node's root; /host"},
    {"NodeOpSpec", "image", "the image that has the command; busybox:latest"},
    {"NodeOpSpec", "imagePullSecrets", "credentials for the images"},
    {"NodeOpSpec", "nodeSelector", "labels of the nodes that are meant; else all"},
    {"NodeOpSpec", "preflight", "a check before anything happens to the node"},
    {"NodeOpSpec", "rebootOnSuccess", "reboot the node when its command has succeeded"},
    {"NodeOpSpec", "stopOnFailure", "begin on no other node when one has failed"},
    {"NodeOpSpec", "targetNodes", "names of the nodes that are meant; kairos-operator has no such"},
    {"NodeOpSpec", "uncordonOnFailure", "give a node back whose command has failed"},
    {"PreflightSpec", "activeDeadlineSeconds", "how long it may take; 120"},
    {"PreflightSpec", "command",
     "what it writes to /dev/termination-log is the reason to leave the node alone"},
    {"PreflightSpec", "image", "the image that has the command; else the operation's"},
    {"DrainOptions", "deleteEmptyDirData", "evict pods with emptyDir volumes too"},
    {"DrainOptions", "enabled", "evict pods before the command runs"},
    {"DrainOptions", "force", "evict pods without a controller too"},
    {"DrainOptions", "gracePeriodSeconds", "how long pods have to end; else what they say"},
    {"DrainOptions", "ignoreDaemonSets", "leave pods of DaemonSets; the default"},
    {"DrainOptions", "timeoutSeconds", "how long it may take; 600"},
    {"NodeOpUpgrade", "apiVersion", "operator.kairos.io/v1alpha1"},
    {"NodeOpUpgrade", "kind", "NodeOpUpgrade"},
    {"NodeOpUpgrade", "metadata", "name is also that of the NodeOp that is made"},
    {"NodeOpUpgrade", "spec", "to what, and which nodes"},
    {"NodeOpUpgrade", "status", "ignored"},
    {"NodeOpUpgradeSpec", "concurrency", "so many nodes at a time; 0, the default: all"},
    {"NodeOpUpgradeSpec", "debug", "kairos-agent says more"},
    {"NodeOpUpgradeSpec", "excludePaths", "paths that it leaves as they are"},
    {"NodeOpUpgradeSpec", "force", "upgrade nodes too that have that version"},
    {"NodeOpUpgradeSpec", "image", "the system to upgrade to"},
    {"NodeOpUpgradeSpec", "imagePullSecrets", "credentials for the image"},
    {"NodeOpUpgradeSpec", "nodeSelector", "labels of the nodes that are meant; else all"},
    {"NodeOpUpgradeSpec", "stopOnFailure", "begin on no other node when one has failed"},
    {"NodeOpUpgradeSpec", "targetNodes",
     "names of the nodes that are meant; kairos-operator has no such"},
    {"NodeOpUpgradeSpec", "uncordonOnFailure", "give a node back whose upgrade has failed"},
    {"NodeOpUpgradeSpec", "upgradeActive", "the system that runs, and reboot; the default"},
    {"NodeOpUpgradeSpec", "upgradeRecovery", "the recovery system, before the active one"},
};

}  // namespace

std::string_view text_of_field(std::string_view type, std::string_view field) {
  const auto* found = std::find_if(std::begin(kTexts), std::end(kTexts), [&](const FieldText& row) {
    return row.type == type && row.field == field;
  });
  return found == std::end(kTexts) ? std::string_view() : found->text;
}

}  // namespace orchestrator
