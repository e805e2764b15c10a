// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/manifest/schema.hpp"

#include <gtest/gtest.h>

#include <set>

#include "orchestrator/manifest/type_expression.hpp"
#include "orchestrator/manifest/yaml.hpp"

namespace orchestrator::manifest {
namespace {

std::vector<TypeSchema> all_types() {
  std::vector<TypeSchema> types;
  for (const auto& group :
       {osartifact_types(), container_types(), job_types(), scheduling_types(), volume_types()}) {
    types.insert(types.end(), group.begin(), group.end());
  }
  return types;
}

TEST(Schema, NamesOnlyTypesThatExist) {
  const std::set<std::string_view> scalars = {"string", "boolean",  "int32",
                                              "int64",  "quantity", "int-or-string",
                                              "any",    "arch",     "artifact-name"};
  ASSERT_GT(all_types().size(), 110U);
  for (const auto& type : all_types()) {
    for (const auto& field : type.fields) {
      const auto element = parse_type(field.type).element;
      EXPECT_TRUE(scalars.contains(element) || find_type(element) != nullptr)
          << type.name << "." << field.name << ": " << field.type;
    }
  }
}

TEST(Schema, HasEachTypeAndFieldOnce) {
  std::set<std::string_view> types;
  for (const auto& type : all_types()) {
    EXPECT_TRUE(types.insert(type.name).second) << type.name;
    std::set<std::string_view> fields;
    for (const auto& field : type.fields) {
      EXPECT_TRUE(fields.insert(field.name).second) << type.name << "." << field.name;
    }
  }
}

TEST(Schema, WritesJsonAsTheTypeSays) {
  const auto parsed =
      parse_yaml(SourceText("name: 1.10\nimage: no\nstdin: yes\nports: [{containerPort: 0x50}]\n"
                            "resources: {limits: {cpu: 2}}\nworkingDir: ~\n"
                            "livenessProbe: {httpGet: {port: 80}, periodSeconds: 1_0}\n"));

  const auto json = to_json(parsed.documents.at(0), "Container");

  EXPECT_EQ(json.dump(),
            R"({"image":"no","livenessProbe":{"httpGet":{"port":80},"periodSeconds":10},)"
            R"("name":"1.10","ports":[{"containerPort":80}],"resources":{"limits":{"cpu":"2"}},)"
            R"("stdin":true})");
}

}  // namespace
}  // namespace orchestrator::manifest
