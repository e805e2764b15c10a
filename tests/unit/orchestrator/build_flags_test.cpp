// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/build_flags.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/temp_dir.hpp"
#include "orchestrator/image_request.hpp"

namespace orchestrator {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

template <typename Call>
std::string error_of(Call call) {
  try {
    static_cast<void>(call());
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::ErrorCode::kUsage);
    return base::render(error);
  }
  return "";
}

TEST(BuildFlags, SecretsComeFromFilesAndVariables) {
  const base::TempDir folder(base::temp_root(), "build_flags_test");
  const auto file = (folder.path() / "token").string();
  base::write_file_atomically(file, "of the file");
  const base::Environment variables = {{"TOKEN", "of the variable"}, {"id1", "by its id"}};
  const auto value = [&](const std::string& flag) {
    return parse_build_secret(flag, variables).value.reveal();
  };

  EXPECT_EQ(value("id=a,src=" + file), "of the file");
  EXPECT_EQ(value("type=file,id=a,source=" + file), "of the file");
  EXPECT_EQ(value("id=a,env=TOKEN"), "of the variable");
  EXPECT_EQ(value("id=TOKEN,type=env"), "of the variable");
  EXPECT_EQ(value("id=id1"), "by its id");
  EXPECT_EQ(parse_build_secret("id=a,env=TOKEN", variables).id, "a");
}

TEST(BuildFlags, SecretsThatAreNotThereAreNamed) {
  const auto error = [](const std::string& flag) {
    return error_of([&] { return parse_build_secret(flag, {}); });
  };

  EXPECT_THAT(error("id=a,src=/nonexistent"), HasSubstr("there is no file /nonexistent"));
  EXPECT_THAT(error("id=a,env=NONE"), HasSubstr("the variable NONE is not set"));
  for (const auto* flag : {"", "a", "src=/x", "id=a,env=B,src=c", "id=a,other=b", "id=a,type=x"}) {
    EXPECT_THAT(error(flag), HasSubstr("a --secret cannot be used")) << flag;
  }
}

TEST(BuildFlags, AnAgentMustBeASocket) {
  std::map<std::string, std::string> agents;
  EXPECT_THAT(error_of([&] {
                parse_ssh_flag("default", {}, agents);
                return 0;
              }),
              HasSubstr("$SSH_AUTH_SOCK is not set"));
  EXPECT_THAT(error_of([&] {
                parse_ssh_flag("git=/etc/hosts", {}, agents);
                return 0;
              }),
              HasSubstr("not the socket of an agent"));
}

TEST(BuildFlags, LabelsAndArguments) {
  EXPECT_THAT(parse_labels({"a=1", "b", "a=2=3"}), ElementsAre(Pair("a", "2=3"), Pair("b", "")));
  EXPECT_THAT(parse_build_arguments({"A=1", "B", "C", "D="}, {{"B", "of the variable"}}),
              ElementsAre(Pair("A", "1"), Pair("B", "of the variable"), Pair("D", "")));
  EXPECT_NE(error_of([] { return parse_build_arguments({"=x"}, {}); }), "");
  EXPECT_NE(error_of([] { return parse_labels({"=x"}); }), "");
}

TEST(BuildFlags, ProxiesAreTakenFromTheEnvironment) {
  EXPECT_THAT(
      proxy_arguments({{"HTTP_PROXY", "a"}, {"no_proxy", "b"}, {"https_proxy", ""}, {"X", "c"}}),
      ElementsAre(Pair("HTTP_PROXY", "a"), Pair("no_proxy", "b")));
}

TEST(BuildFlags, OutputsInOurFormAndInDockers) {
  EXPECT_EQ(parse_output("oci:dir:tag").text(), "oci:dir:tag");
  EXPECT_EQ(parse_output("type=oci,dest=a.tar").text(), "oci-archive:a.tar");
  EXPECT_EQ(parse_output("type=oci,dest=a,tar=false").text(), "oci:a");
  EXPECT_EQ(parse_output("type=docker,dest=a.tar").text(), "docker-archive:a.tar");
  for (const auto* flag : {"", "dir", "type=local,dest=a", "type=docker", "type=oci,dest=a,x=y"}) {
    EXPECT_THAT(error_of([&] { return parse_output(flag); }), HasSubstr("cannot be used")) << flag;
  }
}

}  // namespace
}  // namespace orchestrator
