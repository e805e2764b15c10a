// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/kubernetes/definitions.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "base/files.hpp"
#include "orchestrator/kubernetes/yaml_text.hpp"

namespace kubernetes = orchestrator::kubernetes;
using kubernetes::Object;

namespace {

constexpr const char* kLicense = "# SPDX-License-Identifier: Apache-2.0\n";

}  // namespace

TEST(Definitions, TheFilesAreWhatTheTablesSay) {
  const std::filesystem::path folder = OSARTIFACT_KUBERNETES_FOLDER;
  const bool update = std::getenv("UPDATE_GOLDEN") != nullptr;
  for (const auto& definition : kubernetes::custom_resource_definitions()) {
    const auto file = folder / "crds" / (kubernetes::name_of(definition).name + ".yaml");
    const auto text = kLicense + kubernetes::to_yaml(definition);
    if (update) {
      base::write_file_atomically(file, text);
      continue;
    }
    EXPECT_EQ(base::read_file(file, 16U << 20), text) << "UPDATE_GOLDEN=1 writes it anew";
  }
  if (update) GTEST_SKIP() << "written into " << folder;
}

TEST(Definitions, SchemasAreStructural) {
  const auto schema = kubernetes::open_api_schema("OSArtifactSpec");
  const auto& fields = schema["properties"];

  EXPECT_EQ(schema["required"], Object({"image"}));
  EXPECT_EQ(fields["importers"]["items"]["properties"]["env"]["x-kubernetes-list-map-keys"],
            Object({"name"}));
  EXPECT_EQ(fields["nodeSelector"]["additionalProperties"]["type"], "string");
  EXPECT_EQ(fields["exporters"]["items"]["properties"]["template"]["properties"]["metadata"]
                  ["properties"]["labels"]["type"],
            "object");
  EXPECT_EQ(fields["resources"]["properties"]["iso"]["properties"]["limits"]["additionalProperties"]
                  ["x-kubernetes-int-or-string"],
            true);
}
