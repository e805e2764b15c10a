// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/build_definition.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "orchestrator/kairos_definition.hpp"
#include "orchestrator/templates/render.hpp"

namespace orchestrator {
namespace {

constexpr const char* kSpecField = "spec.image.ociSpec.ref";
constexpr const char* kValuesField = "spec.image.ociSpec.templateValuesFrom";
constexpr const char* kDefaultKey = "ociSpec";

int count_lines(std::string_view text) {
  return static_cast<int>(std::count(text.begin(), text.end(), '\n'));
}

/// All keys of the Secret count, whichever is named, as the operator has it; inline values win.
templates::Values values_of(const SecretFinder& secrets, const manifest::OSArtifact& artifact,
                            std::vector<base::Secret>& from_secret) {
  const auto& spec = *artifact.image.oci_spec;
  templates::Values values = spec.template_values;
  if (!spec.template_values_from) return values;
  for (auto& [key, value] :
       secrets.required_values(artifact, spec.template_values_from->name, kValuesField)) {
    if (values.emplace(key, value.reveal()).second) from_secret.push_back(value);
  }
  return values;
}

void tell_missing(Session& session, const templates::Rendered& rendered, const std::string& name) {
  if (rendered.missing.empty()) return;
  const bool strict = session.options().strict_templates;
  std::string all;
  for (const auto& missing : rendered.missing) {
    const auto text =
        fmt::format("{}:{}: no value is given for \"{}\"", name, missing.line, missing.key);
    if (!strict) session.warn(text + ": it is empty");
    all += (all.empty() ? "" : "; ") + text;
  }
  if (!strict) return;
  throw base::Error({.code = base::ErrorCode::kManifest,
                     .what = fmt::format("the template {} lacks values (--strict-templates)", name),
                     .why = all,
                     .hint = "give them in templateValues or templateValuesFrom; an empty text is "
                             "a value too"});
}

}  // namespace

void BuildDefinition::check_from(int line) const {
  const auto at = line - user_line;
  if (!mixed || at < 0 || static_cast<std::size_t>(at) >= user_lines.size()) return;
  throw base::Error({.code = base::ErrorCode::kManifest,
                     .what = fmt::format("{}:{}: FROM is not allowed here", name,
                                         user_lines[static_cast<std::size_t>(at)]),
                     .why = "spec.image.buildOptions is set: its baseImage is what this builds on",
                     .hint = "remove the FROM, or buildOptions to write the whole definition"});
}

BuildDefinition read_build_definition(Session& session, const SecretFinder& secrets,
                                      const manifest::OSArtifact& artifact) {
  const auto& image = artifact.image;
  BuildDefinition definition;
  definition.name = "spec.image.buildOptions";
  std::string user;
  definition.user_line = 0;
  if (image.oci_spec && image.oci_spec->ref) {
    auto selector = *image.oci_spec->ref;
    if (selector.key.empty()) selector.key = kDefaultKey;
    definition.name = fmt::format("{}/{}", selector.name, selector.key);
    const auto text = secrets.value(artifact, selector, kSpecField);
    const auto values = values_of(secrets, artifact, definition.secrets);
    auto rendered = templates::render(text.reveal(), values, definition.name);
    tell_missing(session, rendered, definition.name);
    user = std::move(rendered.text);
    definition.user_lines = std::move(rendered.lines);
    definition.user_line = 1;
  }
  if (!image.build_options) {
    definition.text = std::move(user);
    return definition;
  }
  definition.arguments = kairos_arguments(*image.build_options);
  definition.mixed = definition.user_line != 0;
  const std::string head(kairos_head());
  definition.text = head + "\n";
  if (definition.mixed) {
    definition.user_line = count_lines(definition.text) + 1;
    definition.text += user + "\n\n";
  }
  definition.text += kairos_tail();
  return definition;
}

}  // namespace orchestrator
