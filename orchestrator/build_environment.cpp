// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/build_environment.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/error.hpp"

namespace orchestrator {
namespace {

constexpr const char* kField = "spec.image.buildEnv";

using Variables = std::map<std::string, BuildVariable>;

/// Puts earlier variables in for $(NAME); $$ is a dollar sign, and what is not there stays.
BuildVariable expand(const std::string& text, const Variables& known) {
  std::string out;
  bool is_secret = false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '$' || at + 1 == text.size()) {
      out += text[at];
      continue;
    }
    const auto end = text[at + 1] == '(' ? text.find(')', at) : std::string::npos;
    const auto found =
        end == std::string::npos ? known.end() : known.find(text.substr(at + 2, end - at - 2));
    if (text[at + 1] == '$') {
      out += '$';
      ++at;
    } else if (found == known.end()) {
      out += '$';
    } else {
      out += found->second.value.reveal();
      is_secret = is_secret || found->second.is_secret;
      at = end;
    }
  }
  return {base::Secret(std::move(out)), is_secret};
}

class Reader {
 public:
  Reader(const SecretFinder& secrets, const manifest::Documents& documents,
         const manifest::OSArtifact& artifact)
      : secrets_(secrets), documents_(documents), artifact_(artifact) {}

  Variables run() {
    for (const auto& variable : artifact_.image.build_env) {
      const auto name = variable.value("name", "");
      const auto from = variable.find("valueFrom");
      const bool given = from != variable.end() && from->is_object() && !from->empty();
      auto value = given ? value_from(name, *from)
                         : std::optional(expand(variable.value("value", ""), known_));
      if (value) known_.insert_or_assign(name, std::move(*value));
    }
    return std::move(known_);
  }

 private:
  static std::string text_of(const nlohmann::json& object, const char* key) {
    const auto found = object.find(key);
    return found != object.end() && found->is_string() ? found->get<std::string>() : "";
  }

  static bool is_optional(const nlohmann::json& object) {
    const auto found = object.find("optional");
    return found != object.end() && found->is_boolean() && found->get<bool>();
  }

  /// nullopt: the variable is not set.
  std::optional<BuildVariable> value_from(const std::string& name, const nlohmann::json& from) {
    const auto& kind = from.begin().key();
    const auto& source = from.begin().value();
    if (kind == "secretKeyRef") return of_secret(source);
    if (kind == "configMapKeyRef") return of_config_map(name, source);
    if (kind == "fieldRef") {
      const auto path = text_of(source, "fieldPath");
      if (path == "metadata.name") return BuildVariable{base::Secret(artifact_.name)};
      if (path == "metadata.namespace") return BuildVariable{base::Secret(artifact_.namespace_)};
    }
    throw base::Error({.code = base::ErrorCode::kUnsupported,
                       .what = fmt::format("{}: the variable {} cannot be had here", kField, name),
                       .why = fmt::format("a {} is known to a pod alone", kind),
                       .hint = "give it a value, a secretKeyRef or a configMapKeyRef"});
  }

  std::optional<BuildVariable> of_secret(const nlohmann::json& source) {
    const manifest::SecretKeySelector selector{.name = text_of(source, "name"),
                                               .key = text_of(source, "key")};
    if (is_optional(source)) {
      const auto values = secrets_.all_values(artifact_, selector.name);
      if (!values || !values->contains(selector.key)) return std::nullopt;
      return BuildVariable{values->at(selector.key), true};
    }
    return BuildVariable{secrets_.value(artifact_, selector, kField), true};
  }

  std::optional<BuildVariable> of_config_map(const std::string& name,
                                             const nlohmann::json& source) {
    const auto map_name = text_of(source, "name");
    const auto key = text_of(source, "key");
    if (const auto* map = documents_.find_config_map(artifact_.namespace_, map_name)) {
      if (const auto found = map->data.find(key); found != map->data.end()) {
        return BuildVariable{base::Secret(found->second)};
      }
    }
    if (is_optional(source)) return std::nullopt;
    throw base::Error(
        {.code = base::ErrorCode::kManifest,
         .what = fmt::format("{}: the variable {} has no value", kField, name),
         .why = fmt::format("there is no ConfigMap '{}' with a key '{}' beside the OSArtifact",
                            map_name, key),
         .hint = "put the ConfigMap into the same file"});
  }

  const SecretFinder& secrets_;
  const manifest::Documents& documents_;
  const manifest::OSArtifact& artifact_;
  Variables known_;
};

}  // namespace

std::map<std::string, BuildVariable> build_environment(const SecretFinder& secrets,
                                                       const manifest::Documents& documents,
                                                       const manifest::OSArtifact& artifact) {
  return Reader(secrets, documents, artifact).run();
}

}  // namespace orchestrator
