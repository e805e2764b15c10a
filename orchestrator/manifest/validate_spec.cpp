// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "orchestrator/manifest/grammar.hpp"
#include "orchestrator/manifest/validate.hpp"

namespace orchestrator::manifest {
namespace {

using Names = std::set<std::string>;

bool is_given(const OSArtifact& artifact, std::initializer_list<std::string_view> keys) {
  return artifact.source->find_path(keys) != nullptr;
}

Names validate_volumes(const OSArtifact& artifact, Report& report) {
  constexpr std::array<std::string_view, 5> kReserved = {"artifacts", "rootfs", "config", "ocispec",
                                                         "cloudconfig"};
  Names names;
  const auto* volumes = artifact.source->find_path({"spec", "volumes"});
  for (std::size_t i = 0; volumes && i < volumes->items.size(); ++i) {
    const auto& volume = volumes->items[i];
    const auto path = fmt::format("spec.volumes[{}].name", i);
    const auto* name = volume.find("name");
    if (!name || !name->is_scalar()) continue;  // The schema's to report.
    const auto place = place_of(*name, path);
    if (name->scalar.empty()) {
      report.error(place, fmt::format("{} must not be empty", path));
    } else if (std::find(kReserved.begin(), kReserved.end(), name->scalar) != kReserved.end()) {
      report.error(place,
                   fmt::format("volume name \"{}\" is reserved for internal use", name->scalar),
                   "give the volume another name");
    } else if (!names.insert(name->scalar).second) {
      report.error(place,
                   fmt::format("duplicate volume name \"{}\" in spec.volumes", name->scalar));
    }
    const auto sources = std::count_if(volume.members.begin(), volume.members.end(), [](auto& m) {
      return m.key != "name" && !m.value.is_null();
    });
    if (sources > 1) {
      report.error(place_of(volume, fmt::format("spec.volumes[{}]", i)),
                   "a volume has one source, and this has more");
    }
  }
  return names;
}

void require_volume(const OSArtifact& artifact, const Names& names, const std::string& path,
                    const std::string& volume, Report& report) {
  if (volume.empty() || names.contains(volume)) return;
  report.error(place_of(artifact, path),
               fmt::format("{} references volume \"{}\" which is not defined in spec.volumes", path,
                           volume));
}

void require_reference(const OSArtifact& artifact, const std::string& path, const std::string& text,
                       Report& report) {
  if (text.empty()) return;
  const auto problem = reference_problem(text);
  if (problem) {
    report.error(place_of(artifact, path), *problem, "write it like quay.io/kairos/debian:12");
  }
}

void validate_build_image(const OSArtifact& artifact, Report& report) {
  const auto& image = artifact.image.build_image;
  if (!image) return;
  const std::string path = "spec.image.buildImage";
  const std::array<const std::string*, 3> parts = {&image->registry, &image->repository,
                                                   &image->tag};
  const auto empty = std::count_if(parts.begin(), parts.end(), [](auto* p) { return p->empty(); });
  if (!artifact.image.ref.empty()) {
    report.error(place_of(artifact, path),
                 "spec.image.buildImage is only used when building; ref must be empty when "
                 "buildImage is set",
                 "remove ref to build the image, or buildImage to use the one there is");
  }
  if (empty > 0) {
    report.error(place_of(artifact, path),
                 "spec.image.buildImage: when set, registry, repository, and tag are all required");
    return;
  }
  if (const auto problem = reference_problem(image->reference())) {
    report.error(place_of(artifact, path), *problem);
  } else if (reference_problem(image->registry + "/a/b:" + image->tag) ||
             image->registry.find_first_of(".:/") == std::string::npos) {
    if (image->registry == "localhost") return;
    report.error(place_of(artifact, path + ".registry"),
                 fmt::format("\"{}\" is not the host of a registry", image->registry),
                 "without a dot or a port it would be a folder of docker.io");
  }
}

void validate_build_options(const OSArtifact& artifact, Report& report) {
  const auto& options = artifact.image.build_options;
  if (!options) return;
  const std::string path = "spec.image.buildOptions";
  if (options->version.empty()) {
    report.error(place_of(artifact, path),
                 "spec.image.buildOptions.version is required when using buildOptions");
  }
  if (options->base_image.empty()) {
    report.error(place_of(artifact, path),
                 "spec.image.buildOptions.baseImage is required when using buildOptions");
  }
}

void validate_building(const OSArtifact& artifact, const Names& volumes, Report& report) {
  const auto& image = artifact.image;
  const bool has_oci_spec = image.oci_spec && image.oci_spec->ref;
  if (!image.build_options && !has_oci_spec) {
    report.error(place_of(artifact, "spec.image"),
                 "spec.image: when ref is empty, at least one of buildOptions or ociSpec must be "
                 "set");
  }
  const bool complete = image.build_image && !image.build_image->registry.empty() &&
                        !image.build_image->repository.empty() && !image.build_image->tag.empty();
  if (image.push && !complete) {
    report.error(place_of(artifact, "spec.image.push"),
                 "spec.image.push is true but buildImage is missing or incomplete; when pushing, "
                 "registry, repository, and tag are required");
  }
  validate_build_options(artifact, report);
  if (has_oci_spec) {
    require_volume(artifact, volumes, "spec.image.ociSpec.buildContextVolume",
                   image.oci_spec->build_context_volume, report);
  }
}

/// A prebuilt image is not built: what is about building has no effect, which must not be silent.
void warn_of_ignored_fields(const OSArtifact& artifact, Report& report) {
  for (const auto* field :
       {"buildOptions", "ociSpec", "push", "buildEnv", "pushInsecureRegistry"}) {
    if (!is_given(artifact, {"spec", "image", field})) continue;
    report.warning(place_of(artifact, fmt::format("spec.image.{}", field)),
                   "has no effect, because spec.image.ref is set");
  }
}

void validate_image(const OSArtifact& artifact, const Names& volumes, Report& report) {
  const auto& image = artifact.image;
  validate_build_image(artifact, report);
  require_reference(artifact, "spec.image.ref", image.ref, report);
  if (image.build_options) {
    require_reference(artifact, "spec.image.buildOptions.baseImage",
                      image.build_options->base_image, report);
    require_reference(artifact, "spec.image.buildOptions.kairosInitImage",
                      image.build_options->kairos_init_image, report);
  }
  require_volume(artifact, volumes, "spec.image.caCertificatesVolume", image.ca_certificates_volume,
                 report);
  if (image.ref.empty()) {
    validate_building(artifact, volumes, report);
  } else {
    warn_of_ignored_fields(artifact, report);
  }
}

void validate_uki(const OSArtifact& artifact, const Names& volumes, Report& report) {
  const auto& uki = artifact.artifacts->uki;
  if (!uki || (!uki->iso && !uki->container && !uki->efi)) return;
  const std::string path = "spec.artifacts.uki.keysVolume";
  if (uki->keys_volume.empty() && is_given(artifact, {"spec", "artifacts", "uki", "keysVolume"})) {
    report.error(place_of(artifact, path),
                 "spec.artifacts.uki.keysVolume is required when any of uki.iso, uki.container, or "
                 "uki.efi is true");
  }
  require_volume(artifact, volumes, path, uki->keys_volume, report);
}

void validate_bundles(const OSArtifact& artifact, Report& report) {
  const auto* bundles = artifact.source->find_path({"spec", "artifacts", "bundles"});
  for (std::size_t i = 0; bundles && i < bundles->items.size(); ++i) {
    const auto& bundle = bundles->items[i];
    const auto problem = bundle.is_scalar() ? reference_problem(bundle.scalar) : std::nullopt;
    if (problem) {
      report.error(place_of(bundle, fmt::format("spec.artifacts.bundles[{}]", i)), *problem);
    }
  }
}

void validate_artifacts(const OSArtifact& artifact, const Names& volumes, Report& report) {
  const auto& wanted = *artifact.artifacts;
  const bool has_uki = wanted.uki && (wanted.uki->iso || wanted.uki->container || wanted.uki->efi);
  if (!wanted.iso && !wanted.cloud_image && !wanted.azure_image && !wanted.gce_image &&
      !wanted.netboot && !has_uki) {
    report.error(place_of(artifact, "spec.artifacts"),
                 "spec.artifacts: at least one artifact type must be enabled (iso, cloudImage, "
                 "azureImage, gceImage, netboot, or uki.iso/uki.container/uki.efi)");
  }
  require_volume(artifact, volumes, "spec.artifacts.overlayISOVolume", wanted.overlay_iso_volume,
                 report);
  require_volume(artifact, volumes, "spec.artifacts.overlayRootfsVolume",
                 wanted.overlay_rootfs_volume, report);
  require_volume(artifact, volumes, "spec.artifacts.volume", wanted.volume, report);
  validate_uki(artifact, volumes, report);
  validate_bundles(artifact, report);
  if (!wanted.disk_size.empty() && !is_disk_size(wanted.disk_size)) {
    report.error(place_of(artifact, "spec.artifacts.diskSize"), "not a size of a disk",
                 "give a whole number of MiB without a unit, e.g. \"16384\" for 16 GiB");
  }
}

}  // namespace

void validate_spec(const OSArtifact& artifact, Report& report) {
  const auto volumes = validate_volumes(artifact, report);
  validate_image(artifact, volumes, report);
  if (artifact.artifacts) {
    validate_artifacts(artifact, volumes, report);
  } else if (!artifact.image.ref.empty()) {
    report.error(place_of(artifact, "spec.image.ref"),
                 "spec.artifacts is required when spec.image.ref is set (pre-built image); specify "
                 "which artifacts to produce (e.g. ISO, cloud image)");
  }
}

}  // namespace orchestrator::manifest
