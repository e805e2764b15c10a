// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/templates/render.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/files.hpp"

namespace orchestrator::templates {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::size_t kLimit = 1U << 20;

std::string error_of(std::string_view text, const Values& values = {}) {
  try {
    static_cast<void>(render(text, values, "Dockerfile"));
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::ErrorCode::kManifest);
    return base::render(error);
  }
  return "";
}

TEST(Render, GivesWhatGoGives) {
  const auto golden = nlohmann::json::parse(
      base::read_file(OSARTIFACT_TEST_DATA "/go_template/expected.json", kLimit));
  const auto values = golden.at("values").get<Values>();
  for (const auto& row : golden.at("templates")) {
    const auto text = row.at("template").get<std::string>();
    SCOPED_TRACE(text);
    if (row.at("ok").get<bool>()) {
      EXPECT_EQ(render(text, values, "it").text, row.at("text").get<std::string>());
    } else {
      EXPECT_NE(error_of(text, values), "");
    }
  }
}

TEST(Render, LeavesAPlainDockerfileAsItIs) {
  const std::string text = "FROM debian:12\nRUN echo ${X} { } $(id)\n";

  const auto rendered = render(text, {}, "it");

  EXPECT_EQ(rendered.text, text);
  EXPECT_TRUE(rendered.missing.empty());
}

TEST(Render, Case201NamesMissingKeysWithTheirLinesAndLeavesThemEmpty) {
  const auto rendered = render(
      "FROM {{ .Base }}\nLABEL v={{ .Version }}{{ .Version }}\nRUN {{ index . \"Odd key\" }}\n"
      "{{ if .Debug }}x{{ end }}{{ .Given }}\n",
      {{"Given", ""}}, "it");

  EXPECT_EQ(rendered.text, "FROM \nLABEL v=\nRUN \n\n");
  EXPECT_THAT(rendered.missing, ElementsAre(MissingValue{"Base", 1}, MissingValue{"Version", 2},
                                            MissingValue{"Odd key", 3}, MissingValue{"Debug", 4}));
}

TEST(Render, NamesOnlyWhatIsAskedFor) {
  const auto rendered =
      render("{{ if .A }}{{ .B }}{{ end }}{{ or .C .D }}", {{"A", ""}, {"C", "c"}}, "it");

  EXPECT_EQ(rendered.text, "c");
  EXPECT_TRUE(rendered.missing.empty());
}

TEST(Render, SaysWhichLineOfTheTemplateALineComesFrom) {
  const auto rendered =
      render("FROM a\n{{ range . }}\nRUN {{ . }}\n{{ end -}}\nUSER x\n{{ printf \"%s\" .A }} tail",
             {{"A", "one\ntwo"}, {"B", "three"}}, "it");

  EXPECT_EQ(rendered.text, "FROM a\n\nRUN one\ntwo\n\nRUN three\nUSER x\none\ntwo tail");
  EXPECT_THAT(rendered.lines, ElementsAre(1, 2, 3, 3, 2, 3, 5, 6, 6));
}

TEST(Render, RefusesDefineTemplateAndBlock) {
  for (const auto* text :
       {"{{ define \"x\" }}{{ end }}", "{{template \"x\"}}", "\n{{- block \"x\" . }}y{{ end }}"}) {
    EXPECT_THAT(error_of(text), HasSubstr("is not supported in a build definition")) << text;
  }
  EXPECT_THAT(error_of("a\nb\n{{ template \"x\" }}"), HasSubstr("line 3: 'template'"));
}

TEST(Render, NamesTheLineOfAnError) {
  EXPECT_THAT(error_of("FROM a\nRUN {{ .A }\n"), HasSubstr("line 2: unexpected character '}'"));
  EXPECT_THAT(error_of("\n{{ if .A }}\n\n"), HasSubstr("line 2: 'if' has no {{end}}"));
  EXPECT_THAT(error_of("\n\n{{ upper .A }}"), HasSubstr("line 3: there is no function 'upper'"));
  EXPECT_THAT(error_of("{{ .A.B }}", {{"A", "x"}}),
              HasSubstr("line 1: there is no .B in a string"));
}

TEST(Render, ShowsNoValueInAnError) {
  const Values values = {{"A", "canary-1"}, {"N", "canary-2"}};
  for (const auto* text :
       {"{{ .A.B }}", "{{ eq .A 1 }}", "{{ range .A }}{{ end }}", "{{ call .A }}",
        "{{ index . .A .N }}", "{{ slice .A 99 }}", "{{ printf 1 .A }}", "{{ .A .N }}",
        "{{ \"canary-3\" . }}", "{{ . \"canary-3\" }}"}) {
    const auto error = error_of(text, values);
    EXPECT_NE(error, "") << text;
    EXPECT_THAT(error, testing::Not(HasSubstr("canary"))) << text;
  }
}

TEST(Render, IsBounded) {
  std::string deep;
  for (int i = 0; i < 300; ++i) deep += "{{if 1}}";
  std::string parentheses = "{{" + std::string(5000, '(') + "1" + std::string(5000, ')') + "}}";
  EXPECT_THAT(error_of(deep), HasSubstr("nested deeper"));
  EXPECT_THAT(error_of(parentheses), HasSubstr("nested deeper"));
  EXPECT_THAT(error_of("{{range 99999999999}}{{end}}"), HasSubstr("too many steps"));
  EXPECT_THAT(error_of("{{range 99999999999}}0123456789{{end}}"), HasSubstr("beyond 4 MiB"));
  EXPECT_THAT(error_of("{{$x := \"xx\"}}{{range 99}}{{$x = print $x $x}}{{end}}"),
              HasSubstr("beyond 4 MiB"));
  EXPECT_THAT(error_of("{{range 99}}{{printf \"%999999d\" 1}}{{end}}"), HasSubstr("beyond 4 MiB"));
}

}  // namespace
}  // namespace orchestrator::templates
