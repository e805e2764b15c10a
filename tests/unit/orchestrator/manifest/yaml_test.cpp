// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/manifest/yaml.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>

namespace orchestrator::manifest {
namespace {

ParsedYaml parse(std::string_view text) { return parse_yaml(SourceText(text)); }

std::string repeat(std::string_view text, std::size_t count) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) out += text;
  return out;
}

TEST(Yaml, Case208KeepsPlainScalarsVerbatim) {
  const auto parsed =
      parse("a: 1.10\nb: no\nc: 0777\nd: 1_000\ne: \"x\\ty\"\nf: |\n  one\n  two\n");

  ASSERT_EQ(parsed.documents.size(), 1U);
  const auto& root = parsed.documents[0];
  EXPECT_EQ(root.text_of("a"), "1.10");
  EXPECT_EQ(root.text_of("b"), "no");
  EXPECT_EQ(root.text_of("c"), "0777");
  EXPECT_EQ(root.text_of("d"), "1_000");
  EXPECT_EQ(root.text_of("e"), "x\ty");
  EXPECT_EQ(root.text_of("f"), "one\ntwo\n");
}

TEST(Yaml, GivesPositionsInCodePointsFromOne) {
  const auto parsed = parse("ä: {ö: 1, b: 2}\nlist:\n  - x: y\n");

  const auto& root = parsed.documents.at(0);
  EXPECT_EQ(root.members[0].key_position, (Position{1, 1}));
  EXPECT_EQ(root.members[0].value.members[0].key_position, (Position{1, 5}));
  EXPECT_EQ(root.members[0].value.members[1].value.position, (Position{1, 14}));
  EXPECT_EQ(root.members[1].value.items[0].members[0].value.position, (Position{3, 8}));
}

TEST(Yaml, ReadsTheSameWithByteOrderMarkAndCrLf) {
  const auto parsed = parse(
      "\xEF\xBB\xBF"
      "a: |\r\n  x\r\n  y\r\nb: 1\r\n");

  ASSERT_FALSE(parsed.fatal);
  EXPECT_EQ(parsed.documents.at(0).text_of("a"), "x\ny\n");
  EXPECT_EQ(parsed.documents.at(0).find_member("b")->key_position, (Position{4, 1}));
}

TEST(Yaml, SkipsEmptyDocumentsAndEndsThemAtMarkers) {
  const auto parsed =
      parse("# only a comment\n---\n---\na: 1\n...\n# between\n...\nb: 2\n---\n~\n");

  ASSERT_FALSE(parsed.fatal) << parsed.fatal->message;
  ASSERT_EQ(parsed.documents.size(), 2U);
  EXPECT_EQ(parsed.documents[0].text_of("a"), "1");
  EXPECT_EQ(parsed.documents[1].text_of("b"), "2");
  EXPECT_EQ(parse("").documents.size(), 0U);
}

TEST(Yaml, ReadsJson) {
  const auto parsed = parse(R"({"a": [true, null, 1], "b": "x\/y \u00e9 \ud83d\ude00 \\ud83d",
	"c": {}})");

  ASSERT_FALSE(parsed.fatal) << parsed.fatal->message;
  const auto& root = parsed.documents.at(0);
  EXPECT_EQ(root.find("a")->items.size(), 3U);
  EXPECT_EQ(root.text_of("b"), "x/y é 😀 \\ud83d");
}

TEST(Yaml, ReplacesAliasesAndMergesMappings) {
  const auto parsed = parse(
      "base: &b {x: 1, y: 2}\nother: &o {y: 3, z: 4}\n"
      "one: *b\ntwo: {<<: *b, y: own}\nthree:\n  y: own\n  <<: [*b, *o]\nfour: {\"<<\": text}\n");

  ASSERT_FALSE(parsed.fatal) << parsed.fatal->message;
  const auto& root = parsed.documents.at(0);
  EXPECT_EQ(root.find_path({"one", "y"})->scalar, "2");
  EXPECT_EQ(root.find_path({"two", "x"})->scalar, "1");
  EXPECT_EQ(root.find_path({"two", "y"})->scalar, "own");
  EXPECT_EQ(root.find_path({"three", "y"})->scalar, "own");
  EXPECT_EQ(root.find_path({"three", "z"})->scalar, "4");
  EXPECT_EQ(root.find("four")->text_of("<<"), "text");
}

TEST(Yaml, Case209ReportsEveryKeyGivenTwiceWithBothPositions) {
  const auto parsed = parse("a: 1\nb: {c: 1, c: 2}\na: 3\n");

  ASSERT_FALSE(parsed.fatal);
  ASSERT_EQ(parsed.problems.size(), 2U);
  EXPECT_EQ(parsed.problems[0].position, (Position{2, 11}));
  EXPECT_EQ(parsed.problems[1].position, (Position{3, 1}));
  EXPECT_EQ(parsed.problems[1].message, "key \"a\" is given twice");
  EXPECT_EQ(parsed.problems[1].hint, "it is first given at 1:1");
  EXPECT_EQ(parsed.documents.at(0).text_of("a"), "1");
}

TEST(Yaml, ReportsKeysWithoutAColonButNotEmptyValues) {
  const auto parsed = parse("a: 1\nb:\nc: &x\nd: *x\ne: ~\ncloudImage\n");

  ASSERT_FALSE(parsed.fatal) << parsed.fatal->message;
  ASSERT_EQ(parsed.problems.size(), 1U);
  EXPECT_EQ(parsed.problems[0].message, "a key without a value");
  EXPECT_EQ(parsed.problems[0].position, (Position{6, 1}));
}

struct Broken {
  std::string text;
  Position position;
  std::string message;
};

TEST(Yaml, SaysWhereTheSyntaxBreaks) {
  const Broken rows[] = {
      {"a: {x: 1\n", {2, 1}, "not valid YAML: end of map flow not found"},
      {"a: b\n c: d\n", {2, 3}, "not valid YAML: illegal map value"},
      {"a: 1\n- b\n", {2, 1}, "not valid YAML: end of map not found"},
      {"a: [1]]\n", {1, 7}, "not valid YAML: illegal flow end"},
      {"a:\n\tb: 1\n", {2, 3}, "not valid YAML: illegal map value"},
      {"a: \"open\nb: 1\n", {1, 4}, "a quoted text is not closed"},
      {"a: &x 'it''s open\n", {1, 4}, "a quoted text is not closed"},
      {"a: *hunter2\n", {1, 4}, "not valid YAML: the referenced anchor is not defined"},
      {"a: !hunter2\n", {1, 4}, "this tag is not understood"},
      {"? [a]\n: b\n", {1, 3}, "a key must be a text"},
      {"a: 1\nb: \x01\n", {2, 4}, "control character \\x01 is not allowed in YAML"},
      {"a: 1\nb: \x04 hidden: tail\n", {2, 4}, "control character \\x04 is not allowed in YAML"},
      {"ä: \xC0\xAF\n", {1, 4}, "the file is not UTF-8 text"},
      {"a: &a [1, *a]\n", {1, 11}, "an alias stands inside what it names"},
      {"a: {<<: 1}\n", {1, 9}, "<< must name a mapping or a list of mappings"},
  };
  for (const auto& row : rows) {
    const auto parsed = parse(row.text);

    ASSERT_TRUE(parsed.fatal) << row.text;
    EXPECT_EQ(parsed.fatal->message, row.message) << row.text;
    EXPECT_EQ(parsed.fatal->position.line, row.position.line) << row.text;
    EXPECT_EQ(parsed.fatal->position.column, row.position.column) << row.text;
  }
}

TEST(Yaml, KeepsWhatCameBeforeTheBreak) {
  const auto parsed = parse("a: 1\n---\nb: [\n");

  ASSERT_TRUE(parsed.fatal);
  ASSERT_EQ(parsed.documents.size(), 1U);
}

TEST(Yaml, Case206Case207RefusesBombs) {
  std::string laughs = "a: &a [x,x,x,x,x,x,x,x,x,x]\n";
  for (char c = 'b'; c < 'j'; ++c) {
    laughs += fmt::format("{}: &{} [{}]\n", c, c, repeat(fmt::format("*{},", char(c - 1)), 10));
  }
  std::string merges = "a: &a {k: [1,2,3,4,5,6,7,8,9]}\n";
  for (int i = 0; i < 20'000; ++i) merges += fmt::format("m{}: {{<<: *a}}\n", i);
  const std::string big =
      "a: &x \"" + repeat("x", 1U << 20) + "\"\nb: [" + repeat("*x,", 100) + "]\n";
  const std::string rows[] = {laughs,
                              merges,
                              big,
                              repeat("[", 10'000),
                              repeat("{a: ", 10'000),
                              repeat("- ", 1'000'000),
                              "[" + repeat("a,", 200'000) + "]",
                              repeat("x", kMaxManifestBytes + 1)};
  for (const auto& row : rows) {
    const auto parsed = parse(row);

    ASSERT_TRUE(parsed.fatal) << row.substr(0, 40);
    EXPECT_NE(parsed.fatal->message.find_first_of("0123456789"), std::string::npos);
  }
}

TEST(Yaml, AllowsWhatIsJustWithinTheLimits) {
  EXPECT_FALSE(parse(repeat("[", kMaxYamlDepth - 1) + repeat("]", kMaxYamlDepth - 1)).fatal);
  EXPECT_TRUE(parse(repeat("[", kMaxYamlDepth + 1) + repeat("]", kMaxYamlDepth + 1)).fatal);
  EXPECT_FALSE(parse("[" + repeat("a,", kMaxYamlNodes - 10) + "]").fatal);
}

}  // namespace
}  // namespace orchestrator::manifest
