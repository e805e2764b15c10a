// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>

#include "orchestrator/manifest/node.hpp"
#include "orchestrator/manifest/report.hpp"

// What may stand in an OSArtifact, NodeOp and NodeOpUpgrade, as tables. A type is written:
//   string boolean int32 int64 quantity int-or-string any arch artifact-name, or a name of a table;
//   []T a list of T; [key]T a list of T whose `key` (or keys a,b) differ; [=]T a list of different
//   scalars; {}T a mapping from text to T.
// Source: the CRDs of kairos-operator v0.1.3 (OSArtifact v1alpha2, NodeOp and NodeOpUpgrade
// v1alpha1), which embed the core/v1 and batch/v1 types of Kubernetes.

namespace orchestrator::manifest {

inline constexpr bool kRequired = true;

/// One field of a type.
struct Field {
  std::string_view name;
  std::string_view type;
  bool required = false;
  /// What to say when a required field is absent, where the operator has words of its own; {} is
  /// the path of the object it belongs to.
  std::string_view absent = {};
};

/// A named type with its fields.
struct TypeSchema {
  std::string_view name;
  std::span<const Field> fields;
};

std::span<const TypeSchema> node_op_types();
std::span<const TypeSchema> osartifact_types();
std::span<const TypeSchema> container_types();
std::span<const TypeSchema> job_types();
std::span<const TypeSchema> scheduling_types();
std::span<const TypeSchema> volume_types();

/// The table of a type; nullptr when `name` is not a table's name.
const TypeSchema* find_type(std::string_view name);

/// Reports everything in `node` that is not as `type` says: unknown fields, wrong types, absent
/// required fields, entries of a list that should differ and do not. `path` is for messages.
void check_schema(const Node& node, std::string_view type, const std::string& path, Report& report);

/// `node` as JSON. The type decides: what should be a string stays verbatim, whatever it looks
/// like. Nulls are left out. `node` has passed check_schema.
nlohmann::json to_json(const Node& node, std::string_view type);

}  // namespace orchestrator::manifest
