// SPDX-License-Identifier: Apache-2.0
#include "oci/image_signature.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "base/base64.hpp"
#include "base/error.hpp"
#include "oci/envelope.hpp"
#include "oci/json.hpp"
#include "oci/referrer_lists.hpp"
#include "oci/signature_bundle.hpp"

namespace oci {
namespace {

constexpr std::string_view kPayloadType = "application/vnd.dev.cosign.simplesigning.v1+json";
constexpr std::string_view kEnvelopeType = "application/vnd.dsse.envelope.v1+json";
constexpr const char* kSignature = "dev.cosignproject.cosign/signature";
constexpr const char* kPredicateType = "predicateType";
constexpr const char* kClaim = "cosign container image signature";
constexpr std::uint64_t kMaxPayloadBytes = 1U << 20U;
constexpr std::size_t kMaxSignatures = 64;

/// Takes a small blob into memory; its size is the descriptor's, which is checked before.
class TextSink final : public BlobSink {
 public:
  [[nodiscard]] std::uint64_t offset() const override { return text_.size(); }
  void restart() override { text_.clear(); }
  void write(std::span<const std::byte> data) override {
    text_.append(reinterpret_cast<const char*>(data.data()), data.size());
  }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::string text_;
};

Reference place_of(const Reference& repository, const Digest& image, std::string_view ending) {
  return {.registry = repository.registry,
          .repository = repository.repository,
          .tag = fmt::format("{}-{}.{}", image.algorithm(), image.hex(), ending),
          .digest = std::nullopt};
}

/// What is there; nullopt when nothing is.
std::optional<Manifest> manifest_at(Registry& registry, const Reference& place,
                                    const std::stop_token& stop) {
  try {
    const auto document = registry.manifest(place, stop);
    return parse_manifest(document.bytes, document.descriptor.media_type, place.text());
  } catch (const base::Error& error) {
    if (error.code() == base::ErrorCode::kNotFound) return std::nullopt;
    throw;
  }
}

/// The blob, or nullopt when it is too large or not what its digest says: no signature then.
std::optional<std::string> small_blob(Registry& registry, const Reference& repository,
                                      const Descriptor& blob, const std::stop_token& stop) {
  if (blob.size > kMaxPayloadBytes) return std::nullopt;
  TextSink sink;
  registry.fetch_blob(repository, blob, sink, stop);
  Hasher hasher(blob.digest.algorithm());
  hasher.update(sink.text());
  if (sink.text().size() != blob.size || hasher.finish() != blob.digest) return std::nullopt;
  return sink.text();
}

std::string payload_for(const Reference& repository, const Digest& image) {
  return nlohmann::json{{"critical",
                         {{"identity", {{"docker-reference", repository.name()}}},
                          {"image", {{"docker-manifest-digest", image.text()}}},
                          {"type", kClaim}}},
                        {"optional", nullptr}}
      .dump();
}

/// Whether a payload, whose signature is right, is about this image.
bool is_about(std::string_view payload, const Digest& image) {
  const auto json = nlohmann::json::parse(payload, nullptr, false);
  if (!json.is_object()) return false;
  const auto critical = json.value("critical", nlohmann::json::object());
  if (!critical.is_object() || critical.value("type", "") != kClaim) return false;
  const auto named = critical.value("image", nlohmann::json::object());
  return named.is_object() && named.value("docker-manifest-digest", "") == image.text();
}

bool is_signed_by(Registry& registry, const Reference& repository, const Manifest& signatures,
                  const Digest& image, std::span<const SigningKey> keys,
                  const std::stop_token& stop) {
  std::size_t count = 0;
  for (const auto& layer : signatures.layers) {
    const auto found = layer.annotations.find(kSignature);
    if (layer.media_type != kPayloadType || found == layer.annotations.end()) continue;
    if (++count > kMaxSignatures) return false;
    const auto signature = base::base64_decode(found->second);
    const auto payload = signature ? small_blob(registry, repository, layer, stop) : std::nullopt;
    if (!payload) continue;
    const bool valid = std::any_of(keys.begin(), keys.end(), [&](const SigningKey& key) {
      return key.verifies(*payload, *signature);
    });
    if (valid && is_about(*payload, image)) return true;
  }
  return false;
}

bool has_bundle_by(Registry& registry, const Reference& repository, const Digest& image,
                   std::span<const SigningKey> keys, const std::stop_token& stop) {
  auto* lists = dynamic_cast<ReferrerLists*>(&registry);
  if (lists == nullptr) return false;
  std::size_t count = 0;
  for (const auto& referrer : lists->referrers(repository, image, std::string(kBundleType), stop)) {
    if (!is_manifest(referrer.media_type)) continue;
    if (++count > kMaxSignatures) return false;
    auto place = repository;
    place.digest = referrer.digest;
    const auto bundles = manifest_at(registry, place, stop);
    for (const auto& layer : bundles ? bundles->layers : std::vector<Descriptor>()) {
      if (layer.media_type != kBundleType) continue;
      const auto bundle = small_blob(registry, repository, layer, stop);
      if (bundle && bundle_signs(*bundle, image, keys)) return true;
    }
  }
  return false;
}

nlohmann::json entry(const Descriptor& blob) {
  nlohmann::json json = {
      {"mediaType", blob.media_type}, {"digest", blob.digest.text()}, {"size", blob.size}};
  if (!blob.annotations.empty()) json["annotations"] = blob.annotations;
  return json;
}

/// Adds a layer to what is at `place`.
void add_layer(Registry& registry, Store& store, const Reference& place,
               const std::optional<Manifest>& before, std::string_view content,
               std::string_view media_type, std::map<std::string, std::string> annotations,
               const std::stop_token& stop) {
  auto layers = before ? before->layers : std::vector<Descriptor>();
  layers.push_back({.media_type = std::string(media_type),
                    .digest = store.put_blob(content),
                    .size = content.size(),
                    .annotations = std::move(annotations),
                    .platform = std::nullopt,
                    .urls = {}});
  nlohmann::json config = {{"architecture", ""},
                           {"os", ""},
                           {"config", nlohmann::json::object()},
                           {"rootfs", {{"type", "layers"}, {"diff_ids", nlohmann::json::array()}}}};
  auto entries = nlohmann::json::array();
  for (const auto& layer : layers) {
    config["rootfs"]["diff_ids"].push_back(layer.digest.text());
    entries.push_back(entry(layer));
  }
  const auto text = config.dump();
  const Descriptor config_blob{.media_type = std::string(media_type::kOciConfig),
                               .digest = store.put_blob(text),
                               .size = text.size(),
                               .annotations = {},
                               .platform = std::nullopt,
                               .urls = {}};
  for (const auto& blob : {layers.back(), config_blob}) {
    registry.push_blob(place, blob, store.blob_path(blob.digest), "", {}, stop);
  }
  const auto manifest = nlohmann::json{
      {"schemaVersion", 2},
      {"mediaType", media_type::kOciManifest},
      {"config", entry(config_blob)},
      {"layers",
       std::move(entries)}}.dump();
  registry.push_manifest(place, std::string(media_type::kOciManifest), manifest, stop);
}

}  // namespace

bool sign_image(Registry& registry, Store& store, const Reference& repository, const Digest& image,
                const SigningKey& key, const std::stop_token& stop) {
  const auto place = place_of(repository, image, "sig");
  const auto before = manifest_at(registry, place, stop);
  if (before && is_signed_by(registry, repository, *before, image, {&key, 1}, stop)) return false;
  const auto payload = payload_for(repository, image);
  add_layer(registry, store, place, before, payload, kPayloadType,
            {{kSignature, base::base64_encode(key.sign(payload))}}, stop);
  return true;
}

void require_signature(Registry& registry, const Reference& repository, const Digest& image,
                       std::span<const SigningKey> keys, const std::stop_token& stop) {
  const auto place = place_of(repository, image, "sig");
  const auto signatures = manifest_at(registry, place, stop);
  if (signatures && is_signed_by(registry, repository, *signatures, image, keys, stop)) return;
  if (has_bundle_by(registry, repository, image, keys, stop)) return;
  throw base::Error({.code = base::ErrorCode::kIntegrity,
                     .what = fmt::format("{}@{} is not signed by a key that is trusted",
                                         repository.name(), image.text()),
                     .why = signatures
                                ? fmt::format("none of the signatures at {} is right", place.text())
                                : fmt::format("there is no signature at {}", place.text()),
                     .hint = "cosign sign --key KEY " + repository.name() + "@" + image.text() +
                             ", or another --verify-key"});
}

bool attest_image(Registry& registry, Store& store, const Reference& repository,
                  const Digest& image, std::string_view statement, const SigningKey& key,
                  const std::stop_token& stop) {
  const auto place = place_of(repository, image, "att");
  const auto before = manifest_at(registry, place, stop);
  for (const auto& layer : before ? before->layers : std::vector<Descriptor>()) {
    const auto envelope = small_blob(registry, repository, layer, stop);
    if (envelope && unsealed(*envelope, {&key, 1}) == statement) return false;
  }
  const auto type = parse_json(statement, "the statement").at(kPredicateType).get<std::string>();
  add_layer(registry, store, place, before, sealed(statement, key), kEnvelopeType,
            {{kSignature, ""}, {kPredicateType, type}}, stop);
  return true;
}

}  // namespace oci
