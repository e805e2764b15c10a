// SPDX-License-Identifier: Apache-2.0
#include "stages/engine_inputs.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.hpp"

namespace stages {
namespace {

using testing::ElementsAre;

TEST(EngineInputs, ValuesOfArgumentsAreVariablesUnlessTheirNameMeansSomething) {
  ImageBuild build;
  build.build_args = {{"A", "1 2"},
                      {"GOFLAGS", "-x"},
                      {"HTTPS_PROXY", "http://u:p@h"},
                      {"LD_PRELOAD", "/x"},
                      {"PATH", "/y"}};

  const auto result = argument_flags(build);

  EXPECT_THAT(result.flags, ElementsAre("--build-arg=A", "--build-arg=GOFLAGS=-x",
                                        "--build-arg=LD_PRELOAD=/x", "--build-arg=PATH=/y"));
  EXPECT_THAT(result.environment, ElementsAre("A=1 2", "HTTPS_PROXY=http://u:p@h"));
}

TEST(EngineInputs, ImagesAreThoseThatTheTargetNeeds) {
  ImageBuild build;
  build.platform = oci::Platform::parse("amd64");
  build.dockerfile =
      "FROM reg.io/a AS one\nFROM reg.io/unused AS two\nFROM one\nCOPY --from=reg.io/b:2 /x /\n";

  std::vector<std::string> names;
  for (const auto& image : images_of(build)) names.push_back(image.text());

  EXPECT_THAT(names, ElementsAre("reg.io/a:latest", "reg.io/b:2"));
}

TEST(EngineInputs, CachesInRegistriesAreRefused) {
  ImageBuild build;
  refuse_caches("buildah", build);
  build.cache_to = oci::Reference::parse("reg.io/cache:1");

  EXPECT_THROW(refuse_caches("buildah", build), base::Error);
}

}  // namespace
}  // namespace stages
