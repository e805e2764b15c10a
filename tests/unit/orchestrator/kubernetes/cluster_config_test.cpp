// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/kubernetes/cluster_config.hpp"

#include <gmock/gmock.h>

#include "base/base64.hpp"
#include "base/error.hpp"
#include "base/files.hpp"
#include "base/temp_dir.hpp"

namespace kubernetes = orchestrator::kubernetes;
using testing::HasSubstr;

namespace {

class Kubeconfig : public testing::Test {
 protected:
  std::filesystem::path write(const std::string& name, const std::string& text) {
    base::write_file_atomically(folder_.path() / name, text);
    return folder_.path() / name;
  }
  std::filesystem::path kubeconfig(const std::string& cluster, const std::string& user) {
    return write("config",
                 "apiVersion: v1\nkind: Config\ncurrent-context: c\n"
                 "contexts: [{name: c, context: {cluster: k, user: u, namespace: builds}}]\n"
                 "clusters: [{name: k, cluster: {" +
                     cluster +
                     "}}]\n"
                     "users: [{name: u, user: {" +
                     user + "}}]\n");
  }
  static base::Error refused(const std::function<void()>& call) {
    try {
      call();
    } catch (const base::Error& error) {
      return error;
    }
    ADD_FAILURE() << "nothing was thrown";
    return base::Error({});
  }
  base::TempDir folder_{base::temp_root(), "kubeconfig"};
};

}  // namespace

TEST_F(Kubeconfig, TakesCertificatesFromInlineDataAndFiles) {
  write("key.pem", "the key");
  const auto path =
      kubeconfig("server: \"https://10.0.0.1:6443/prefix\", certificate-authority-data: " +
                     base::base64_encode("the CA"),
                 "client-certificate-data: " + base::base64_encode("the certificate") +
                     ", client-key: key.pem");

  const auto config = kubernetes::read_kubeconfig(path);

  EXPECT_EQ(config.server.text(), "https://10.0.0.1:6443/prefix");
  EXPECT_EQ(config.ca_pem, "the CA");
  EXPECT_EQ(config.client_certificate_pem, "the certificate");
  EXPECT_EQ(config.client_key_pem.reveal(), "the key");
  EXPECT_EQ(config.space, "builds");
  EXPECT_TRUE(config.token->value().empty());
}

TEST_F(Kubeconfig, ATokenFileIsReadAgainWhenTheTokenIsRefused) {
  const auto file = write("token", "first\n");
  const auto config = kubernetes::read_kubeconfig(
      kubeconfig("server: \"https://k\"", "token: inline, tokenFile: token"));
  const auto first = config.token->value();

  EXPECT_EQ(first.reveal(), "first");
  EXPECT_FALSE(config.token->reread(first)) << "the file holds the same one";
  base::write_file_atomically(file, "second");
  EXPECT_TRUE(config.token->reread(first));
  EXPECT_EQ(config.token->value().reveal(), "second");
}

TEST_F(Kubeconfig, NamesTheFileAndWhatIsWrongWithIt) {
  const auto missing = [&] { kubernetes::read_kubeconfig(folder_.path() / "none"); };
  EXPECT_THAT(refused(missing).facts().what, HasSubstr("none"));

  const auto no_context = [&] {
    kubernetes::read_kubeconfig(kubeconfig("server: \"https://k\"", "token: t"), "other");
  };
  EXPECT_THAT(refused(no_context).facts().why, HasSubstr("no entry named \"other\""));

  const auto half = [&] {
    kubernetes::read_kubeconfig(
        kubeconfig("server: \"https://k\"", "client-certificate-data: YQ=="));
  };
  EXPECT_THAT(refused(half).facts().why, HasSubstr("needs its key"));
}

TEST_F(Kubeconfig, SaysThatPluginsAreNotRun) {
  const auto error = refused([&] {
    kubernetes::read_kubeconfig(kubeconfig("server: \"https://k\"", "exec: {command: aws}"));
  });

  EXPECT_EQ(error.code(), base::ErrorCode::kUnsupported);
  EXPECT_THAT(error.facts().why, HasSubstr("users[].user.exec"));
}

TEST_F(Kubeconfig, APodFindsItsClusterInItsServiceAccount) {
  write("token", "t");
  write("ca.crt", "the CA");
  write("namespace", "builds");

  const auto config = kubernetes::in_cluster_config(
      {{"KUBERNETES_SERVICE_HOST", "fd00::1"}, {"KUBERNETES_SERVICE_PORT", "443"}}, folder_.path());

  EXPECT_EQ(config.server.text(), "https://[fd00::1]/");
  EXPECT_EQ(config.ca_pem, "the CA");
  EXPECT_EQ(config.token->value().reveal(), "t");
  EXPECT_EQ(config.space, "builds");
  EXPECT_THAT(refused([&] { kubernetes::in_cluster_config({}, folder_.path()); }).facts().hint,
              HasSubstr("--kubeconfig"));
}
