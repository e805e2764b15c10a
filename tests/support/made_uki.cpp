// SPDX-License-Identifier: Apache-2.0
#include "tests/support/made_uki.hpp"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <fstream>
#include <stdexcept>

#include "base/handle.hpp"

namespace tests {
namespace {

using Key = base::Handle<EVP_PKEY, &::EVP_PKEY_free>;
using Certificate = base::Handle<X509, &::X509_free>;

constexpr std::uint32_t kPeOffset = 64;
constexpr std::uint32_t kOptionalBytes = 240;
constexpr std::uint32_t kHeaderBytes = 512;
constexpr std::uint32_t kAlignment = 512;
constexpr unsigned kKeyBits = 1024;  // Enough for tests, and quick to make.

void put(std::string& bytes, std::size_t offset, std::size_t width, std::uint64_t value) {
  for (std::size_t i = 0; i < width; ++i) bytes[offset + i] = static_cast<char>(value >> (8 * i));
}

void write(const std::filesystem::path& file, const std::string& content) {
  std::ofstream(file, std::ios::binary) << content;
}

std::string text_of(BIO* bio) {
  char* text = nullptr;
  const auto length = ::BIO_get_mem_data(bio, &text);
  return {text, static_cast<std::size_t>(length)};
}

template <typename Writer>
std::string written(Writer writer) {
  const base::Handle<BIO, &::BIO_free> bio(::BIO_new(::BIO_s_mem()));
  if (writer(bio.get()) != 1) throw std::runtime_error("OpenSSL cannot write");
  return text_of(bio.get());
}

std::string private_pem(EVP_PKEY* key) {
  return written([&](BIO* bio) {
    return ::PEM_write_bio_PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr);
  });
}

Certificate self_signed(EVP_PKEY* key, const std::string& name) {
  Certificate certificate(::X509_new());
  ::X509_set_version(certificate.get(), 2);
  ::ASN1_INTEGER_set(::X509_get_serialNumber(certificate.get()), 1);
  ::ASN1_TIME_set_string(::X509_getm_notBefore(certificate.get()), "20200101000000Z");
  ::ASN1_TIME_set_string(::X509_getm_notAfter(certificate.get()), "20600101000000Z");
  auto* subject = ::X509_get_subject_name(certificate.get());
  ::X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  ::X509_set_issuer_name(certificate.get(), subject);
  ::X509_set_pubkey(certificate.get(), key);
  if (::X509_sign(certificate.get(), key, ::EVP_sha256()) == 0) {
    throw std::runtime_error("OpenSSL cannot sign");
  }
  return certificate;
}

/// An EFI_VARIABLE_AUTHENTICATION_2 as far as its own header goes, then `content`.
std::string made_auth(const std::string& content) {
  std::string auth(16, '\0');
  auth += std::string("\x18\0\0\0\x00\x02\xf1\x0e", 8);
  auth += std::string("\x9d\xd2\xaf\x4a\xdf\x68\xee\x49\x8a\xa9\x34\x7d\x37\x56\x65\xa7", 16);
  return auth + content;
}

}  // namespace

std::string made_pe(const MadePe& program) {
  struct Section {
    std::string name;
    std::string content;
    std::uint32_t characteristics;
  };
  std::string data;
  for (const auto& name : program.knows) data += name + '\0';
  data += program.magic;
  const std::vector<Section> sections = {{".text", "code\xc3", 0x60000020},
                                         {".data", data, 0xc0000040},
                                         {".sbat", "sbat,1,made\n", 0x40000040}};
  std::string pe(kHeaderBytes, '\0');
  pe.replace(0, 2, "MZ");
  put(pe, 60, 4, kPeOffset);
  pe.replace(kPeOffset, 2, "PE");
  put(pe, kPeOffset + 4, 2, program.machine);
  put(pe, kPeOffset + 6, 2, sections.size());
  put(pe, kPeOffset + 20, 2, kOptionalBytes);
  put(pe, kPeOffset + 22, 2, 0x206);
  const auto optional = kPeOffset + 24;
  put(pe, optional, 2, 0x20b);
  put(pe, optional + 32, 4, kAlignment);
  put(pe, optional + 36, 4, kAlignment);
  put(pe, optional + 60, 4, kHeaderBytes);
  put(pe, optional + 68, 2, program.subsystem);
  put(pe, optional + 108, 4, 16);
  std::uint32_t address = 0x1000;
  auto row = optional + kOptionalBytes;
  for (const auto& section : sections) {
    pe.replace(row, section.name.size(), section.name);
    put(pe, row + 8, 4, section.content.size());
    put(pe, row + 12, 4, address);
    put(pe, row + 16, 4, kAlignment);
    put(pe, row + 20, 4, pe.size());
    put(pe, row + 36, 4, section.characteristics);
    auto content = section.content;
    content.resize(kAlignment);
    pe += content;
    address += 0x1000;
    row += 40;
  }
  put(pe, optional + 56, 4, address);
  return pe;
}

void write_made_keys(const std::filesystem::path& folder, const std::string& owner) {
  std::filesystem::create_directories(folder);
  const Key database(EVP_RSA_gen(kKeyBits));
  const Key pcr(EVP_RSA_gen(kKeyBits));
  const auto certificate = self_signed(database.get(), owner + " db");
  const auto pem = written([&](BIO* bio) { return ::PEM_write_bio_X509(bio, certificate.get()); });
  const auto der = written([&](BIO* bio) { return ::i2d_X509_bio(bio, certificate.get()); });
  write(folder / "db.key", private_pem(database.get()));
  write(folder / "db.pem", pem);
  write(folder / "tpm2-pcr-private.pem", private_pem(pcr.get()));
  write(folder / "db.auth", made_auth(der));
  write(folder / "KEK.auth", made_auth("KEK"));
  write(folder / "PK.auth", made_auth("PK"));
}

}  // namespace tests
