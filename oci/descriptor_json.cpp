// SPDX-License-Identifier: Apache-2.0
#include "oci/descriptor_json.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "base/base64.hpp"
#include "base/error.hpp"
#include "base/format.hpp"

namespace oci {
namespace {

using nlohmann::json;

constexpr std::uint64_t kMaxDescriptorBytes = std::uint64_t{1}
                                              << 53;  // What JSON numbers can hold.

constexpr std::array<std::string_view, 8> kDescriptorKeys = {
    "mediaType", "digest", "size", "urls", "annotations", "data", "platform", "artifactType"};

[[noreturn]] void refuse(std::string_view what, std::string why, std::string hint = "") {
  throw base::Error({.code = base::ErrorCode::kIntegrity,
                     .what = fmt::format("{} is not valid", what),
                     .why = std::move(why),
                     .hint = std::move(hint)});
}

std::optional<Platform> parse_platform(const json& object, std::string_view what) {
  const auto found = object.find("platform");
  if (found == object.end() || !found->is_object()) return std::nullopt;
  return Platform{.os = text_field(*found, "os", what),
                  .architecture = text_field(*found, "architecture", what),
                  .variant = text_field(*found, "variant", what)};
}

std::uint64_t parse_size(const json& object, const std::string& digest, std::string_view what) {
  const auto size = object.find("size");
  if (size == object.end() || !size->is_number_integer()) {
    refuse(what, fmt::format("the size of {} is not a whole number", digest));
  }
  const bool in_range =
      size->is_number_unsigned() && size->get<std::uint64_t>() <= kMaxDescriptorBytes;
  if (!in_range) refuse(what, fmt::format("the size of {} is out of range", digest));
  return size->get<std::uint64_t>();
}

Digest parse_digest(const json& object, std::string_view what) {
  const auto text = text_field(object, "digest", what);
  if (auto digest = Digest::parse(text)) return *std::move(digest);
  refuse(what, fmt::format("'{}' is not a digest we support", base::printable(text)),
         "sha256 and sha512 are supported");
}

std::vector<std::string> parse_urls(const json& object) {
  std::vector<std::string> urls;
  const auto found = object.find("urls");
  if (found == object.end() || !found->is_array()) return urls;
  for (const auto& url : *found) {
    if (url.is_string()) urls.push_back(url.get<std::string>());
  }
  return urls;
}

/// Embedded content; empty unless it is what the descriptor says, for then the blob itself counts.
std::string parse_data(const json& object, const Descriptor& descriptor) {
  const auto found = object.find("data");
  if (found == object.end() || !found->is_string()) return "";
  auto bytes = base::base64_decode_strict(found->get_ref<const std::string&>());
  if (!bytes || bytes->size() != descriptor.size) return "";
  Hasher hasher(descriptor.digest.algorithm());
  hasher.update(*bytes);
  return hasher.finish() == descriptor.digest ? *std::move(bytes) : "";
}

}  // namespace

std::string text_field(const json& object, const char* name, std::string_view what) {
  const auto found = object.find(name);
  if (found == object.end() || found->is_null()) return "";
  if (!found->is_string()) refuse(what, fmt::format("{} is not a string", name));
  return found->get<std::string>();
}

void refuse_lookalikes(const json& object, std::span<const std::string_view> keys,
                       std::string_view what) {
  for (const auto& [key, value] : object.items()) {
    for (const auto known : keys) {
      const bool alike =
          key != known && std::equal(key.begin(), key.end(), known.begin(), known.end(),
                                     [](unsigned char left, unsigned char right) {
                                       return std::tolower(left) == std::tolower(right);
                                     });
      if (alike) refuse(what, fmt::format("the key \"{}\" is not \"{}\"", key, known));
    }
  }
}

std::map<std::string, std::string> parse_annotations(const json& object, std::string_view what) {
  std::map<std::string, std::string> annotations;
  const auto found = object.find("annotations");
  if (found == object.end() || found->is_null()) return annotations;
  if (!found->is_object()) refuse(what, "annotations is not an object");
  for (const auto& [key, value] : found->items()) {
    if (!value.is_string())
      refuse(what, fmt::format("the annotation {} is not a string", base::printable(key)));
    annotations.emplace(key, value.get<std::string>());
  }
  return annotations;
}

Descriptor parse_descriptor(const json& object, std::string_view what) {
  if (!object.is_object()) refuse(what, "a descriptor is not an object");
  refuse_lookalikes(object, kDescriptorKeys, what);
  const auto digest = parse_digest(object, what);
  Descriptor descriptor{.media_type = text_field(object, "mediaType", what),
                        .digest = digest,
                        .size = parse_size(object, digest.text(), what),
                        .annotations = parse_annotations(object, what),
                        .platform = parse_platform(object, what),
                        .urls = parse_urls(object)};
  descriptor.data = parse_data(object, descriptor);
  return descriptor;
}

std::vector<Descriptor> parse_descriptors(const json& document, const char* name,
                                          std::string_view what) {
  std::vector<Descriptor> descriptors;
  const auto found = document.find(name);
  if (found == document.end() || found->is_null()) return descriptors;
  if (!found->is_array()) refuse(what, fmt::format("{} is not an array", name));
  for (const auto& object : *found) descriptors.push_back(parse_descriptor(object, what));
  return descriptors;
}

}  // namespace oci
