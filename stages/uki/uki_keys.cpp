// SPDX-License-Identifier: Apache-2.0
#include "stages/uki/uki_keys.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include <ctime>
#include <optional>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/secret.hpp"
#include "oci/digest.hpp"

namespace stages::uki {
namespace {

constexpr std::size_t kMostBytes = std::size_t{1} << 20;

// WIN_CERT_TYPE_EFI_GUID and EFI_CERT_TYPE_PKCS7_GUID as they lie in an
// EFI_VARIABLE_AUTHENTICATION_2, after its 16-byte time. Source: UEFI 2.10, 8.2.2.
constexpr std::size_t kTypeOffset = 22;
constexpr std::string_view kEfiGuidType("\xf1\x0e", 2);
constexpr std::size_t kGuidOffset = 24;
constexpr std::string_view kPkcs7Guid(
    "\x9d\xd2\xaf\x4a\xdf\x68\xee\x49\x8a\xa9\x34\x7d\x37\x56\x65\xa7", 16);

int no_passphrase(char* /*buffer*/, int /*bytes*/, int /*writing*/, void* /*nothing*/) {
  return -1;
}

/// Reads one folder of keys and collects what is wrong with it.
class KeyReader {
 public:
  explicit KeyReader(const std::filesystem::path& folder) : folder_(folder) {}

  PrivateKey private_key(const std::string& name) {
    const auto text = read(name);
    if (!text) return {};
    const auto bio = memory_bio(text->reveal());
    PrivateKey key(::PEM_read_bio_PrivateKey(bio.get(), nullptr, &no_passphrase, nullptr));
    if (!key) complain(name, "no private key in PEM without a passphrase: " + openssl_reason());
    return key;
  }

  Certificate certificate(const std::string& name) {
    const auto text = read(name);
    if (!text) return {};
    const auto bio = memory_bio(text->reveal());
    Certificate certificate(::PEM_read_bio_X509(bio.get(), nullptr, &no_passphrase, nullptr));
    if (!certificate) complain(name, "no certificate in PEM: " + openssl_reason());
    return certificate;
  }

  EnrolmentFile enrolment(std::string name) {
    const auto content = read(name);
    if (!content) return {};
    const auto& bytes = content->reveal();
    if (bytes.size() <= kGuidOffset + kPkcs7Guid.size() ||
        bytes.compare(kTypeOffset, 2, kEfiGuidType) != 0 ||
        bytes.compare(kGuidOffset, kPkcs7Guid.size(), kPkcs7Guid) != 0) {
      complain(name, "no signed update of an EFI variable");
    }
    return {.name = std::move(name), .content = bytes};
  }

  void complain(std::string_view name, std::string_view problem) {
    problems_.push_back(fmt::format("{}: {}", name, problem));
  }

  void finish() const {
    if (problems_.empty()) return;
    throw base::Error({.code = base::ErrorCode::kManifest,
                       .what = "the keys for signed artifacts cannot be used",
                       .why = fmt::format("{}", fmt::join(problems_, "; ")),
                       .hint = "the volume of spec.artifacts.uki.keysVolume holds db.key, db.pem, "
                               "tpm2-pcr-private.pem, PK.auth, KEK.auth and db.auth"});
  }

 private:
  std::optional<base::Secret> read(const std::string& name) {
    auto content = base::read_file_if_exists(folder_ / name, kMostBytes);
    if (!content) {
      complain(name, "not there");
      return std::nullopt;
    }
    return base::Secret(std::move(*content));
  }

  const std::filesystem::path& folder_;
  std::vector<std::string> problems_;
};

std::string to_der(X509* certificate) {
  unsigned char* bytes = nullptr;
  const int length = ::i2d_X509(certificate, &bytes);
  if (length < 0) throw_openssl("cannot encode a certificate");
  std::string der(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(length));
  ::OPENSSL_free(bytes);
  return der;
}

void check_pair(const SecureBootKey& pair, KeyReader& reader) {
  if (!pair.key || !pair.certificate) return;
  if (::X509_check_private_key(pair.certificate.get(), pair.key.get()) != 1) {
    ::ERR_clear_error();
    reader.complain("db.key", "it is not the key of the certificate db.pem");
  }
  if (::EVP_PKEY_base_id(pair.key.get()) != EVP_PKEY_RSA) {
    reader.complain("db.key", "it is no RSA key, the one kind that all firmware knows");
  }
}

void warn(UkiKeys& keys) {
  const auto der = to_der(keys.secure_boot.certificate.get());
  for (const auto& file : keys.enrolment) {
    if (file.name == "db.auth" && file.content.find(der) == std::string::npos) {
      keys.warnings.emplace_back(
          "db.auth does not hold the certificate db.pem: machines that enrol it refuse the image");
    }
  }
  if (::X509_cmp_current_time(::X509_get0_notAfter(keys.secure_boot.certificate.get())) < 0) {
    keys.warnings.emplace_back("the certificate db.pem has expired");
  }
}

}  // namespace

UkiKeys read_uki_keys(const std::filesystem::path& folder) {
  KeyReader reader(folder);
  UkiKeys keys;
  keys.secure_boot = {.key = reader.private_key("db.key"),
                      .certificate = reader.certificate("db.pem")};
  keys.pcr = reader.private_key("tpm2-pcr-private.pem");
  for (const char* name : {"PK.auth", "KEK.auth", "db.auth"}) {
    keys.enrolment.push_back(reader.enrolment(name));
  }
  check_pair(keys.secure_boot, reader);
  if (keys.pcr && ::EVP_PKEY_base_id(keys.pcr.get()) != EVP_PKEY_RSA) {
    reader.complain("tpm2-pcr-private.pem", "it is no RSA key, the one kind that systemd takes");
  }
  reader.finish();
  warn(keys);
  return keys;
}

nlohmann::json identify(const UkiKeys& keys) {
  nlohmann::json identity = {
      {"db.pem", oci::Digest::of(to_der(keys.secure_boot.certificate.get())).text()},
      {"tpm2-pcr-public", oci::Digest::of(public_key_pem(keys.pcr.get())).text()}};
  for (const auto& file : keys.enrolment)
    identity[file.name] = oci::Digest::of(file.content).text();
  return identity;
}

std::string public_key_pem(EVP_PKEY* key) {
  const Bio bio(::BIO_new(::BIO_s_mem()));
  if (!bio || ::PEM_write_bio_PUBKEY(bio.get(), key) != 1)
    throw_openssl("cannot write a public key");
  char* text = nullptr;
  const auto length = ::BIO_get_mem_data(bio.get(), &text);
  return {text, static_cast<std::size_t>(length)};
}

}  // namespace stages::uki
