// SPDX-License-Identifier: Apache-2.0
#include "stages/dockerfile/build_checks.hpp"

#include <gmock/gmock.h>

#include "base/error.hpp"

namespace stages::dockerfile {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> warnings(const std::string& text) {
  return parse_dockerfile(text, "D").warnings;
}

TEST(BuildChecks, FindNothingInAGoodDockerfile) {
  EXPECT_THAT(warnings("ARG BASE=debian:12\nFROM ${BASE} AS base\nWORKDIR /a\nWORKDIR b\n"
                       "ENV PUBLIC_KEY=x TOKEN_FILE=y\nFROM base\nWORKDIR c\nCMD [\"x\"]\n"
                       "SHELL [\"a\"]\nENTRYPOINT x\nEXPOSE 80/tcp $PORT\n"),
              IsEmpty());
}

TEST(BuildChecks, Case195WarnOfSecretsInArgAndEnv) {
  EXPECT_THAT(
      warnings("FROM scratch\nARG NPM_TOKEN\nENV a=b DB_PASSWORD=c apikey=d monkey=e\n"),
      ElementsAre("SecretsUsedInArgOrEnv: Do not use ARG or ENV instructions for sensitive data "
                  "(ARG \"NPM_TOKEN\") (D:2)",
                  "SecretsUsedInArgOrEnv: Do not use ARG or ENV instructions for sensitive data "
                  "(ENV \"DB_PASSWORD\") (D:3)",
                  "SecretsUsedInArgOrEnv: Do not use ARG or ENV instructions for sensitive data "
                  "(ENV \"apikey\") (D:3)"));
}

TEST(BuildChecks, WarnOfStageNames) {
  EXPECT_THAT(warnings("FROM a as Base\nFROM b AS base\nFROM c AS scratch\n"),
              ElementsAre("StageNameCasing: Stage name 'Base' should be lowercase (D:1)",
                          "FromAsCasing: 'as' and 'FROM' keywords' casing do not match (D:1)",
                          "DuplicateStageName: Duplicate stage name \"base\", stage names should "
                          "be unique (D:2)",
                          "ReservedStageName: Stage name should not use the same name as reserved "
                          "stage \"scratch\" (D:3)"));
}

TEST(BuildChecks, Case192WarnOfArgumentsOfFrom) {
  EXPECT_THAT(
      warnings("ARG VERSION\nARG TAG=1\nFROM a:${VERSION}\nFROM a:$VERSOIN\nFROM a:$TAG\n"
               "FROM --platform=$TARGETPLATFORM a\nFROM --platform=linux/arm64 a\n"
               "FROM --platform=linux/arm64 a AS arm64\nFROM --platform=$BUILDPLATFORM a\n"),
      ElementsAre("InvalidDefaultArgInFrom: Default value for ARG a:${VERSION} results in empty or "
                  "invalid base image name (D:3)",
                  "UndefinedArgInFrom: FROM argument 'VERSOIN' is not declared (did you mean "
                  "VERSION?) (D:4)",
                  "RedundantTargetPlatform: Setting platform to predefined $TARGETPLATFORM in FROM "
                  "is redundant as this is the default behavior (D:6)",
                  "FromPlatformFlagConstDisallowed: FROM --platform flag should not use constant "
                  "value \"linux/arm64\" (D:7)"));
}

TEST(BuildChecks, WarnOfInstructions) {
  EXPECT_THAT(
      warnings("FROM a\nMAINTAINER x\nLABEL a b\nWORKDIR x\nCMD x\nCMD [\"y\"]\n"
               "EXPOSE 80/TCP 90:91\nrun x\n"),
      ElementsAre(
          "MaintainerDeprecated: Maintainer instruction is deprecated in favor of using label "
          "(D:2)",
          "LegacyKeyValueFormat: \"LABEL key=value\" should be used instead of legacy \"LABEL key "
          "value\" format (D:3)",
          "WorkdirRelativePath: Relative workdir \"x\" can have unexpected results if the base "
          "image changes (D:4)",
          "JSONArgsRecommended: JSON arguments recommended for CMD to prevent unintended behavior "
          "related to OS signals (D:5)",
          "MultipleInstructionsDisallowed: Multiple CMD instructions should not be used in the "
          "same stage because only the last one will be used (D:5)",
          "ExposeProtoCasing: Defined protocol '80/TCP' in EXPOSE instruction should be lowercase "
          "(D:7)",
          "ExposeInvalidFormat: EXPOSE instruction should not define an IP address or host-port "
          "mapping, found '90:91' (D:7)",
          "ConsistentInstructionCasing: Command 'run' should match the case of the command "
          "majority (uppercase) (D:8)"));
}

TEST(BuildChecks, DoAsTheDirectiveSays) {
  EXPECT_THAT(warnings("# check=skip=all\nFROM a AS B"), IsEmpty());
  EXPECT_THAT(warnings("# check=skip=StageNameCasing,X;error=true\nFROM a AS B"), IsEmpty());
  EXPECT_THROW(warnings("# check=error=true\nFROM a AS B"), base::Error);
  EXPECT_THROW(warnings("# check=error=perhaps\nFROM a"), base::Error);
  EXPECT_THROW(warnings("# check=slip=all\nFROM a"), base::Error);
}

}  // namespace
}  // namespace stages::dockerfile
