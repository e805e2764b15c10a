// SPDX-License-Identifier: Apache-2.0
#include "stages/dockerfile/expansion.hpp"

#include <gmock/gmock.h>

#include <map>
#include <ostream>

#include "base/error.hpp"
#include "stages/dockerfile/word_lexer.hpp"

namespace stages::dockerfile {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::optional<std::string> variables(std::string_view name) {
  static const std::map<std::string, std::string, std::less<>> kValues = {
      {"PWD", "/home"},
      {"SHELL", "bash"},
      {"NULL", ""},
      {"FOO", "foobarfoo"},
      {"PATHS", "/usr/lib/x.so.1"},
      {"BLANKS", "  a  b "},
      {"KOREAN", "한국어"},
      {"STAR", "a*b?c"},
      {"JAR", "app-1.2.3.tar.gz"}};
  const auto found = kValues.find(name);
  return found == kValues.end() ? std::nullopt : std::optional(found->second);
}

std::string expanded_text(std::string_view text, char escape = '\\') {
  return expand(text, variables, escape);
}

std::string failure(std::string_view text) {
  try {
    return "no failure, but " + expand(text, variables, '\\');
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::ErrorCode::kManifest);
    return error.facts().what;
  }
}

struct Row {
  const char* text;
  const char* expected;
};

void PrintTo(const Row& row, std::ostream* out) { *out << row.text; }

class Expansion : public testing::TestWithParam<Row> {};

TEST_P(Expansion, GivesWhatBuildKitGives) {
  EXPECT_EQ(expanded_text(GetParam().text), GetParam().expected) << GetParam().text;
}

INSTANTIATE_TEST_SUITE_P(
    Quotes, Expansion,
    testing::Values(Row{"hello", "hello"}, Row{"he'll'o", "hello"}, Row{R"(he\'llo)", "he'llo"},
                    Row{R"(abc\tdef)", "abctdef"}, Row{R"("abc\tdef")", R"(abc\tdef)"},
                    Row{R"("abc\\tdef")", R"(abc\tdef)"}, Row{R"('abc\tdef')", R"(abc\tdef)"},
                    Row{R"(hello\)", "hello"}, Row{R"(hello\\)", R"(hello\)"},
                    Row{R"("hel'lo")", "hel'lo"}, Row{R"('hello\')", R"(hello\)"},
                    Row{R"("''")", "''"}, Row{R"('"hello"')", R"("hello")"},
                    Row{R"("he\$PWD")", "he$PWD"}, Row{R"("he\\$PWD")", R"(he\/home)"},
                    Row{"'$PWD'", "$PWD"}, Row{"\"he'$PWD'\"", "he'/home'"},
                    Row{"안'녕'하", "안녕하"}, Row{"a < b", "a < b"}, Row{"<<  EOF", "<<  EOF"}));

INSTANTIATE_TEST_SUITE_P(Variables, Expansion,
                         testing::Values(Row{"$.", "$."}, Row{"he$1x", "hex"},
                                         Row{"he$pwd.", "he."}, Row{"he$PWD", "he/home"},
                                         Row{R"(he\$PWD)", "he$PWD"}, Row{R"(\${})", "${}"},
                                         Row{"he${hi}xx", "hexx"}, Row{"${PWD}$SHELL", "/homebash"},
                                         Row{"$$", ""}, Row{"$@@@", "@@"}, Row{"$001aaa", "aaa"},
                                         Row{"${aaa}}", "}"}, Row{"안녕$KOREAN", "안녕한국어"},
                                         Row{"$PWD안", "/home안"}));

INSTANTIATE_TEST_SUITE_P(
    Alternatives, Expansion,
    testing::Values(Row{"he${XXX:-000}xx", "he000xx"}, Row{"he${PWD:-000}xx", "he/homexx"},
                    Row{"${XXX:-$PWD}", "/home"}, Row{"${XXX:-${YYY:-yyy}}xx", "yyyxx"},
                    Row{"${NULL:-n}", "n"}, Row{"${NULL-n}", ""}, Row{"${XXX-n}", "n"},
                    Row{"${NULL:+n}", ""}, Row{"${NULL+n}", "n"}, Row{"${XXX+n}", ""},
                    Row{"${PWD:+${PWD}:}xx", "/home:xx"}, Row{R"(${XXX:-\$PWD:}xx)", "$PWD:xx"},
                    Row{"${XXX:-'a b'}", "a b"}, Row{"${PWD?}", "/home"}, Row{"${NULL?}", ""},
                    Row{"${1:-bbb}", "bbb"}, Row{"${@:-bbb}aaa", "bbbaaa"},
                    Row{"${aaa:-bbb {foo}", "bbb {foo"}));

INSTANTIATE_TEST_SUITE_P(
    Patterns, Expansion,
    testing::Values(Row{"${FOO#foo}", "barfoo"}, Row{"${FOO#f*o}", "obarfoo"},
                    Row{"${FOO##f*o}", ""}, Row{"${FOO%foo}", "foobar"},
                    Row{"${FOO%o*}", "foobarfo"}, Row{"${FOO%%o*}", "f"},
                    Row{"${FOO#bar}", "foobarfoo"}, Row{"${PATHS##*/}", "x.so.1"},
                    Row{"${PATHS%/*}", "/usr/lib"}, Row{"${PATHS%%.*}", "/usr/lib/x"},
                    Row{"${PATHS#?}", "usr/lib/x.so.1"}, Row{R"(${STAR#a\*})", "b?c"},
                    Row{R"(${STAR%\?c})", "a*b"}, Row{"${KOREAN#?}", "국어"},
                    Row{"${KOREAN%?}", "한국"}, Row{"${XXX#a}", ""},
                    Row{"${JAR%.tar.gz}", "app-1.2.3"}, Row{"${FOO##$NULL}", "foobarfoo"}));

INSTANTIATE_TEST_SUITE_P(
    Replacements, Expansion,
    testing::Values(Row{"${FOO/foo/x}", "xbarfoo"}, Row{"${FOO//foo/x}", "xbarx"},
                    Row{"${FOO/o*r/-}", "f-foo"}, Row{"${FOO//o/}", "fbarf"},
                    Row{R"(${PATHS/\/usr/})", "/lib/x.so.1"}, Row{"${PATHS//?so/}", "/usr/lib/x.1"},
                    Row{"${FOO//*/x}", "x"}, Row{"${XXX/a/b}", ""}, Row{"${FOO/zz/y}", "foobarfoo"},
                    Row{"${FOO/foo/$SHELL}", "bashbarfoo"}, Row{"${JAR//./_}", "app-1_2_3_tar_gz"},
                    // The replacement is taken as it stands: only the pattern loses its escapes.
                    Row{R"(${PATHS//\//\/})", R"(\/usr\/lib\/x.so.1)"}));

TEST(Expansion, SaysWhatIsWrong) {
  EXPECT_THAT(failure("he'llo"), HasSubstr("matching single-quote"));
  EXPECT_THAT(failure("\"hello"), HasSubstr("matching double-quote"));
  EXPECT_THAT(failure("${}"), HasSubstr("bad substitution"));
  EXPECT_THAT(failure("${:-b}"), HasSubstr("bad substitution"));
  EXPECT_THAT(failure("${PWD"), HasSubstr("missing '}'"));
  EXPECT_THAT(failure("${PWD:-a"), HasSubstr("missing '}'"));
  EXPECT_THAT(failure("${PWD/a}"), HasSubstr("missing '/' in ${}"));
  EXPECT_THAT(failure("${.}"), HasSubstr("unsupported modifier (.)"));
  EXPECT_THAT(failure("${PWD:=0}"), HasSubstr("unsupported modifier (:=)"));
  EXPECT_THAT(failure("${PWD:#0}"), HasSubstr("unsupported modifier (:#)"));
  EXPECT_THAT(failure(R"(${PWD#\a})"), HasSubstr("invalid escape '\\a'"));
  EXPECT_THAT(failure("${XXX:?}"), HasSubstr("XXX: is not allowed to be unset"));
  EXPECT_THAT(failure("${NULL:?}"), HasSubstr("NULL: is not allowed to be empty"));
  EXPECT_THAT(failure("${XXX?say $SHELL}"), HasSubstr("XXX: say bash"));
}

TEST(Expansion, TakesTheEscapeOfTheDirective) {
  EXPECT_EQ(expanded_text(R"(c:\`$PWD\$PWD)", '`'), R"(c:\$PWD\/home)");
}

TEST(Expansion, EndsWhereItWouldNotEndWell) {
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += "${X:-";
  EXPECT_THAT(failure(deep), HasSubstr("nested too deeply"));

  const auto big = [](std::string_view) { return std::optional(std::string(1U << 20, 'x')); };
  std::string many;
  for (int i = 0; i < 100; ++i) many += "$A";
  EXPECT_THROW(expand(many, big, '\\'), base::Error);
  EXPECT_THROW(expand('"' + many + '"', big, '\\'), base::Error);
}

TEST(Expansion, MatchesLongTextsInTime) {
  const auto big = [](std::string_view) { return std::optional(std::string(50'000, 'a')); };
  EXPECT_EQ(expand("${A##*a*a*a*a*b}", big, '\\').size(), 50'000U);
  EXPECT_EQ(expand("${A%%*a*a*a*a*b}", big, '\\').size(), 50'000U);
  EXPECT_EQ(expand("${A//a*b/}", big, '\\').size(), 50'000U);
  EXPECT_EQ(expand("${A//aa/b}", big, '\\').size(), 25'000U);
}

TEST(Expansion, SplitsWordsAfterIt) {
  const auto words = [](std::string_view text) { return lex_words(text, variables, {}).words; };
  EXPECT_THAT(words("hello$BLANKS-x"), ElementsAre("hello", "a", "b", "-x"));
  EXPECT_THAT(words(R"(hello"$BLANKS"x y)"), ElementsAre("hello  a  b x", "y"));
  EXPECT_THAT(words(R"(hello\ there 'a b')"), ElementsAre("hello there", "a b"));
  EXPECT_THAT(words("  $NULL  \"\" "), ElementsAre());
}

TEST(Expansion, TellsOfWhatIsNotSetAndHasNoWordForThat) {
  const auto instruction =
      parse_instruction("LABEL $A=${B}$B ${C:-c}=${D+d}${E#e}${F/f/g}", '\\', "D");
  std::vector<std::string> unset;

  static_cast<void>(expanded(instruction, variables, '\\',
                             [&](std::string_view name) { unset.emplace_back(name); }));

  EXPECT_THAT(unset, ElementsAre("A", "B", "B", "E", "F"));
}

TEST(Expansion, OfAHeredocLeavesQuotes) {
  const std::string text = "it's \"$SHELL\" '$PWD' \\$PWD \\\\ $.\n";
  EXPECT_EQ(lex_words(text, variables, {.plain_quotes = true}).text,
            "it's \"bash\" '/home' $PWD \\ $.\n");
}

}  // namespace
}  // namespace stages::dockerfile
