// SPDX-License-Identifier: Apache-2.0
#include "base/tls_trust.hpp"

#include <gtest/gtest.h>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/temp_dir.hpp"

namespace {

constexpr const char* kPem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
constexpr const char* kOther = "-----BEGIN CERTIFICATE-----\nBBBB\n-----END CERTIFICATE-----\n";

class Trust : public testing::Test {
 protected:
  void write(const std::string& name, const std::string& text) {
    base::make_directories((folder_.path() / name).parent_path());
    base::write_file_atomically(folder_.path() / name, text);
  }
  base::HostTrust trust_for(const std::string& url) {
    return *base::TlsTrust(options_, folder_.path() / "system.crt")
                .for_host(*base::Url::parse(url));
  }
  base::TempDir folder_{base::temp_root(), "trust"};
  base::TlsTrustOptions options_;
};

}  // namespace

TEST_F(Trust, IsTheSystemsByDefault) {
  const auto trust = trust_for("https://reg.io/");

  EXPECT_TRUE(trust.verify);
  EXPECT_TRUE(trust.ca_bundle.empty());
  EXPECT_TRUE(trust.system_paths);
}

TEST_F(Trust, ExtraCasJoinTheSystemsBundle) {
  write("system.crt", std::string("system ") + kPem);
  write("cas/one.pem", std::string("one ") + kOther);
  write("cas/README", "not a certificate");
  options_.ca_dirs = {folder_.path() / "cas"};

  const auto bundle = trust_for("https://reg.io/").ca_bundle;

  EXPECT_NE(bundle.find("system -----"), std::string::npos);
  EXPECT_NE(bundle.find("one -----"), std::string::npos);
  EXPECT_EQ(bundle.find("README"), std::string::npos);
}

TEST_F(Trust, Case059CertificatesOfAHostAreForThatHostAndPort) {
  write("certs.d/reg.io:5000/ca.crt", kPem);
  write("certs.d/reg.io:5000/client.cert", kPem);
  write("certs.d/reg.io:5000/client.key", "key");
  options_.certs_dirs = {folder_.path() / "certs.d"};

  EXPECT_EQ(trust_for("https://reg.io:5000/").client_key.filename(), "client.key");
  EXPECT_TRUE(trust_for("https://reg.io/").client_key.empty());
  EXPECT_TRUE(trust_for("https://reg.io/").ca_bundle.empty());
}

TEST_F(Trust, Case059RefusesHalfAClientCertificateAndFoldersWithoutCas) {
  write("one/reg.io/client.cert", kPem);
  write("two/reg.io/client.key", "key");
  write("three/ca.crt", "\x30\x82 binary");
  for (const auto* name : {"one", "two"}) {
    options_.certs_dirs = {folder_.path() / name};
    EXPECT_THROW(trust_for("https://reg.io/"), base::Error) << name;
  }
  options_.certs_dirs.clear();
  for (const auto* name : {"three", "one", "missing"}) {
    options_.ca_dirs = {folder_.path() / name};
    EXPECT_THROW(trust_for("https://reg.io/"), base::Error) << name;
  }
}

TEST_F(Trust, InsecureIsPerHostAndPort) {
  options_.insecure_hosts = {"reg.io:5000", "plain.io"};

  EXPECT_FALSE(trust_for("https://reg.io:5000/").verify);
  EXPECT_TRUE(trust_for("https://reg.io/").verify);
  EXPECT_FALSE(trust_for("https://plain.io/").verify);
  EXPECT_TRUE(trust_for("https://plain.io:8443/").verify);
}

TEST_F(Trust, InsecureCanBeAllBelowADomain) {
  options_.insecure_hosts = {"*.corp.example", "*.ports.example:5000"};

  EXPECT_FALSE(trust_for("https://a.b.corp.example/").verify);
  EXPECT_TRUE(trust_for("https://corp.example/").verify);
  EXPECT_TRUE(trust_for("https://evilcorp.example/").verify);
  EXPECT_TRUE(trust_for("https://a.corp.example:5000/").verify) << "a port belongs to its host";
  EXPECT_FALSE(trust_for("https://a.ports.example:5000/").verify);
}

TEST_F(Trust, AHostOfPlainHttpIsStillVerifiedWhenItSpeaksTls) {
  options_.plain_http_hosts = {"plain.io", "port.io:5000"};
  const base::TlsTrust trust(options_, "");

  EXPECT_TRUE(trust.is_plain_http(*base::Url::parse("http://plain.io/")));
  EXPECT_TRUE(trust.is_plain_http(*base::Url::parse("http://port.io:5000/")));
  EXPECT_FALSE(trust.is_plain_http(*base::Url::parse("http://port.io/")));
  EXPECT_TRUE(trust_for("https://plain.io/").verify);
}

TEST_F(Trust, SslCertDirReplacesTheSystemsFolder) {
  write("x/a.0", kPem);
  write("x/notes.txt", "no certificate");
  options_.add_environment({{"SSL_CERT_DIR", ":" + (folder_.path() / "x").string()}});

  const auto trust = trust_for("https://reg.io/");

  EXPECT_FALSE(trust.system_paths);
  EXPECT_NE(trust.ca_bundle.find("AAAA"), std::string::npos);
}

TEST_F(Trust, ACertificateOfManyFilesIsTakenOnce) {
  write("bundle.crt", std::string(kPem) + kOther);
  write("x/a.pem", kPem);
  write("x/a.0", kPem);
  write("x/c.0", "-----BEGIN CERTIFICATE-----\nCCCC\n-----END CERTIFICATE-----\n");
  options_.add_environment({{"SSL_CERT_FILE", (folder_.path() / "bundle.crt").string()},
                            {"SSL_CERT_DIR", (folder_.path() / "x").string()}});

  const auto bundle = trust_for("https://reg.io/").ca_bundle;

  for (const auto* certificate : {"AAAA", "BBBB", "CCCC"}) {
    const auto first = bundle.find(certificate);
    EXPECT_NE(first, std::string::npos) << certificate;
    EXPECT_EQ(bundle.find(certificate, first + 1), std::string::npos) << certificate;
  }
}

TEST_F(Trust, AMissingSslCertFileIsAnErrorThatNamesIt) {
  options_.add_environment({{"SSL_CERT_FILE", "/no/such/file"}});
  try {
    trust_for("https://reg.io/");
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_NE(error.facts().what.find("/no/such/file"), std::string::npos);
  }
}

TEST_F(Trust, CertificatesGivenAsTextStandInsteadOfTheSystems) {
  write("system.crt", std::string("system ") + kPem);
  options_.ca_pem = kPem;
  options_.client_certificate_pem = "certificate";
  options_.client_key_pem = base::Secret("key");

  const auto trust = trust_for("https://cluster:6443/");

  EXPECT_EQ(trust.ca_bundle, kPem);
  EXPECT_FALSE(trust.system_paths);
  EXPECT_EQ(trust.client_certificate_pem, "certificate");
  EXPECT_EQ(trust.client_key_pem.reveal(), "key");
}
