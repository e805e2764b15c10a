// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace orchestrator::manifest {

/// ^[a-z0-9]([-a-z0-9]*[a-z0-9])?$, 1 to 253 characters: what nameOverride takes.
bool is_artifact_name(std::string_view text);

/// A DNS-1123 subdomain: labels as above joined by dots, at most 253 characters.
bool is_dns_subdomain(std::string_view text);

/// A DNS-1123 label: as an artifact name, at most 63 characters. Namespaces are such.
bool is_dns_label(std::string_view text);

/// A Kubernetes quantity, e.g. 500m, 1.5, 2Gi, 1e3. Source: resource.Quantity's documentation.
bool is_quantity(std::string_view text);

/// Why `text` is not an image reference, or nullopt. Source: oci::Reference.
std::optional<std::string> reference_problem(std::string_view text);

/// artifacts.diskSize: a whole number of MiB without unit, 1 to 2^30.
bool is_disk_size(std::string_view text);

}  // namespace orchestrator::manifest
