// SPDX-License-Identifier: Apache-2.0
#include "oci/registry_error.hpp"

#include <gtest/gtest.h>

namespace {

base::HttpResponse answer(int status, std::string body) {
  return {.status = status,
          .headers = {},
          .body = std::move(body),
          .url = *base::Url::parse("https://reg.io/v2/a/manifests/1?sig=canary")};
}

}  // namespace

TEST(RegistryError, ReadsTheErrorsOfTheSpecification) {
  const auto body = R"({"errors":[{"code":"DENIED","message":"no"},{"code":"X"},7]})";

  EXPECT_EQ(oci::registry_reason(answer(403, body)), "DENIED (no); X");
}

TEST(RegistryError, Case077ShowsTheFirstLineOfOtherBodiesShortAndPrintable) {
  EXPECT_EQ(oci::registry_reason(answer(502, "\n<h1>Bad\x1b[31m</h1>\nmore")),
            "<h1>Bad\\x1b[31m</h1>");
  EXPECT_EQ(oci::registry_reason(answer(502, "")), "");
  EXPECT_LE(oci::registry_reason(answer(502, std::string(9000, 'x'))).size(), 1024U);
}

TEST(RegistryError, ChoosesTheCodeByStatusAndHidesQueries) {
  const auto missing = oci::answer_error("cannot pull x", "GET", answer(404, ""));

  EXPECT_EQ(missing.code(), base::ErrorCode::kNotFound);
  EXPECT_EQ(missing.facts().why, "GET https://reg.io/v2/a/manifests/1?sig=***: 404");
  EXPECT_EQ(oci::answer_error("", "", answer(403, "")).code(), base::ErrorCode::kUnauthorized);
  EXPECT_EQ(oci::answer_error("", "", answer(500, "")).code(), base::ErrorCode::kRegistry);
}

TEST(RegistryError, Case115ADeeplyNestedBodyIsReadWithoutHarm) {
  const std::size_t depth = 500'000;
  const auto nested = std::string(depth, '[') + std::string(depth, ']');

  EXPECT_EQ(
      oci::registry_reason(answer(500, R"({"errors":[{"code":"X","detail":)" + nested + "}]}")),
      "X");
  EXPECT_EQ(oci::registry_reason(answer(500, std::string(depth, '['))), std::string(1024, '['));
}
