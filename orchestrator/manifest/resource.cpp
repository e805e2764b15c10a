// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/manifest/resource.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "orchestrator/manifest/grammar.hpp"

namespace orchestrator::manifest {

Position Resource::position_of(std::string_view path) const {
  const Node* node = source.get();
  auto found = position;
  while (node && !path.empty()) {
    const auto dot = path.find('.');
    const auto* member = node->find_member(path.substr(0, dot));
    if (!member) return position;
    found = member->key_position;
    node = &member->value;
    path = dot == std::string_view::npos ? std::string_view() : path.substr(dot + 1);
  }
  return found;
}

void take_document(Node document, Resource& resource) {
  resource.source = std::make_shared<const Node>(std::move(document));
  resource.position = resource.source->position;
  const auto* metadata = resource.source->find("metadata");
  if (!metadata) return;
  resource.name = metadata->text_of("name");
  if (resource.name.empty()) {
    resource.name = metadata->text_of("generateName");
    if (resource.name.ends_with('-')) resource.name.pop_back();
  }
  if (auto name = metadata->text_of("namespace"); !name.empty()) resource.namespace_ = name;
}

Report::Place place_of(const Resource& resource, const std::string& path) {
  Report::Place place{resource.position, 1, path};
  const Node* node = resource.source.get();
  for (auto rest = std::string_view(path); !rest.empty();) {
    const auto dot = std::min(rest.find('.'), rest.size());
    const auto* member = node->find_member(rest.substr(0, dot));
    if (!member) return place;
    node = &member->value;
    place.position = member->key_position;
    place.length = code_points(member->key);
    rest.remove_prefix(std::min(dot + 1, rest.size()));
  }
  return node->is_scalar() && !node->scalar.empty() ? place_of(*node, path) : place;
}

void validate_metadata(const Resource& resource, Report& report) {
  const auto* metadata = resource.source->find("metadata");
  const bool named = metadata && !metadata->text_of("name").empty();
  const std::string field = named ? "metadata.name" : "metadata.generateName";
  if (resource.name.empty()) {
    report.error(place_of(resource, "metadata.name"), "missing required field \"name\"");
  } else if (!is_dns_subdomain(resource.name)) {
    report.error(place_of(resource, field), "not a name of an object",
                 "use at most 253 lower-case letters, digits, - and ., beginning and ending with a "
                 "letter or digit");
  } else if (!named && resource.kind == "OSArtifact") {
    report.warning(
        place_of(resource, field),
        fmt::format("no metadata.name is given: the files are named \"{}\"", resource.name));
  }
  if (!is_dns_label(resource.namespace_)) {
    report.error(place_of(resource, "metadata.namespace"), "not a name of a namespace",
                 "use at most 63 lower-case letters, digits and -");
  }
}

}  // namespace orchestrator::manifest
