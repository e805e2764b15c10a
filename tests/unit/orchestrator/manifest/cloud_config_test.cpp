// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/manifest/cloud_config.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace orchestrator::manifest {
namespace {

TEST(CloudConfig, TakesTheHeadersOfKairos) {
  for (const auto* text : {"#cloud-config\na: 1\n", "#kairos-config  \r\na: 1\r\n", "#node-config",
                           "## template: jinja\n#cloud-config\n{% if x %}\na: 1\n{% endif %}\n",
                           "#cloud-config\na: 1\n---\nb: 2\n", "#cloud-config\n"}) {
    EXPECT_FALSE(check_cloud_config(text)) << text;
  }
}

TEST(CloudConfig, RefusesTheRestSayingWhere) {
  struct Row {
    const char* text;
    std::size_t line;
    const char* message;
  };
  const Row rows[] = {
      {"", 1, "it does not begin with #cloud-config"},
      {"a: 1\n#cloud-config\n", 1, "it does not begin with #cloud-config"},
      {"# cloud-config\n", 1, "it does not begin with #cloud-config"},
      {"## template: jinja\na: 1\n", 2, "it does not begin with #cloud-config"},
      {"#cloud-config\na: [\n", 3, "not valid YAML: end of sequence flow not found"},
      {"#cloud-config\na: 1\na: 2\n", 3, "key \"a\" is given twice"},
      {"#cloud-config\n- a\n", 2, "it is not a mapping"},
      {"#cloud-config\npassword: *hunter2\n", 2,
       "not valid YAML: the referenced anchor is not defined"},
  };
  for (const auto& row : rows) {
    const auto problem = check_cloud_config(row.text);

    ASSERT_TRUE(problem) << row.text;
    EXPECT_EQ(problem->position.line, row.line) << row.text;
    EXPECT_EQ(problem->message, row.message) << row.text;
  }
}

}  // namespace
}  // namespace orchestrator::manifest
