// SPDX-License-Identifier: Apache-2.0
#include "stages/dockerfile/outline.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.hpp"

namespace stages::dockerfile {
namespace {

using testing::ElementsAre;

ImageBuild build_of(std::string text, std::map<std::string, std::string> arguments = {}) {
  ImageBuild build;
  build.dockerfile = std::move(text);
  build.dockerfile_name = "Dockerfile";
  build.build_args = std::move(arguments);
  build.platform = oci::Platform::parse("amd64");
  return build;
}

std::vector<std::string> names_in(const ImageBuild& build) {
  std::vector<std::string> names;
  for (const auto& image : outline_of(build).images) {
    names.push_back(image.name + " " + image.platform.text());
  }
  return names;
}

TEST(Outline, FindsEveryImageThatTheTargetNeeds) {
  auto build = build_of(
      "ARG BASE=debian:12\n"
      "FROM unused:1 AS unused\n"
      "FROM --platform=linux/arm64 tools:2 AS tools\n"
      "FROM ${BASE} AS main\n"
      "COPY --from=tools /a /a\n"
      "COPY --from=registry.example/copied:3 /b /b\n"
      "RUN --mount=type=bind,from=mounted:4,target=/m true\n"
      "FROM scratch AS later\n"
      "FROM last:5\n");
  build.target = "main";

  EXPECT_THAT(names_in(build),
              ElementsAre("tools:2 linux/arm64", "debian:12 linux/amd64",
                          "registry.example/copied:3 linux/amd64", "mounted:4 linux/amd64"));
}

TEST(Outline, TakesBuildArguments) {
  EXPECT_THAT(names_in(build_of("ARG BASE\nFROM ${BASE}\n", {{"BASE", "given:1"}})),
              ElementsAre("given:1 linux/amd64"));
}

TEST(Outline, KnowsWhatMayChangeUnnoticed) {
  const auto elsewhere = [](const std::string& step) {
    return outline_of(build_of("FROM scratch\n" + step + "\n")).takes_from_elsewhere;
  };

  EXPECT_TRUE(elsewhere("ADD https://example.com/a /a"));
  EXPECT_TRUE(elsewhere("ADD https://example.com/a.git /a"));
  EXPECT_TRUE(elsewhere("ARG U\nADD ${U} /a"));
  EXPECT_FALSE(elsewhere("ADD a /a"));
  EXPECT_FALSE(
      elsewhere("ADD --checksum=sha256:"
                "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 "
                "https://example.com/a /a"));
}

TEST(Outline, ListsDeclarations) {
  const auto found =
      declarations_of(build_of("ARG A=1\nFROM a\nARG B\nARG C=2 D\nRUN <<E\nFROM x\nE\nFROM b\n"));

  EXPECT_THAT(found.arguments, ElementsAre("A", "B", "C", "D"));
  EXPECT_THAT(found.from_lines, ElementsAre(2, 8));
}

TEST(Outline, SaysWhereAnImageIsNamed) {
  const auto images = outline_of(build_of("FROM scratch AS s\nFROM debian:12\n"
                                          "COPY --from=debian:12 /a /\nCOPY --from=s /b /\n"))
                          .images;

  ASSERT_EQ(images.size(), 1U);
  EXPECT_EQ(images[0].place, "Dockerfile:2: FROM debian:12");
}

TEST(Outline, NamesTheLineOfWhatCannotBeAnImage) {
  for (const char* text : {"ARG A\nFROM Ubuntu\n", "\nFROM x@sha256:12\n",
                           "FROM scratch\nCOPY --from=no:such:thing a /\n",
                           "FROM scratch\nRUN --mount=from=UP,target=/x true\n"}) {
    try {
      static_cast<void>(outline_of(build_of(text)));
      FAIL() << text;
    } catch (const base::Error& error) {
      EXPECT_EQ(error.code(), base::ErrorCode::kManifest) << text;
      EXPECT_THAT(base::render(error), testing::HasSubstr("Dockerfile:2: ")) << text;
    }
  }
}

TEST(Outline, ThrowsWhatTheParserSays) {
  try {
    static_cast<void>(outline_of(build_of("FROM a\nRUNN x\n")));
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::ErrorCode::kManifest);
    EXPECT_THAT(base::render(error), testing::HasSubstr("Dockerfile:2"));
  }
}

}  // namespace
}  // namespace stages::dockerfile
