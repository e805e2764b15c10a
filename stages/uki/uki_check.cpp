// SPDX-License-Identifier: Apache-2.0
#include "stages/uki/uki_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "stages/disk_bytes.hpp"
#include "stages/uki/authenticode.hpp"
#include "stages/uki/pcr_policy.hpp"

namespace stages::uki {
namespace {

constexpr std::size_t kMostTextBytes = std::size_t{1} << 20;
constexpr std::string_view kZstdMagic("\x28\xb5\x2f\xfd", 4);

/// The text of a section, without zeros at its end; nullopt when there is no such section.
std::optional<std::string> text_of(const DiskBytes& file, const PeImage& image,
                                   std::string_view name) {
  const auto* section = image.find(name);
  if (section == nullptr) return std::nullopt;
  auto text = section_content(file, *section, kMostTextBytes);
  text.resize(text.find_last_not_of('\0') + 1);
  return text;
}

std::string problem_of_policies_in(const DiskBytes& file, const PeImage& image,
                                   const PcrValues& values) {
  const auto policies = text_of(file, image, ".pcrsig");
  const auto key = text_of(file, image, ".pcrpkey");
  if (!policies || !key) return "it has no signed policies (.pcrsig and .pcrpkey)";
  return problem_of_policies(*policies, values, *key);
}

nlohmann::json policies_per_bank(const std::optional<std::string>& pcrsig) {
  nlohmann::json banks = nlohmann::json::object();
  const auto document = nlohmann::json::parse(pcrsig.value_or(""), nullptr, false);
  if (!document.is_object()) return banks;
  for (const auto& [bank, policies] : document.items()) banks[bank] = policies.size();
  return banks;
}

void describe_uki(const DiskBytes& file, const PeImage& image, nlohmann::json& description,
                  const std::stop_token& stop) {
  const auto put = [&](const char* key, std::string_view section) {
    if (auto text = text_of(file, image, section)) description[key] = std::move(*text);
  };
  description["type"] = "uki";
  put("commandLine", ".cmdline");
  put("osRelease", ".osrel");
  put("release", ".uname");
  const auto pcrsig = text_of(file, image, ".pcrsig");
  if (!pcrsig || image.find(".profile") != nullptr) return;
  const auto values = predict_pcrs(file, image, stop);
  for (const auto& [bank, value] : values) description["pcr11"][bank] = hex(value);
  description["pcrBanks"] = policies_per_bank(pcrsig);
  const auto problem = problem_of_policies_in(file, image, values);
  description["pcrPolicies"] = problem.empty() ? "valid" : problem;
}

void check_signature(const DiskBytes& file, const PeImage& image, const std::string& fingerprint,
                     const std::stop_token& stop) {
  const auto signature = read_signature(file, image, stop);
  if (!signature) file.fail("it is not signed");
  file.require(signature->valid, "its signature is not of these bytes");
  file.require(signature->fingerprint == fingerprint,
               "it is signed by another certificate: " + signature->signer);
}

PeImage check_program(const DiskBytes& file, Architecture architecture) {
  auto image = read_pe(file);
  file.require(image.subsystem == kEfiApplication, "it is no EFI application");
  file.require(image.architecture() == architecture,
               fmt::format("it is not for {}", name_of(architecture)));
  return image;
}

}  // namespace

nlohmann::json describe_pe(const std::filesystem::path& path, const std::stop_token& stop) {
  const DiskBytes file(path);
  const auto image = read_pe(file);
  const auto architecture = image.architecture();
  nlohmann::json description = {
      {"type", "efi-program"},
      {"architecture",
       architecture ? std::string(name_of(*architecture)) : fmt::format("{:#06x}", image.machine)},
      {"subsystem", image.subsystem},
      {"sections", nlohmann::json::array()},
      {"signature", nullptr}};
  for (const auto& section : image.sections) {
    description["sections"].push_back({{"name", section.name}, {"size", section.virtual_size}});
  }
  if (const auto signature = read_signature(file, image, stop)) {
    description["signature"] = {{"signer", signature->signer},
                                {"fingerprint", signature->fingerprint},
                                {"valid", signature->valid}};
  }
  if (image.find(".linux") != nullptr) describe_uki(file, image, description, stop);
  return description;
}

void check_uki(const std::filesystem::path& path, Architecture architecture,
               const std::string& fingerprint, const std::stop_token& stop) {
  const DiskBytes file(path);
  const auto image = check_program(file, architecture);
  for (const auto* name : {".linux", ".initrd", ".cmdline", ".pcrpkey", ".pcrsig"}) {
    const auto* section = image.find(name);
    file.require(section != nullptr && section->virtual_size > 0,
                 fmt::format("it has no section {}", name));
  }
  const auto known = measured_sections(file, image);
  for (const auto* name : {".linux", ".initrd", ".cmdline"}) {
    file.require(std::find(known.begin(), known.end(), name) != known.end(),
                 fmt::format("its stub does not know the section {}", name));
  }
  const auto& initrd = *image.find(".initrd");
  file.require(file.read(initrd.raw_offset, kZstdMagic.size()) == kZstdMagic,
               "its initrd is not compressed with zstd");
  const auto problem = problem_of_policies_in(file, image, predict_pcrs(file, image, stop));
  file.require(problem.empty(), problem);
  check_signature(file, image, fingerprint, stop);
}

void check_signed_pe(const std::filesystem::path& path, Architecture architecture,
                     const std::string& fingerprint, const std::stop_token& stop) {
  const DiskBytes file(path);
  check_signature(file, check_program(file, architecture), fingerprint, stop);
}

}  // namespace stages::uki
