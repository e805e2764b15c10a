// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/container_environment.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>

#include "base/error.hpp"

namespace orchestrator {
namespace {

using Values = std::map<std::string, base::Secret>;

std::string text_of(const nlohmann::json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

bool is_optional(const nlohmann::json& object) {
  const auto found = object.find("optional");
  return found != object.end() && found->is_boolean() && found->get<bool>();
}

nlohmann::json list_of(const nlohmann::json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_array() ? *found : nlohmann::json::array();
}

/// Puts variables in for $(NAME), and says whether one of them was a secret.
ContainerVariable expand(const std::string& text, const std::vector<ContainerVariable>& variables) {
  std::string out;
  bool is_secret = false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const bool last = at + 1 == text.size();
    if (text[at] == '$' && !last && text[at + 1] == '$') {
      out += '$';
      ++at;
      continue;
    }
    const auto end =
        text[at] == '$' && !last && text[at + 1] == '(' ? text.find(')', at) : std::string::npos;
    const auto found = std::find_if(variables.rbegin(), variables.rend(), [&](const auto& one) {
      return end != std::string::npos && one.name == text.substr(at + 2, end - at - 2);
    });
    if (found == variables.rend()) {
      out += text[at];
      continue;
    }
    out += found->value.reveal();
    is_secret = is_secret || found->is_secret;
    at = end;
  }
  return {.name = "", .value = base::Secret(std::move(out)), .is_secret = is_secret};
}

class Reader {
 public:
  Reader(const SecretFinder& secrets, const manifest::Documents& documents,
         const manifest::OSArtifact& artifact)
      : secrets_(secrets), documents_(documents), artifact_(artifact) {}

  [[nodiscard]] std::vector<ContainerVariable> result() && { return std::move(known_); }

  void add_sources(const nlohmann::json& list, const std::string& field) {
    for (const auto& source : list) add_all(source, field);
  }

  void add_variables(const nlohmann::json& list, const std::string& field) {
    for (const auto& variable : list) {
      const auto from = variable.find("valueFrom");
      const bool given = from != variable.end() && from->is_object() && !from->empty();
      auto name = text_of(variable, "name");
      auto found = given ? value_from(name, *from, field)
                         : std::optional(expand(text_of(variable, "value"), known_));
      if (!found) continue;
      found->name = std::move(name);
      set(std::move(*found));
    }
  }

 private:
  void set(ContainerVariable variable) {
    std::erase_if(known_, [&](const ContainerVariable& one) { return one.name == variable.name; });
    known_.push_back(std::move(variable));
  }

  void add_all(const nlohmann::json& source, const std::string& field) {
    const auto prefix = text_of(source, "prefix");
    for (const auto* kind : {"secretRef", "configMapRef"}) {
      const auto reference = source.find(kind);
      if (reference == source.end() || !reference->is_object()) continue;
      const auto name = text_of(*reference, "name");
      const bool is_secret = std::string_view(kind) == "secretRef";
      const auto values = is_secret ? secrets_.all_values(artifact_, name)
                                    : secrets_.config_map_values(artifact_, name);
      if (!values && !is_optional(*reference)) {
        fail(fmt::format("{}: there is no {} '{}'", field, is_secret ? "secret" : "ConfigMap",
                         name));
      }
      for (const auto& [key, value] : values.value_or(Values{})) {
        set({.name = prefix + key, .value = value, .is_secret = is_secret});
      }
    }
  }

  /// nullopt: the variable is not set.
  std::optional<ContainerVariable> value_from(const std::string& name, const nlohmann::json& from,
                                              const std::string& field) {
    const auto& kind = from.begin().key();
    const auto& source = from.begin().value();
    if (kind == "secretKeyRef" || kind == "configMapKeyRef") {
      const bool is_secret = kind == "secretKeyRef";
      const auto object = text_of(source, "name");
      const auto key = text_of(source, "key");
      if (is_secret && !is_optional(source)) {
        return known(secrets_.value(artifact_, {.name = object, .key = key}, field), true);
      }
      const auto values = is_secret ? secrets_.all_values(artifact_, object)
                                    : secrets_.config_map_values(artifact_, object);
      if (values && values->contains(key)) return known(values->at(key), is_secret);
      if (is_optional(source)) return std::nullopt;
      fail(fmt::format("{}: there is no ConfigMap '{}' with a key '{}', for {}", field, object, key,
                       name));
    }
    if (kind == "fieldRef") {
      const auto path = text_of(source, "fieldPath");
      if (path == "metadata.name") return known(base::Secret(artifact_.name));
      if (path == "metadata.namespace") return known(base::Secret(artifact_.namespace_));
    }
    throw base::Error({.code = base::ErrorCode::kUnsupported,
                       .what = fmt::format("{}: the variable {} cannot be had here", field, name),
                       .why = fmt::format("a {} is known to a pod alone", kind),
                       .hint = "give it a value, a secretKeyRef or a configMapKeyRef"});
  }

  static ContainerVariable known(base::Secret value, bool is_secret = false) {
    return {.name = "", .value = std::move(value), .is_secret = is_secret};
  }

  [[noreturn]] static void fail(std::string what) {
    throw base::Error({.code = base::ErrorCode::kManifest,
                       .what = std::move(what),
                       .why = "",
                       .hint = "put it beside the OSArtifact, in its namespace"});
  }

  const SecretFinder& secrets_;
  const manifest::Documents& documents_;
  const manifest::OSArtifact& artifact_;
  std::vector<ContainerVariable> known_;
};

}  // namespace

base::Secret expand_references(const std::string& text,
                               const std::vector<ContainerVariable>& variables) {
  return expand(text, variables).value;
}

std::vector<ContainerVariable> read_environment(const SecretFinder& secrets,
                                                const manifest::Documents& documents,
                                                const manifest::OSArtifact& artifact,
                                                const nlohmann::json& list,
                                                const std::string& field) {
  Reader reader(secrets, documents, artifact);
  reader.add_variables(list, field);
  return std::move(reader).result();
}

std::vector<ContainerVariable> container_environment(const SecretFinder& secrets,
                                                     const manifest::Documents& documents,
                                                     const manifest::OSArtifact& artifact,
                                                     const nlohmann::json& container,
                                                     const std::string& field) {
  Reader reader(secrets, documents, artifact);
  reader.add_sources(list_of(container, "envFrom"), field + ".envFrom");
  reader.add_variables(list_of(container, "env"), field + ".env");
  return std::move(reader).result();
}

}  // namespace orchestrator
