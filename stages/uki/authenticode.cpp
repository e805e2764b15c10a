// SPDX-License-Identifier: Apache-2.0
#include "stages/uki/authenticode.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/error.hpp"
#include "base/files.hpp"
#include "stages/stage.hpp"

namespace stages::uki {
namespace {

constexpr std::size_t kBufferBytes = std::size_t{1} << 20;
constexpr std::size_t kCertificateHeaderBytes = 8;
constexpr std::uint64_t kSignatureAlignment = 8;
constexpr const char* kSpcIndirectData = "1.3.6.1.4.1.311.2.1.4";

// Tags of X.690 (DER).
constexpr unsigned char kSequence = 0x30;
constexpr unsigned char kOctetString = 0x04;

std::string der(unsigned char tag, std::string_view content) {
  std::string encoded(1, static_cast<char>(tag));
  if (content.size() < 0x80) {
    encoded += static_cast<char>(content.size());
  } else {
    encoded += '\x81';  // Nothing here is longer than 255 bytes.
    encoded += static_cast<char>(content.size());
  }
  return encoded.append(content);
}

/// What an SpcIndirectDataContent says before the digest: SPC_PE_IMAGE_DATA with no flags and the
/// file "<<<Obsolete>>>", as every signer writes it.
std::string image_data() {
  std::string obsolete;
  for (const char character : std::string_view("<<<Obsolete>>>")) {
    obsolete += '\0';
    obsolete += character;
  }
  const auto link = der(0xa0, der(0xa2, der(0x80, obsolete)));
  const std::string type("\x06\x0a\x2b\x06\x01\x04\x01\x82\x37\x02\x01\x0f", 12);
  const std::string flags("\x03\x01\x00", 3);
  return der(kSequence, type + der(kSequence, flags + link));
}

/// The content of an SpcIndirectDataContent, without its outer tag and length: that is what the
/// signature's messageDigest covers.
std::string indirect_data(std::string_view sha256) {
  const std::string algorithm("\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00", 15);
  return image_data() + der(kSequence, algorithm + der(kOctetString, sha256));
}

/// Bytes of the file that belong to the program: without certificates.
std::uint64_t program_bytes(const DiskBytes& file, const PeImage& image) {
  return image.certificates.size == 0 ? file.size() : image.certificates.offset;
}

/// Where the signature's digest and the order of the file's bytes agree, the sections follow each
/// other without gaps.
void require_no_gaps(const DiskBytes& file, const PeImage& image) {
  auto sections = image.sections;
  std::erase_if(sections, [](const PeSection& section) { return section.raw_size == 0; });
  std::sort(sections.begin(), sections.end(), [](const PeSection& left, const PeSection& right) {
    return left.raw_offset < right.raw_offset;
  });
  std::uint64_t end = image.size_of_headers;
  for (const auto& section : sections) {
    file.require(
        section.raw_offset == end,
        fmt::format("there are bytes before section {} that no signature covers", section.name));
    end += section.raw_size;
  }
}

struct Digests {
  std::string sha256;
  PeChecksum checksum;  ///< Of the program, its certificate entry taken as zero.
};

/// The digest that a signature has: the program without checksum and certificate entry, filled up
/// with zeros to 8 bytes.
Digests digest_program(const DiskBytes& file, const PeImage& image, const std::stop_token& stop) {
  require_no_gaps(file, image);
  StreamDigest sha256("sha256");
  Digests digests;
  const auto end = program_bytes(file, image);
  const auto take = [&](std::uint64_t from, std::uint64_t to) {
    for (auto offset = from; offset < to;) {
      check_stop(stop);
      const auto bytes = file.read(offset, std::min<std::uint64_t>(kBufferBytes, to - offset));
      sha256.update(bytes);
      digests.checksum.update(bytes);
      offset += bytes.size();
    }
  };
  take(0, image.checksum_field());
  take(image.checksum_field() + 4, image.certificates_field());
  take(image.certificates_field() + 8, end);
  sha256.update(
      std::string((kSignatureAlignment - end % kSignatureAlignment) % kSignatureAlignment, '\0'));
  digests.sha256 = sha256.finish();
  return digests;
}

/// The time of signing comes from the epoch: else OpenSSL would put in the clock's.
void add_attributes(PKCS7_SIGNER_INFO* signer, std::int64_t epoch) {
  auto* type = ::OBJ_txt2obj(kSpcIndirectData, 1);
  auto* time = ::ASN1_TIME_set(nullptr, static_cast<time_t>(epoch));
  if (type == nullptr || time == nullptr ||
      ::PKCS7_add_signed_attribute(signer, NID_pkcs9_contentType, V_ASN1_OBJECT, type) != 1 ||
      ::PKCS7_add0_attrib_signing_time(signer, time) != 1) {
    throw_openssl("cannot prepare a signature");
  }
}

/// Puts the signed data into the signature as what it is: no octet string, as PKCS #7 has it.
void set_content(PKCS7* signature, const std::string& content) {
  const auto whole = der(kSequence, content);
  auto* inner = ::PKCS7_new();
  auto* value = ::ASN1_TYPE_new();
  auto* bytes = ::ASN1_STRING_new();
  if (inner == nullptr || value == nullptr || bytes == nullptr ||
      ::ASN1_STRING_set(bytes, whole.data(), static_cast<int>(whole.size())) != 1) {
    throw_openssl("cannot write a signature");
  }
  ::ASN1_TYPE_set(value, V_ASN1_SEQUENCE, bytes);
  inner->type = ::OBJ_txt2obj(kSpcIndirectData, 1);
  inner->d.other = value;
  if (::PKCS7_set_content(signature, inner) != 1) throw_openssl("cannot write a signature");
}

std::string make_signature(const SecureBootKey& key, std::string_view sha256, std::int64_t epoch) {
  const Pkcs7 signature(::PKCS7_new());
  if (!signature || ::PKCS7_set_type(signature.get(), NID_pkcs7_signed) != 1) {
    throw_openssl("cannot begin a signature");
  }
  auto* signer =
      ::PKCS7_add_signature(signature.get(), key.certificate.get(), key.key.get(), ::EVP_sha256());
  if (signer == nullptr || ::PKCS7_add_certificate(signature.get(), key.certificate.get()) != 1 ||
      ::PKCS7_content_new(signature.get(), NID_pkcs7_data) != 1) {
    throw_openssl("cannot begin a signature");
  }
  add_attributes(signer, epoch);
  const auto content = indirect_data(sha256);
  const base::Handle<BIO, &::BIO_free_all> sink(::PKCS7_dataInit(signature.get(), nullptr));
  if (!sink ||
      ::BIO_write(sink.get(), content.data(), static_cast<int>(content.size())) !=
          static_cast<int>(content.size()) ||
      ::PKCS7_dataFinal(signature.get(), sink.get()) != 1) {
    throw_openssl("cannot sign");
  }
  set_content(signature.get(), content);
  unsigned char* bytes = nullptr;
  const int length = ::i2d_PKCS7(signature.get(), &bytes);
  if (length < 0) throw_openssl("cannot write a signature");
  std::string encoded(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(length));
  ::OPENSSL_free(bytes);
  return encoded;
}

/// WIN_CERTIFICATE, revision 2.0, type PKCS_SIGNED_DATA, filled up to 8 bytes.
std::string certificate_entry(std::string signature) {
  auto bytes = kCertificateHeaderBytes + signature.size();
  bytes = (bytes + kSignatureAlignment - 1) / kSignatureAlignment * kSignatureAlignment;
  signature.resize(bytes - kCertificateHeaderBytes);
  return little_endian_bytes(bytes, 4) + little_endian_bytes(0x0200, 2) +
         little_endian_bytes(0x0002, 2) + signature;
}

std::string subject_of(X509* certificate) {
  const Bio bio(::BIO_new(::BIO_s_mem()));
  if (!bio || ::X509_NAME_print_ex(bio.get(), ::X509_get_subject_name(certificate), 0,
                                   XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) < 0) {
    throw_openssl("cannot read a certificate");
  }
  char* text = nullptr;
  const auto length = ::BIO_get_mem_data(bio.get(), &text);
  return {text, static_cast<std::size_t>(length)};
}

void free_stack(STACK_OF(X509) * stack) { sk_X509_free(stack); }

/// The signed data of a signature, without its outer tag and length; nullopt when it is of another
/// kind.
std::optional<std::string> signed_data(const PKCS7* signature) {
  if (::OBJ_obj2nid(signature->type) != NID_pkcs7_signed) return std::nullopt;
  const auto* contents = signature->d.sign->contents;
  std::array<char, 64> type{};
  ::OBJ_obj2txt(type.data(), static_cast<int>(type.size()), contents->type, 1);
  if (std::string_view(type.data()) != kSpcIndirectData || contents->d.other == nullptr ||
      contents->d.other->type != V_ASN1_SEQUENCE) {
    return std::nullopt;
  }
  const auto* value = contents->d.other->value.sequence;
  const auto* bytes = ::ASN1_STRING_get0_data(value);
  const unsigned char* content = bytes;
  long length = 0;
  int tag = 0;
  int kind = 0;
  if ((::ASN1_get_object(&content, &length, &tag, &kind, ::ASN1_STRING_length(value)) & 0x80) !=
      0) {
    return std::nullopt;
  }
  return std::string(reinterpret_cast<const char*>(content), static_cast<std::size_t>(length));
}

}  // namespace

void sign_pe(const std::filesystem::path& file, const SecureBootKey& key, std::int64_t epoch,
             const std::stop_token& stop) {
  const DiskBytes bytes(file);
  const auto image = read_pe(bytes);
  auto digests = digest_program(bytes, image, stop);
  const auto entry = certificate_entry(make_signature(key, digests.sha256, epoch));
  const auto end = program_bytes(bytes, image);
  const auto place = (end + kSignatureAlignment - 1) / kSignatureAlignment * kSignatureAlignment;
  const auto location = little_endian_bytes(place, 4) + little_endian_bytes(entry.size(), 4);
  digests.checksum.update(location);
  digests.checksum.update(entry);
  const auto checksum = digests.checksum.value(place + entry.size());
  const base::FileDescriptor fd(::open(file.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd || ::ftruncate(fd.get(), static_cast<off_t>(end)) != 0 ||
      ::ftruncate(fd.get(), static_cast<off_t>(place)) != 0) {
    base::throw_system_error(errno, fmt::format("cannot write {}", file.string()));
  }
  base::write_all_at(fd.get(), place, entry, file.string());
  base::write_all_at(fd.get(), image.certificates_field(), location, file.string());
  base::write_all_at(fd.get(), image.checksum_field(), little_endian_bytes(checksum, 4),
                     file.string());
}

std::optional<PeSignature> read_signature(const DiskBytes& file, const PeImage& image,
                                          const std::stop_token& stop) {
  if (image.certificates.size == 0) return std::nullopt;
  constexpr std::uint32_t kMostBytes = 1U << 20;
  file.require(
      image.certificates.size > kCertificateHeaderBytes && image.certificates.size <= kMostBytes,
      "its certificates have an odd size");
  const auto entry = file.read(image.certificates.offset, image.certificates.size);
  const auto length = std::min<std::uint64_t>(little_endian(entry, 0, 4), entry.size());
  const auto* bytes =
      reinterpret_cast<const unsigned char*>(entry.data()) + kCertificateHeaderBytes;
  file.require(length > kCertificateHeaderBytes, "its first certificate is empty");
  const Pkcs7 signature(
      ::d2i_PKCS7(nullptr, &bytes, static_cast<long>(length - kCertificateHeaderBytes)));
  const auto content = signature ? signed_data(signature.get()) : std::nullopt;
  if (!content) file.fail("its signature cannot be read: " + openssl_reason());
  const base::Handle<STACK_OF(X509), &free_stack> signers(
      ::PKCS7_get0_signers(signature.get(), nullptr, 0));
  if (!signers || sk_X509_num(signers.get()) < 1) file.fail("its signature has no signer");
  auto* certificate = sk_X509_value(signers.get(), 0);
  const auto data = memory_bio(*content);
  PeSignature result{.signer = subject_of(certificate),
                     .fingerprint = fingerprint_of(certificate),
                     .valid = false};
  const bool is_of_these_bytes =
      content->ends_with(der(kOctetString, digest_program(file, image, stop).sha256));
  result.valid = is_of_these_bytes && ::PKCS7_verify(signature.get(), nullptr, nullptr, data.get(),
                                                     nullptr, PKCS7_BINARY | PKCS7_NOVERIFY) == 1;
  ::ERR_clear_error();
  return result;
}

std::string fingerprint_of(X509* certificate) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> value{};
  unsigned length = 0;
  if (::X509_digest(certificate, ::EVP_sha256(), value.data(), &length) != 1) {
    throw_openssl("cannot read a certificate");
  }
  return hex({reinterpret_cast<const char*>(value.data()), length});
}

}  // namespace stages::uki
