// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace orchestrator::manifest {

/// A place in a text: line and column of its first character, both from 1; a column is a Unicode
/// code point.
struct Position {
  std::size_t line = 1;
  std::size_t column = 1;
  friend bool operator==(const Position&, const Position&) = default;
};

/// How Kubernetes reads a plain (unquoted) scalar. Source: YAML 1.1 types, as sigs.k8s.io/yaml
/// resolves them.
enum class ScalarType { kNull, kBoolean, kInteger, kFloat, kString };

struct Member;

/// One value of a parsed YAML document, aliases and merge keys already replaced by what they name.
struct Node {
  enum class Kind { kNull, kScalar, kSequence, kMapping };

  Kind kind = Kind::kNull;
  bool plain = false;  ///< A scalar without quotes, not a block, not tagged as a string.
  Position position;
  std::string scalar;           ///< Verbatim: `1.10` stays "1.10", `no` stays "no".
  std::vector<Node> items;      ///< Of a sequence.
  std::vector<Member> members;  ///< Of a mapping, in stored order; keys are unique.

  [[nodiscard]] bool is_null() const { return kind == Kind::kNull; }
  [[nodiscard]] bool is_scalar() const { return kind == Kind::kScalar; }
  [[nodiscard]] bool is_sequence() const { return kind == Kind::kSequence; }
  [[nodiscard]] bool is_mapping() const { return kind == Kind::kMapping; }

  /// The member's value; nullptr when there is none, or this is not a mapping, or the value is
  /// null: in a manifest null means absent.
  [[nodiscard]] const Node* find(std::string_view key) const;
  /// As find(), for a path of keys: find_path({"spec", "image", "ref"}).
  [[nodiscard]] const Node* find_path(std::initializer_list<std::string_view> keys) const;
  /// The member with its key's position; nullptr as find().
  [[nodiscard]] const Member* find_member(std::string_view key) const;
  /// The scalar's text, or "" when the member is absent or not a scalar.
  [[nodiscard]] std::string text_of(std::string_view key) const;
};

/// A key of a mapping with its value.
struct Member {
  std::string key;
  Position key_position;
  Node value;
};

/// Type of a scalar or null node. Quoted scalars and blocks are strings.
ScalarType scalar_type(const Node& node);

/// true/false and YAML 1.1's yes, no, on, off, y, n, unquoted; nullopt for anything else.
std::optional<bool> as_boolean(const Node& node);

/// Decimal, 0x, 0b, 0o and leading-0 octal, with underscores, and floats without a fraction, all
/// unquoted; nullopt for anything else or beyond 64 bits.
std::optional<std::int64_t> as_integer(const Node& node);

/// An unquoted number that is not an integer, e.g. 0.5; nullopt for anything else.
std::optional<double> as_float(const Node& node);

}  // namespace orchestrator::manifest
