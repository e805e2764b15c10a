// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/manifest/yaml.hpp"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <map>
#include <set>
#include <sstream>

#include "orchestrator/manifest/node.hpp"

namespace orchestrator::manifest {
namespace {

/// Ends the parse from inside a callback of yaml-cpp.
struct Refusal {
  TextProblem problem;
};

[[noreturn]] void refuse(Position position, std::string message, std::string hint = "") {
  throw Refusal{{position, 1, std::move(message), std::move(hint)}};
}

struct Weight {
  std::size_t nodes = 0;
  std::size_t bytes = 0;
  std::size_t depth = 0;
};

Weight weigh(const Node& node) {
  Weight weight{1, node.scalar.size(), 1};
  const auto add = [&weight](const Node& child) {
    const auto other = weigh(child);
    weight.nodes += other.nodes;
    weight.bytes += other.bytes;
    weight.depth = std::max(weight.depth, other.depth + 1);
  };
  for (const auto& item : node.items) add(item);
  for (const auto& member : node.members) {
    weight.bytes += member.key.size();
    add(member.value);
  }
  return weight;
}

/// Byte offset of a node's content, past its tag and anchor.
std::size_t skip_properties(std::string_view text, std::size_t at) {
  while (at < text.size() && (text[at] == '&' || text[at] == '!')) {
    at = std::min(text.find_first_of(" \t\n", at), text.size());
    at = std::min(text.find_first_not_of(" \t\n", at), text.size());
  }
  return at;
}

/// yaml-cpp takes the end of the file for the end of a quoted text; Kubernetes does not.
bool is_unclosed(std::string_view text, std::size_t at) {
  at = skip_properties(text, at);
  if (at >= text.size() || (text[at] != '"' && text[at] != '\'')) return false;
  const char quote = text[at];
  for (++at; at < text.size(); ++at) {
    if (quote == '"' && text[at] == '\\') {
      ++at;
    } else if (text[at] == quote) {
      if (quote == '"' || !text.substr(at + 1).starts_with('\'')) return false;
      ++at;
    }
  }
  return true;
}

/// Turns yaml-cpp's byte marks into code point columns. Marks come mostly in order, so counting
/// goes on from the last one: a line of megabytes does not cost its square.
class Ruler {
 public:
  explicit Ruler(std::string_view text) : text_(text) {}

  Position at(const YAML::Mark& mark) {
    if (mark.is_null()) return {};
    const auto line = static_cast<std::size_t>(mark.line) + 1;
    const auto byte = std::min(static_cast<std::size_t>(mark.pos), text_.size());
    if (line != last_.line || byte < byte_) {
      const auto column = std::min(static_cast<std::size_t>(mark.column), byte);
      last_ = {line, 1};
      byte_ = byte - column;
    }
    last_.column += code_points(text_.substr(byte_, byte - byte_));
    byte_ = byte;
    return last_;
  }

 private:
  std::string_view text_;
  Position last_{0, 1};
  std::size_t byte_ = 0;
};

/// Builds our tree from yaml-cpp's events, which do not expand aliases: we do, within limits.
class TreeBuilder final : public YAML::EventHandler {
 public:
  TreeBuilder(std::string_view text, ParsedYaml& result)
      : text_(text), ruler_(text), result_(result) {}

  void OnDocumentStart(const YAML::Mark& mark) override {
    const auto begin = static_cast<std::size_t>(mark.pos);
    const bool marked = text_.substr(std::min(begin, text_.size())).starts_with("---");
    if (started_ && !marked && !after_document_end(begin)) {
      refuse(ruler_.at(mark), "this does not belong to the document above",
             "check the indentation, or begin a new document with ---");
    }
    started_ = true;
    anchors_.clear();
    open_anchors_.clear();
  }
  void OnDocumentEnd() override {
    if (!root_.is_null()) result_.documents.push_back(std::move(root_));
    root_ = Node{};
  }
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    complete(spent(new_node(mark, Node::Kind::kNull)), anchor);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override;
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override;
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value /*style*/) override {
    if (tag != "?" && tag != "!" && tag != "tag:yaml.org,2002:seq") refuse_tag(mark);
    open(mark, Node::Kind::kSequence, anchor);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value /*style*/) override {
    if (tag != "?" && tag != "!" && tag != "tag:yaml.org,2002:map") refuse_tag(mark);
    open(mark, Node::Kind::kMapping, anchor);
  }
  void OnMapEnd() override { close(); }

  [[nodiscard]] Position position_of(const YAML::Mark& mark) { return ruler_.at(mark); }

 private:
  struct Frame {
    Node node;
    YAML::anchor_t anchor;
    std::optional<Node> key;
    std::map<std::string, Position> seen;
    std::vector<Node> merges;
  };
  struct Anchored {
    Node node;
    Weight weight;
  };

  [[noreturn]] void refuse_tag(const YAML::Mark& mark) {
    // The tag is not quoted: a value that begins with ! by mistake may be a password.
    refuse(ruler_.at(mark), "this tag is not understood",
           "put a text that begins with ! in quotes");
  }
  [[nodiscard]] bool after_document_end(std::size_t begin) const;
  Node new_node(const YAML::Mark& mark, Node::Kind kind);
  Node spent(Node node);
  void spend(const Weight& weight, Position position);
  void open(const YAML::Mark& mark, Node::Kind kind, YAML::anchor_t anchor);
  void close();
  void complete(Node node, YAML::anchor_t anchor);
  void add_member(Frame& frame, Node value);
  void apply_merges(Frame& frame);
  void merge(Frame& frame, const Node& source);

  std::string_view text_;
  Ruler ruler_;
  ParsedYaml& result_;
  bool started_ = false;
  Node root_;
  std::vector<Frame> stack_;
  std::map<YAML::anchor_t, Anchored> anchors_;
  std::set<YAML::anchor_t> open_anchors_;
  std::size_t nodes_ = 0;
  std::size_t bytes_ = 0;
};

/// Whether the last line with content before byte `begin` is a document end marker.
bool TreeBuilder::after_document_end(std::size_t begin) const {
  auto before = text_.substr(0, begin);
  while (!before.empty()) {
    if (before.ends_with('\n')) before.remove_suffix(1);
    const auto newline = before.rfind('\n');
    const auto line = newline == std::string_view::npos ? before : before.substr(newline + 1);
    const auto first = line.find_first_not_of(" \t");
    if (line.starts_with("...")) return true;
    // A directive (%YAML) may stand between the marker and the document.
    const bool skipped = first == std::string_view::npos || line[first] == '#' || line[0] == '%';
    if (!skipped) return false;
    before = newline == std::string_view::npos ? std::string_view() : before.substr(0, newline + 1);
  }
  return true;
}

Node TreeBuilder::new_node(const YAML::Mark& mark, Node::Kind kind) {
  Node node;
  node.kind = kind;
  node.position = ruler_.at(mark);
  return node;
}

Node TreeBuilder::spent(Node node) {
  spend({1, node.scalar.size(), 1}, node.position);
  return node;
}

void TreeBuilder::spend(const Weight& weight, Position position) {
  nodes_ += weight.nodes;
  bytes_ += weight.bytes;
  if (nodes_ > kMaxYamlNodes || bytes_ > kMaxYamlScalarBytes) {
    refuse(position, fmt::format("the file grows too large (more than {} values)", kMaxYamlNodes),
           "use fewer anchors and aliases");
  }
  if (stack_.size() + weight.depth > kMaxYamlDepth) {
    refuse(position, fmt::format("nested deeper than {} levels", kMaxYamlDepth));
  }
}

void TreeBuilder::OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                           const std::string& value) {
  constexpr std::string_view kResolved[] = {"?", "tag:yaml.org,2002:int", "tag:yaml.org,2002:bool",
                                            "tag:yaml.org,2002:float", "tag:yaml.org,2002:null"};
  const bool resolved =
      std::find(std::begin(kResolved), std::end(kResolved), tag) != std::end(kResolved);
  if (!resolved && tag != "!" && tag != "tag:yaml.org,2002:str") refuse_tag(mark);
  auto node = new_node(mark, Node::Kind::kScalar);
  if (!resolved && is_unclosed(text_, static_cast<std::size_t>(mark.pos))) {
    refuse(node.position, "a quoted text is not closed");
  }
  node.plain = resolved;
  node.scalar = value;
  if (tag == "tag:yaml.org,2002:null") node.kind = Node::Kind::kNull;
  complete(spent(std::move(node)), anchor);
}

void TreeBuilder::OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) {
  const auto position = ruler_.at(mark);
  if (open_anchors_.contains(anchor)) refuse(position, "an alias stands inside what it names");
  const auto found = anchors_.find(anchor);
  if (found == anchors_.end()) refuse(position, "an alias names nothing");
  spend(found->second.weight, position);
  complete(found->second.node, YAML::NullAnchor);
}

void TreeBuilder::open(const YAML::Mark& mark, Node::Kind kind, YAML::anchor_t anchor) {
  auto node = spent(new_node(mark, kind));
  if (anchor != YAML::NullAnchor) open_anchors_.insert(anchor);
  stack_.push_back({std::move(node), anchor, std::nullopt, {}, {}});
}

void TreeBuilder::close() {
  auto frame = std::move(stack_.back());
  stack_.pop_back();
  apply_merges(frame);
  open_anchors_.erase(frame.anchor);
  complete(std::move(frame.node), frame.anchor);
}

void TreeBuilder::complete(Node node, YAML::anchor_t anchor) {
  if (anchor != YAML::NullAnchor) {
    const auto weight = weigh(node);
    spend({weight.nodes, weight.bytes, 0}, node.position);  // The copy kept for aliases counts too.
    anchors_.insert_or_assign(anchor, Anchored{node, weight});
  }
  if (stack_.empty()) {
    root_ = std::move(node);
    return;
  }
  auto& frame = stack_.back();
  if (frame.node.is_sequence()) {
    frame.node.items.push_back(std::move(node));
  } else if (frame.key) {
    add_member(frame, std::move(node));
  } else if (node.is_scalar()) {
    frame.key = std::move(node);
  } else {
    refuse(node.position, "a key must be a text");
  }
}

void TreeBuilder::add_member(Frame& frame, Node value) {
  auto key = std::move(*frame.key);
  frame.key.reset();
  // yaml-cpp's null for a key without a colon stands where the key does. The key is not quoted: in
  // a Secret it may be the rest of a value.
  if (value.is_null() && value.position == key.position) {
    result_.problems.push_back({key.position, code_points(key.scalar), "a key without a value",
                                "put a colon and a blank between key and value"});
    return;
  }
  if (key.plain && key.scalar == "<<") {
    frame.merges.push_back(std::move(value));
    return;
  }
  const auto [first, fresh] = frame.seen.try_emplace(key.scalar, key.position);
  if (!fresh) {
    result_.problems.push_back(
        {key.position, code_points(key.scalar),
         fmt::format("key \"{}\" is given twice", key.scalar),
         fmt::format("it is first given at {}:{}", first->second.line, first->second.column)});
    return;
  }
  frame.node.members.push_back({std::move(key.scalar), key.position, std::move(value)});
}

void TreeBuilder::apply_merges(Frame& frame) {
  for (const auto& value : frame.merges) {
    if (value.is_sequence()) {
      for (const auto& item : value.items) merge(frame, item);
    } else {
      merge(frame, value);
    }
  }
}

/// Source: yaml.org/type/merge.html: keys of the mapping itself win, then earlier merges.
void TreeBuilder::merge(Frame& frame, const Node& source) {
  if (!source.is_mapping()) {
    refuse(source.position, "<< must name a mapping or a list of mappings");
  }
  for (const auto& member : source.members) {
    if (!frame.seen.try_emplace(member.key, member.key_position).second) continue;
    const auto weight = weigh(member.value);
    spend({weight.nodes, weight.bytes + member.key.size(), weight.depth}, source.position);
    frame.node.members.push_back(member);
  }
}

/// yaml-cpp's message, without the parts that could quote a value.
std::string message_of(const YAML::Exception& error) {
  std::string_view message = error.msg;
  for (const std::string_view prefix :
       {"the referenced anchor is not defined", "unknown escape character", "unknown directive"}) {
    if (message.starts_with(prefix)) message = prefix;
  }
  return fmt::format("not valid YAML: {}", message);
}

}  // namespace

ParsedYaml parse_yaml(const SourceText& source) {
  ParsedYaml result;
  result.fatal = source.problem();
  if (result.fatal) return result;
  TreeBuilder builder(source.text(), result);
  try {
    std::istringstream stream(source.text());
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const Refusal& refusal) {
    result.fatal = refusal.problem;
  } catch (const YAML::Exception& error) {
    result.fatal = TextProblem{builder.position_of(error.mark), 1, message_of(error), ""};
  }
  return result;
}

}  // namespace orchestrator::manifest
