// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/reference_pages.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>
#include <set>
#include <vector>

#include "orchestrator/field_texts.hpp"
#include "orchestrator/manifest/schema.hpp"

namespace orchestrator {
namespace {

using manifest::TypeSchema;

constexpr std::string_view kMade =
    "<!-- Made from the program's own tables: UPDATE_DOCS=1 ctest --preset dev -R docs -->\n";

struct Example {
  std::string_view title;
  std::string_view text;
};

constexpr Example kExamples[] = {
    {"An ISO with a cloud-config, of an image in a private registry", R"(apiVersion: v1
kind: Secret
metadata:
  name: registry-login
type: kubernetes.io/dockerconfigjson
stringData:
  .dockerconfigjson: |
    {"auths": {"registry.example.com": {"username": "me", "password": "secret"}}}
---
apiVersion: v1
kind: Secret
metadata:
  name: cloud-config
stringData:
  userdata: |
    #cloud-config
    hostname: demo
---
apiVersion: build.kairos.io/v1alpha2
kind: OSArtifact
metadata:
  name: demo
spec:
  image:
    ref: registry.example.com/team/debian:12
    imageCredentialsSecretRef:
      name: registry-login
  artifacts:
    iso: true
    # cloudImage: true
    cloudConfigRef:
      name: cloud-config
      key: userdata
)"},
    {"A Dockerfile, built and pushed, and files to boot it from a network", R"(apiVersion: v1
kind: Secret
metadata:
  name: definition
stringData:
  ociSpec: |
    FROM registry.example.com/team/debian:12
    RUN echo web > /etc/hostname
---
apiVersion: build.kairos.io/v1alpha2
kind: OSArtifact
metadata:
  name: web
spec:
  image:
    ociSpec:
      ref:
        name: definition
    imageCredentialsSecretRef:
      name: registry-login
    buildImage:
      registry: registry.example.com
      repository: team/web
      tag: "1"
    push: true
  artifacts:
    netboot: true
    netbootURL: http://boot.example.com/web
)"},
    {"Files of this machine, laid over those of the image", R"(apiVersion: build.kairos.io/v1alpha2
kind: OSArtifact
metadata:
  name: overlaid
spec:
  image:
    ref: registry.example.com/team/debian:12
  artifacts:
    iso: true
    overlayRootfsVolume: files
  volumes:
    - name: files
      hostPath:
        path: /srv/overlaid
)"},
};

/// Where Secrets come from, and which of their forms count.
constexpr std::string_view kSecrets =
    "A Secret that a field names is looked for in the same file (with the values in stringData as "
    "they are, or in data in base64), then in --secrets DIR, a folder for each with a file for "
    "each key, then in $CREDENTIALS_DIRECTORY. One with credentials is as `kubectl create secret "
    "docker-registry` makes it.";

/// Where a type stands in a manifest, and the type.
struct Place {
  std::string path;
  const TypeSchema* type;
};

/// Our types that `type` is made of, in order; each once, where it stands first.
void collect(const std::string& path, const TypeSchema& type, std::set<std::string_view>& seen,
             std::vector<Place>& places) {
  if (!seen.insert(type.name).second) return;
  places.push_back({path, &type});
  for (const auto& field : type.fields) {
    const auto* below = manifest::find_type(field.type);
    const bool described = below != nullptr && !below->fields.empty() &&
                           !text_of_field(below->name, below->fields.front().name).empty();
    if (described) collect(fmt::format("{}.{}", path, field.name), *below, seen, places);
  }
}

std::vector<Place> places() {
  std::vector<Place> found;
  std::set<std::string_view> seen;
  for (const auto* kind : {"OSArtifact", "NodeOp", "NodeOpUpgrade"}) {
    const auto* top = manifest::find_type(kind);
    found.push_back({kind, top});
    // The first is what a manifest without a word before is about.
    const auto path = found.size() == 1 ? std::string("spec") : fmt::format("{} spec", kind);
    for (const auto& field : top->fields) {
      if (field.name == "spec") collect(path, *manifest::find_type(field.type), seen, found);
    }
  }
  return found;
}

/// "[]EnvVar" as a reader would say it.
std::string type_text(std::string_view type) {
  if (type.starts_with("[")) {
    const auto end = type.find(']');
    return fmt::format("list of {}", type_text(type.substr(end + 1)));
  }
  if (type.starts_with("{}")) return fmt::format("names with {}s", type_text(type.substr(2)));
  return std::string(type);
}

/// A cell of a table of Markdown.
std::string cell(std::string_view text) {
  std::string out;
  for (const char character : text) {
    if (character == '|') out += '\\';
    out += character;
  }
  return out;
}

void commands_in(const CommandHelp& command, const std::string& path,
                 const std::function<void(const CommandHelp&, const std::string&)>& visit) {
  for (const auto& below : command.commands) {
    const auto name = path + " " + below.name;
    if (below.commands.empty()) visit(below, name);
    commands_in(below, name, visit);
  }
}

std::string flag_rows(const CommandHelp& command) {
  std::string rows;
  for (const auto& option : command.options) {
    if (option.flags.empty()) {
      if (option.choices.empty()) {
        rows += fmt::format("| `{}` | {} | |\n", option.name, cell(option.text));
      }
      continue;
    }
    if (option.flags.back() == "--help") continue;
    const auto flags = fmt::format("{}{}{}", fmt::join(option.flags, ", "),
                                   option.value.empty() ? "" : " ", option.value);
    const auto variable = option.variable.empty() ? "" : fmt::format("`{}`", option.variable);
    rows += fmt::format("| `{}` | {} | {} |\n", cell(flags), cell(option.text), variable);
  }
  return rows.empty() ? "" : "| argument, flag | | variable |\n|---|---|---|\n" + rows;
}

std::string escaped(std::string_view text) {
  std::string out;
  for (const char character : text) out += character == '-' ? "\\-" : std::string(1, character);
  return out;
}

}  // namespace

std::string flags_page(const CommandHelp& program) {
  std::string page = fmt::format(
      "{}# Commands and flags\n\n`osartifact COMMAND --help` shows the same. A variable counts "
      "where its flag is not given; several values of one that may be repeated stand in it with "
      "blanks between.\n\n## Every command\n\n{}",
      kMade, flag_rows(program));
  commands_in(program, "osartifact", [&](const CommandHelp& command, const std::string& path) {
    std::string arguments;
    for (const auto& option : command.options) {
      if (!option.flags.empty()) continue;
      arguments += " " + synopsis(option);
    }
    page += fmt::format("\n## {}{}\n\n{}.\n", path, arguments, command.text);
    if (const auto rows = flag_rows(command); !rows.empty()) page += "\n" + rows;
  });
  return page;
}

std::string manifest_page() {
  std::string page = fmt::format(
      "{}# The manifest\n\nOSArtifact (`build.kairos.io/v1alpha2`), NodeOp and "
      "NodeOpUpgrade (`operator.kairos.io/v1alpha1`) as the Kairos operator takes them, "
      "fields in the order of the alphabet. `osartifact validate FILE` checks one; required fields "
      "are in bold. Types that are not described here are those of Kubernetes; "
      "[images.md](images.md), [artifacts.md](artifacts.md), [tools.md](tools.md), "
      "[uki.md](uki.md) and [node-operations.md](node-operations.md) say more of what fields "
      "do.\n",
      kMade);
  for (const auto& [path, type] : places()) {
    page += fmt::format("\n## {}\n\n| field | type | |\n|---|---|---|\n", path);
    for (const auto& field : type->fields) {
      const auto* mark = field.required ? "**" : "";
      page += fmt::format("| {}`{}`{} | {} | {} |\n", mark, field.name, mark, type_text(field.type),
                          cell(text_of_field(type->name, field.name)));
    }
  }
  page += fmt::format("\n## Secrets\n\n{}\n\n## Examples\n", kSecrets);
  for (const auto& [title, text] : kExamples) {
    page += fmt::format("\n{}:\n\n```yaml\n{}```\n", title, text);
  }
  return page;
}

std::string manifest_manual_page(const std::string& version) {
  std::string page = fmt::format(
      ".TH OSARTIFACT 5 \"\" \"osartifact {}\" \"File Formats\"\n.SH NAME\n"
      "osartifact \\- the manifest of what osartifact(1) builds\n.SH DESCRIPTION\n"
      "A YAML file with one or more documents: OSArtifacts (build.kairos.io/v1alpha2), NodeOps and "
      "NodeOpUpgrades (operator.kairos.io/v1alpha1), and the Secrets and ConfigMaps that they "
      "name. "
      "`osartifact validate FILE` shows every error of one. Types that are not described here are "
      "those of Kubernetes.\n",
      version);
  for (const auto& [path, type] : places()) {
    page += fmt::format(".SH {}\n", escaped(path));
    for (const auto& field : type->fields) {
      page += fmt::format(".TP\n\\fB{}\\fR ({}{})\n{}\n", field.name,
                          escaped(type_text(field.type)), field.required ? ", required" : "",
                          escaped(text_of_field(type->name, field.name)));
    }
  }
  page += fmt::format(".SH SECRETS\n{}\n.SH EXAMPLES\n", escaped(kSecrets));
  for (const auto& [title, text] : kExamples) {
    page += fmt::format(".SS {}\n.in +4n\n.nf\n{}.fi\n.in\n.PP\n", escaped(title), escaped(text));
  }
  return page + ".SH SEE ALSO\n.BR osartifact (1)\n";
}

}  // namespace orchestrator
