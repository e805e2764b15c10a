// SPDX-License-Identifier: Apache-2.0
#include "stages/supply_chain/spdx.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <ctime>
#include <string_view>

namespace stages::supply_chain {
namespace {

constexpr const char* kNoAssertion = "NOASSERTION";
constexpr const char* kDocument = "SPDXRef-DOCUMENT";
constexpr const char* kSystem = "SPDXRef-System";

/// Source: package-url, "Character encoding".
std::string encoded(std::string_view text) {
  constexpr std::string_view kPlain = ".-_~:";
  std::string out;
  for (const char character : text) {
    const bool plain =
        (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z') ||
        (character >= '0' && character <= '9') || kPlain.find(character) != std::string_view::npos;
    if (plain) {
      out += character;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(character));
    }
  }
  return out;
}

/// An identifier has letters, digits, "." and "-" alone. Source: SPDX 2.3, 7.2.
std::string identifier(std::size_t number, const InstalledPackage& package) {
  auto text = fmt::format("SPDXRef-Package-{}-{}-{}", number, package.type, package.name);
  for (auto& character : text) {
    const bool allowed =
        (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z') ||
        (character >= '0' && character <= '9') || character == '.' || character == '-';
    if (!allowed) character = '-';
  }
  return text;
}

nlohmann::json describe(const std::string& id, const std::string& name,
                        const std::string& version) {
  nlohmann::json package = {{"SPDXID", id},
                            {"name", name},
                            {"downloadLocation", kNoAssertion},
                            {"filesAnalyzed", false},
                            {"licenseConcluded", kNoAssertion},
                            {"licenseDeclared", kNoAssertion},
                            {"copyrightText", kNoAssertion}};
  if (!version.empty()) package["versionInfo"] = version;
  return package;
}

/// Empty when it is not known: many distributions are of rpm.
std::string vendor_of(const InstalledPackage& package, const SystemContents& system) {
  if (!system.id.empty()) return system.id;
  if (package.type == "apk") return "alpine";
  return package.type == "deb" ? "debian" : "";
}

nlohmann::json relationship(const std::string& from, const char* type, const std::string& to) {
  return {{"spdxElementId", from}, {"relationshipType", type}, {"relatedSpdxElement", to}};
}

}  // namespace

std::string package_url(const InstalledPackage& package, const SystemContents& system) {
  const auto vendor = vendor_of(package, system);
  std::string_view version = package.version;
  std::string epoch;
  // Of an rpm it is no part of the version. Source: purl-spec, types/rpm-definition.
  if (const auto colon = version.find(':'); package.type == "rpm" && colon != version.npos) {
    epoch = version.substr(0, colon);
    version.remove_prefix(colon + 1);
  }
  auto url =
      fmt::format("pkg:{}/{}{}@{}", package.type, vendor.empty() ? "" : encoded(vendor) + "/",
                  encoded(package.name), encoded(version));
  std::string separator = "?";
  const auto add = [&](std::string_view name, const std::string& value) {
    if (value.empty()) return;
    url += fmt::format("{}{}={}", separator, name, encoded(value));
    separator = "&";
  };
  add("arch", package.architecture);
  if (!vendor.empty() && !system.version.empty()) add("distro", vendor + "-" + system.version);
  add("epoch", epoch);
  return url;
}

nlohmann::json spdx_document(const SystemContents& contents, const SpdxSubject& subject) {
  auto system =
      describe(kSystem, contents.name.empty() ? subject.name : contents.name, contents.version);
  system["primaryPackagePurpose"] = "OPERATING-SYSTEM";
  auto packages = nlohmann::json::array({std::move(system)});
  auto relationships = nlohmann::json::array({relationship(kDocument, "DESCRIBES", kSystem)});
  for (std::size_t i = 0; i < contents.packages.size(); ++i) {
    const auto& package = contents.packages[i];
    const auto id = identifier(i + 1, package);
    auto entry = describe(id, package.name, package.version);
    entry["externalRefs"] = {{{"referenceCategory", "PACKAGE-MANAGER"},
                              {"referenceType", "purl"},
                              {"referenceLocator", package_url(package, contents)}}};
    if (!package.supplier.empty()) entry["supplier"] = "Organization: " + package.supplier;
    if (!package.source.empty()) entry["sourceInfo"] = "built from " + package.source;
    if (!package.license.empty()) entry["licenseComments"] = "the package says " + package.license;
    packages.push_back(std::move(entry));
    relationships.push_back(relationship(kSystem, "CONTAINS", id));
  }
  return {{"spdxVersion", "SPDX-2.3"},
          {"dataLicense", "CC0-1.0"},
          {"SPDXID", kDocument},
          {"name", subject.name},
          {"documentNamespace", fmt::format("https://osartifact.dev/spdx/{}-{}",
                                            encoded(subject.name), subject.fingerprint)},
          {"creationInfo",
           {{"created", fmt::format("{:%Y-%m-%dT%H:%M:%SZ}",
                                    fmt::gmtime(static_cast<std::time_t>(subject.epoch)))},
            {"creators", {"Tool: " + subject.tool}}}},
          {"packages", std::move(packages)},
          {"relationships", std::move(relationships)}};
}

}  // namespace stages::supply_chain
