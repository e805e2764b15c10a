// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/reference_pages.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "orchestrator/field_texts.hpp"
#include "orchestrator/manifest/schema.hpp"

using testing::HasSubstr;

TEST(ReferencePages, EveryFieldOfOursIsDescribed) {
  for (const auto types :
       {orchestrator::manifest::osartifact_types(), orchestrator::manifest::node_op_types()}) {
    for (const auto& type : types) {
      // Those are Kubernetes' own.
      if (type.name == "ObjectMeta" || type.name == "OwnerReference" ||
          type.name == "ResourcesSpec") {
        continue;
      }
      for (const auto& field : type.fields) {
        EXPECT_FALSE(orchestrator::text_of_field(type.name, field.name).empty())
            << type.name << "." << field.name;
      }
    }
  }
}

TEST(ReferencePages, TheManifestPageHasFieldsTypesAndWhatIsRequired) {
  const auto page = orchestrator::manifest_page();

  EXPECT_THAT(page, HasSubstr("## spec.artifacts\n"));
  EXPECT_THAT(page, HasSubstr("| `bundles` | list of string | "));
  EXPECT_THAT(page, HasSubstr("| **`image`** | ImageSpec | "));
  EXPECT_THAT(page, HasSubstr("## spec.image.buildOptions\n"));
  EXPECT_THAT(page, HasSubstr("## NodeOp spec.drainOptions\n"));
  EXPECT_THAT(page, HasSubstr("## NodeOpUpgrade spec\n"));
}

TEST(ReferencePages, TheFlagsPageHasCommandsFlagsAndVariables) {
  const auto page = orchestrator::flags_page(orchestrator::describe_command_line());

  EXPECT_THAT(page, HasSubstr("| `--store DIR` | "));
  EXPECT_THAT(page, HasSubstr("`OSARTIFACT_STORE`"));
  EXPECT_THAT(page, HasSubstr("## osartifact image build"));
  EXPECT_THAT(page, HasSubstr("## osartifact completion bash|zsh|fish\n"));
}
