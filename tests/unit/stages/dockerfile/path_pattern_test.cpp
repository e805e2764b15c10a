// SPDX-License-Identifier: Apache-2.0
#include "stages/dockerfile/path_pattern.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

namespace stages::dockerfile {
namespace {

struct Row {
  const char* pattern;
  const char* path;
  bool matches;
};

class GoMatch : public testing::TestWithParam<Row> {};

TEST_P(GoMatch, IsAsInGo) {
  const auto& [pattern, path, matches] = GetParam();
  EXPECT_EQ(PathPattern::go_match(pattern).matches(path), matches) << pattern << " " << path;
}

INSTANTIATE_TEST_SUITE_P(
    Rows, GoMatch,
    testing::Values(Row{"abc", "abc", true}, Row{"*", "abc", true}, Row{"*c", "abc", true},
                    Row{"a*", "a", true}, Row{"a*", "ab/c", false}, Row{"a*/b", "abc/b", true},
                    Row{"a*b*c*d*e*/f", "axbxcxdxexxx/f", true}, Row{"ab[c]", "abc", true},
                    Row{"a*b?c*x", "abxbbxdbxebxczzy", false}, Row{"ab[b-d]", "abc", true},
                    Row{"ab[e-g]", "abc", false}, Row{"ab[^c]", "abc", false},
                    Row{"ab[^e-g]", "abc", true}, Row{"a\\*b", "a*b", true},
                    Row{"a\\*b", "ab", false}, Row{"a?b", "a☺b", true}, Row{"a[^a]b", "a☺b", true},
                    Row{"a???b", "a☺b", false}, Row{"[a-ζ]*", "α", true}, Row{"*[a-ζ]", "A", false},
                    Row{"a?b", "a/b", false}, Row{"a*b", "a/b", false}, Row{"[\\]a]", "]", true},
                    Row{"[\\-]", "-", true}, Row{"[x\\-]", "z", false},
                    Row{"arr[[]0].txt", "arr[0].txt", true}, Row{"*x", "xxx", true},
                    Row{"", "", true}, Row{"", "a", false}));

TEST(GoMatch, RefusesWhatIsNoPattern) {
  for (const char* pattern :
       {"[]a]", "[-]", "[x-]", "[-x]", "[a-b-c]", "[", "[^", "[^bc", "a[", "a\\", "[b-a]", "[\\"}) {
    EXPECT_THROW(PathPattern::go_match(pattern), std::invalid_argument) << pattern;
  }
}

TEST(GoMatch, TakesItsTimeWithinBounds) {
  const std::string stars(2'000, '*');
  EXPECT_FALSE(PathPattern::ignore("a" + stars + "*a*a*a*a*b").matches(std::string(5'000, 'a')));
}

TEST(GoMatch, KnowsWildcards) {
  EXPECT_TRUE(has_wildcards("a/*.x"));
  EXPECT_TRUE(has_wildcards("[a]"));
  EXPECT_FALSE(has_wildcards("a\\*\\?"));
  EXPECT_FALSE(has_wildcards("a]b"));
}

class IgnoreMatch : public testing::TestWithParam<Row> {};

TEST_P(IgnoreMatch, IsAsInPatternmatcher) {
  const auto& [pattern, path, matches] = GetParam();
  EXPECT_EQ(PathPattern::ignore(pattern).matches(path), matches) << pattern << " " << path;
}

INSTANTIATE_TEST_SUITE_P(
    Rows, IgnoreMatch,
    testing::Values(
        Row{"**", "file", true}, Row{"**", "dir/file", true}, Row{"**/file", "file", true},
        Row{"**/file", "dir/file", true}, Row{"**/file", "dir/xfile", false},
        Row{"**file", "dir/xfile", true}, Row{"**/*", "dir/file", true},
        Row{"dir/**", "dir/file", true}, Row{"dir/**", "dir", false},
        Row{"dir/**", "dir/a/b", true}, Row{"a/**/c", "a/c", true}, Row{"a/**/c", "a/b/b/c", true},
        Row{"a/**/c", "a/bc", false}, Row{"**/**/*.txt", "dir/f.txt", true},
        Row{"a**/*.txt", "a/dir/f.txt", true}, Row{"a**/*.txt", "a/dir/dir/f.txt", true},
        Row{"**/*.c", "f.c", true}, Row{"a.b", "axb", false}, Row{"a(b)c", "a(b)c", true},
        Row{"*.md", "d/a.md", false}, Row{"foo**", "foobar/x", true}, Row{"**/.*", ".foo", true},
        Row{"**/.*", "bar/foo.x", false}, Row{"[a-c]/x", "b/x", true}));

}  // namespace
}  // namespace stages::dockerfile
