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

constexpr std::string_view kGroup = "build.kairos.io/";
constexpr std::string_view kApiVersion = "build.kairos.io/v1alpha2";

/// Sorts the documents of a file into typed ones.
class Loader {
 public:
  Loader(Documents& documents, Report& report) : documents_(documents), report_(report) {}
  void take(Node document);

 private:
  void take_osartifact(Node document);
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
  if (kind.empty()) {
    report_.error({document.position, 1, ""}, "missing required field \"kind\"");
  } else if (kind == "OSArtifact" && (version.empty() || version.starts_with(kGroup))) {
    take_osartifact(std::move(document));
  } else if (kind == "Secret" && version == "v1") {
    keep(documents_.secrets, read_secret(document, report_), "secret");
  } else if (kind == "ConfigMap" && version == "v1") {
    keep(documents_.config_maps, read_config_map(document, report_), "configmap");
  } else if (kind == "List" || kind == "OSArtifactList") {
    take_list(std::move(document));
  } else {
    take_other(document, kind);
  }
}

void Loader::take_osartifact(Node document) {
  const auto version = document.text_of("apiVersion");
  if (!version.empty() && version != kApiVersion) {
    report_.error(place_of(*document.find("apiVersion"), "apiVersion"),
                  fmt::format("OSArtifact of \"{}\" is not supported", version),
                  fmt::format("write it as {}", kApiVersion));
    return;
  }
  check_schema(document, "OSArtifact", "", report_);
  auto artifact = decode_osartifact(std::move(document));
  validate_metadata(artifact, report_);
  validate_spec(artifact, report_);
  keep(documents_.artifacts, std::move(artifact), "OSArtifact");
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
  constexpr std::array<std::string_view, 2> kKinds = {"OSArtifact", "OSArtifactList"};
  const auto place = place_of(*document.find("kind"), "kind");
  const auto meant = base::nearest(kind, kKinds);
  if (document.text_of("apiVersion").starts_with(kGroup)) {
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
  validate_outputs(result.documents.artifacts, report);
  if (result.documents.artifacts.empty() && !report.has_errors()) {
    report.error({}, "there is no OSArtifact in this file",
                 fmt::format("one has apiVersion {} and kind OSArtifact", kApiVersion));
  }
  result.diagnostics = report.finish();
  return result;
}

}  // namespace orchestrator::manifest
