// SPDX-License-Identifier: Apache-2.0
#include "stages/uki/pcr_policy.hpp"

#include <fmt/format.h>
#include <openssl/pem.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/base64.hpp"
#include "base/error.hpp"
#include "oci/parallel.hpp"
#include "stages/stage.hpp"

namespace stages::uki {
namespace {

constexpr std::size_t kBufferBytes = std::size_t{1} << 20;
constexpr std::size_t kMostStubBytes = std::size_t{4} << 20;

/// A bank of PCRs and the number that TPMs know its digest by. Source: TPM 2.0 Part 2, TPM_ALG_ID.
struct Bank {
  const char* name;
  std::uint16_t algorithm;
  std::size_t bytes;
};

constexpr std::array<Bank, 4> kBanks = {
    {{"sha1", 0x0004, 20}, {"sha256", 0x000b, 32}, {"sha384", 0x000c, 48}, {"sha512", 0x000d, 64}}};

/// What userspace measures while it comes up, in order. Source: systemd-pcrphase.service(8).
constexpr std::array<std::string_view, 4> kPhases = {"enter-initrd", "leave-initrd", "sysinit",
                                                     "ready"};

/// .pcrsig is not among them: it cannot hold a signature of itself.
constexpr std::array<std::string_view, 10> kMeasured = {".linux", ".osrel",  ".cmdline", ".initrd",
                                                        ".ucode", ".splash", ".dtb",     ".uname",
                                                        ".sbat",  ".pcrpkey"};

/// The parts of a stub that hold its constants.
constexpr std::array<std::string_view, 4> kStubData = {".text", ".rodata", ".rdata", ".data"};

std::string extend(const Bank& bank, const std::string& value, std::string_view measured_digest) {
  return digest(bank.name, value + std::string(measured_digest));
}

std::string digest_of_section(const Bank& bank, const DiskBytes& file, const PeSection& section,
                              const std::stop_token& stop) {
  StreamDigest digest(bank.name);
  const auto stored = std::min(section.raw_size, section.virtual_size);
  for (std::uint64_t done = 0; done < section.virtual_size;) {
    check_stop(stop);
    const auto end = done < stored ? stored : section.virtual_size;
    const auto part = std::min<std::uint64_t>(kBufferBytes, end - done);
    // What the file does not hold is zero in memory.
    digest.update(done < stored ? file.read(section.raw_offset + done, part)
                                : std::string(part, '\0'));
    done += part;
  }
  return digest.finish();
}

std::string predict(const Bank& bank, const DiskBytes& file, const PeImage& image,
                    const std::stop_token& stop) {
  std::string value(bank.bytes, '\0');
  for (const auto& name : measured_sections(file, image)) {
    const auto* section = image.find(name);
    if (section == nullptr || section->virtual_size == 0) continue;
    value = extend(bank, value, digest(bank.name, name + '\0'));
    value = extend(bank, value, digest_of_section(bank, file, *section, stop));
  }
  return value;
}

std::string big_endian(std::uint64_t value, std::size_t width) {
  std::string bytes;
  for (std::size_t i = width; i > 0; --i) bytes += static_cast<char>(value >> (8 * (i - 1)) & 0xff);
  return bytes;
}

/// TPM2_PolicyPCR on a fresh SHA-256 policy, for PCR 11 of one bank.
std::string policy_of(const Bank& bank, const std::string& value) {
  constexpr std::uint32_t kPolicyPcr = 0x0000017f;
  const auto selection = big_endian(1, 4) + big_endian(bank.algorithm, 2) + big_endian(3, 1) +
                         std::string("\0\x08\0", 3);  // 24 PCRs; bit 11.
  return digest("sha256", std::string(32, '\0') + big_endian(kPolicyPcr, 4) + selection +
                              digest("sha256", value));
}

/// sha256 of the key as systemd identifies it: for RSA the PKCS #1 encoding.
std::string fingerprint(EVP_PKEY* key) {
  unsigned char* bytes = nullptr;
  const int length = ::i2d_PublicKey(key, &bytes);
  if (length < 0) throw_openssl("cannot encode a public key");
  auto value =
      digest("sha256", {reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(length)});
  ::OPENSSL_free(bytes);
  return hex(value);
}

std::string sign(const Bank& bank, EVP_PKEY* key, std::string_view policy) {
  const base::Handle<EVP_MD_CTX, &::EVP_MD_CTX_free> context(::EVP_MD_CTX_new());
  const auto* bytes = reinterpret_cast<const unsigned char*>(policy.data());
  std::size_t length = 0;
  const auto* type = ::EVP_get_digestbyname(bank.name);
  if (!context || ::EVP_DigestSignInit(context.get(), nullptr, type, nullptr, key) != 1 ||
      ::EVP_DigestSign(context.get(), nullptr, &length, bytes, policy.size()) != 1) {
    throw_openssl("cannot sign a PCR policy");
  }
  std::string signature(length, '\0');
  if (::EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &length,
                       bytes, policy.size()) != 1) {
    throw_openssl("cannot sign a PCR policy");
  }
  signature.resize(length);
  return signature;
}

bool verify(const Bank& bank, EVP_PKEY* key, std::string_view policy, std::string_view signature) {
  const base::Handle<EVP_MD_CTX, &::EVP_MD_CTX_free> context(::EVP_MD_CTX_new());
  const auto* type = ::EVP_get_digestbyname(bank.name);
  return context && ::EVP_DigestVerifyInit(context.get(), nullptr, type, nullptr, key) == 1 &&
         ::EVP_DigestVerify(context.get(), reinterpret_cast<const unsigned char*>(signature.data()),
                            signature.size(), reinterpret_cast<const unsigned char*>(policy.data()),
                            policy.size()) == 1;
}

/// The policies of a bank, one after each phase.
std::vector<std::string> policies(const Bank& bank, std::string value) {
  std::vector<std::string> result;
  for (const auto phase : kPhases) {
    value = extend(bank, value, digest(bank.name, phase));
    result.push_back(policy_of(bank, value));
  }
  return result;
}

/// Throws nlohmann's errors for a document of another shape.
std::string problem_of_bank(const Bank& bank, const nlohmann::json& entries,
                            const std::string& value, EVP_PKEY* key) {
  for (const auto& policy : policies(bank, value)) {
    const auto entry = std::find_if(entries.begin(), entries.end(), [&](const auto& candidate) {
      return candidate.at("pol").template get<std::string>() == hex(policy);
    });
    if (entry == entries.end()) return fmt::format("its {} bank lacks a policy", bank.name);
    const auto signature = base::base64_decode(entry->at("sig").get<std::string>());
    if (entry->at("pcrs") != nlohmann::json{kKernelPcr} || entry->at("pkfp") != fingerprint(key) ||
        !signature || !verify(bank, key, policy, *signature)) {
      return fmt::format("its {} bank has a signature that is not right", bank.name);
    }
  }
  return {};
}

}  // namespace

std::vector<std::string> measured_sections(const DiskBytes& file, const PeImage& image) {
  std::vector<std::string> names;
  for (const auto name : kMeasured) {
    const auto with_end = std::string(name) + '\0';
    for (const auto part : kStubData) {
      const auto* section = image.find(part);
      if (section == nullptr) continue;
      if (section_content(file, *section, kMostStubBytes).find(with_end) != std::string::npos) {
        names.emplace_back(name);
        break;
      }
    }
  }
  return names;
}

PcrValues predict_pcrs(const DiskBytes& file, const PeImage& image, const std::stop_token& stop) {
  std::array<std::string, kBanks.size()> values;
  oci::for_each_parallel(kBanks.size(), kBanks.size(), stop,
                         [&](std::size_t index, const std::stop_token& stopped) {
                           values[index] = predict(kBanks[index], file, image, stopped);
                         });
  PcrValues result;
  for (std::size_t i = 0; i < kBanks.size(); ++i) result.emplace(kBanks[i].name, values[i]);
  return result;
}

std::string sign_pcr_policies(const PcrValues& values, EVP_PKEY* key) {
  nlohmann::json document = nlohmann::json::object();
  const auto key_fingerprint = fingerprint(key);
  for (const auto& bank : kBanks) {
    auto entries = nlohmann::json::array();
    for (const auto& policy : policies(bank, values.at(bank.name))) {
      entries.push_back({{"pcrs", {kKernelPcr}},
                         {"pkfp", key_fingerprint},
                         {"pol", hex(policy)},
                         {"sig", base::base64_encode(sign(bank, key, policy))}});
    }
    document[bank.name] = std::move(entries);
  }
  return document.dump();
}

std::string problem_of_policies(std::string_view pcrsig, const PcrValues& values,
                                std::string_view public_key_pem) {
  const auto bio = memory_bio(public_key_pem);
  const PrivateKey key(::PEM_read_bio_PUBKEY(bio.get(), nullptr, nullptr, nullptr));
  if (!key) return "its .pcrpkey holds no public key: " + openssl_reason();
  // A stub may hand the section over with a zero at its end.
  const auto document = nlohmann::json::parse(pcrsig.substr(0, pcrsig.find('\0')), nullptr, false);
  if (document.is_discarded()) return "its .pcrsig is no JSON";
  try {
    for (const auto& bank : kBanks) {
      auto problem = problem_of_bank(bank, document.at(bank.name), values.at(bank.name), key.get());
      if (!problem.empty()) return problem;
    }
  } catch (const nlohmann::json::exception&) {
    return "its .pcrsig has another form than systemd's";
  }
  return {};
}

}  // namespace stages::uki
