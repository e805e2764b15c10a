// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/manifest/load.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/format.hpp"
#include "orchestrator/manifest/schema.hpp"
#include "orchestrator/manifest/secret_lines.hpp"
#include "orchestrator/manifest/validate.hpp"
#include "orchestrator/manifest/yaml.hpp"

namespace orchestrator::manifest {
namespace {

/// A kind of ours, and the one version of it that is read.
struct Kind {
  std::string_view name;
  std::string_view group;
  std::string_view version;
};

constexpr std::array<Kind, 3> kKinds = {{{"OSArtifact", "build.kairos.io", "v1alpha2"},
                                         {"NodeOp", "operator.kairos.io", "v1alpha1"},
                                         {"NodeOpUpgrade", "operator.kairos.io", "v1alpha1"}}};

std::string api_version(const Kind& kind) { return fmt::format("{}/{}", kind.group, kind.version); }

bool in_group(std::string_view version, std::string_view group) {
  return version.substr(0, version.find('/')) == group;
}

bool is_list_of_ours(std::string_view kind) {
  return std::any_of(kKinds.begin(), kKinds.end(), [kind](const Kind& known) {
    return kind.starts_with(known.name) && kind.substr(known.name.size()) == "List";
  });
}

/// Sorts the documents of a file into typed ones.
class Loader {
 public:
  Loader(Documents& documents, Report& report) : documents_(documents), report_(report) {}
  void take(Node document);

 private:
  void take_kind(const Kind& kind, Node document);
  template <typename Document>
  void take_resource(const Kind& kind, Node node, Document (*decode)(Node),
                     void (*validate)(const Document&, Report&), std::vector<Document>& list);
  void take_list(Node document);
  void take_other(const Node& document, const std::string& kind);
  template <typename Document>
  void keep(std::vector<Document>& list, Document document, std::string_view kind);

  Documents& documents_;
  Report& report_;
};

void Loader::take(Node document) {
  if (!document.is_mapping()) {
    report_.error(place_of(document, ""), "a document must be a mapping",
                  "it begins with apiVersion and kind");
    return;
  }
  const auto kind = document.text_of("kind");
  const auto version = document.text_of("apiVersion");
  const auto ours = std::find_if(kKinds.begin(), kKinds.end(), [&](const Kind& known) {
    return known.name == kind && (version.empty() || in_group(version, known.group));
  });
  if (kind.empty()) {
    report_.error({document.position, 1, ""}, "missing required field \"kind\"");
  } else if (ours != kKinds.end()) {
    take_kind(*ours, std::move(document));
  } else if (kind == "Secret" && version == "v1") {
    keep(documents_.secrets, read_secret(document, report_), "secret");
  } else if (kind == "ConfigMap" && version == "v1") {
    keep(documents_.config_maps, read_config_map(document, report_), "configmap");
  } else if (kind == "List" || is_list_of_ours(kind)) {
    take_list(std::move(document));
  } else {
    take_other(document, kind);
  }
}

void Loader::take_kind(const Kind& kind, Node document) {
  const auto version = document.text_of("apiVersion");
  if (!version.empty() && version != api_version(kind)) {
    report_.error(place_of(*document.find("apiVersion"), "apiVersion"),
                  fmt::format("{} of \"{}\" is not supported", kind.name, version),
                  fmt::format("write it as {}", api_version(kind)));
    return;
  }
  if (kind.name == "OSArtifact") {
    take_resource(kind, std::move(document), decode_osartifact, validate_spec,
                  documents_.artifacts);
  } else if (kind.name == "NodeOp") {
    take_resource(kind, std::move(document), decode_node_op, validate_node_op, documents_.node_ops);
  } else {
    take_resource(kind, std::move(document), decode_node_op_upgrade, validate_node_op_upgrade,
                  documents_.node_op_upgrades);
  }
}

template <typename Document>
void Loader::take_resource(const Kind& kind, Node node, Document (*decode)(Node),
                           void (*validate)(const Document&, Report&),
                           std::vector<Document>& list) {
  check_schema(node, kind.name, "", report_);
  auto document = decode(std::move(node));
  validate_metadata(document, report_);
  validate(document, report_);
  keep(list, std::move(document), kind.name);
}

template <typename Document>
void Loader::keep(std::vector<Document>& list, Document document, std::string_view kind) {
  const auto first = std::find_if(list.begin(), list.end(), [&](const Document& other) {
    return other.name == document.name && other.namespace_ == document.namespace_;
  });
  if (first != list.end() && !document.name.empty()) {
    report_.error(
        {document.position, 1, "metadata.name"},
        fmt::format("{} \"{}\" is given twice in namespace \"{}\"", kind, document.name,
                    document.namespace_),
        fmt::format("the first is at {}:{}", first->position.line, first->position.column));
    return;
  }
  list.push_back(std::move(document));
}

void Loader::take_list(Node document) {
  const auto items = std::find_if(document.members.begin(), document.members.end(),
                                  [](const Member& member) { return member.key == "items"; });
  if (items == document.members.end() || !items->value.is_sequence()) {
    report_.error({document.position, 1, "items"}, "a List must have items");
    return;
  }
  for (auto& item : items->value.items) take(std::move(item));
}

void Loader::take_other(const Node& document, const std::string& kind) {
  const auto place = place_of(*document.find("kind"), "kind");
  const auto version = document.text_of("apiVersion");
  std::vector<std::string> names;
  for (const auto& known : kKinds) {
    if (!in_group(version, known.group)) continue;
    names.emplace_back(known.name);
    names.push_back(fmt::format("{}List", known.name));
  }
  if (!names.empty()) {
    const auto meant = base::nearest(kind, names);
    report_.error(place, fmt::format("unknown kind \"{}\"", kind),
                  meant.empty() ? "" : fmt::format("did you mean \"{}\"?", meant));
    return;
  }
  report_.warning(place, fmt::format("{} is not read here: this document is skipped", kind));
}

void report_problems(const ParsedYaml& parsed, Report& report) {
  for (const auto& problem : parsed.problems) {
    report.error({problem.position, problem.length, ""}, problem.message, problem.hint);
  }
  if (parsed.fatal) {
    report.error({parsed.fatal->position, parsed.fatal->length, ""}, parsed.fatal->message,
                 parsed.fatal->hint);
  }
}

}  // namespace

bool ManifestResult::ok() const {
  return std::none_of(diagnostics.begin(), diagnostics.end(),
                      [](const Diagnostic& d) { return d.severity == Severity::kError; });
}

ManifestResult load_manifest(std::string_view text, std::string file_name) {
  ManifestResult result;
  const SourceText source(text);
  Report report(source, std::move(file_name));
  auto parsed = parse_yaml(source);
  hide_secret_lines(source, parsed, report);
  report_problems(parsed, report);
  Loader loader(result.documents, report);
  for (auto& document : parsed.documents) loader.take(std::move(document));
  for (const auto& artifact : result.documents.artifacts) {
    validate_references(artifact, result.documents, report);
  }
  for (const auto& op : result.documents.node_ops) {
    validate_pull_secrets(op, op.image_pull_secrets, result.documents, report);
  }
  for (const auto& upgrade : result.documents.node_op_upgrades) {
    validate_pull_secrets(upgrade, upgrade.image_pull_secrets, result.documents, report);
  }
  validate_outputs(result.documents.artifacts, report);
  if (result.documents.has_none_of_ours() && !report.has_errors()) {
    report.error({}, "there is no OSArtifact, NodeOp or NodeOpUpgrade in this file",
                 fmt::format("an OSArtifact has apiVersion {} and kind OSArtifact",
                             api_version(kKinds.front())));
  }
  result.diagnostics = report.finish();
  return result;
}

}  // namespace orchestrator::manifest
