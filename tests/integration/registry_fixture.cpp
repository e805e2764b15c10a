// SPDX-License-Identifier: Apache-2.0
#include "registry_fixture.hpp"

#include <fmt/format.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/null_sink.h>

#include "base/files.hpp"

namespace test_support {

base::RetryPolicy quick_retries() {
  return {.tries = 4,
          .unreachable_tries = 2,
          .first_wait = std::chrono::milliseconds(20),
          .longest_wait = std::chrono::milliseconds(1500)};
}

std::shared_ptr<auth::Keychain> keychain_of(const std::string& config_json) {
  std::vector<std::unique_ptr<auth::CredentialSource>> sources;
  if (!config_json.empty()) {
    auto secret = auth::fixed_secret("the test's config", base::Secret(config_json));
    sources.push_back(std::make_unique<auth::ConfigSource>(
        auth::ConfigSource::Options{.name = secret.origin,
                                    .read = secret.read,
                                    .ends_search = false,
                                    .form = auth::DockerConfig::Form::kFile,
                                    .helper = nullptr}));
  }
  return std::make_shared<auth::Keychain>(std::move(sources));
}

std::string config_for(const std::string& host, const std::string& user,
                       const std::string& password) {
  return nlohmann::json{{"auths", {{host, {{"username", user}, {"password", password}}}}}}.dump();
}

std::unique_ptr<oci::Registry> make_client(ClientOptions options) {
  auto log = options.log ? options.log
                         : std::make_shared<spdlog::logger>(
                               "test", std::make_shared<spdlog::sinks::null_sink_mt>());
  return oci::make_registry_client(options.registry, std::move(options.keychain),
                                   std::make_shared<base::HttpClient>(std::move(options.http)),
                                   std::move(log));
}

std::string noise(std::size_t count) {
  std::string bytes(count, '\0');
  std::uint32_t state = 2463534242U;
  for (auto& byte : bytes) {
    state ^= state << 13U;
    state ^= state >> 17U;
    state ^= state << 5U;
    byte = static_cast<char>(state & 0xFFU);
  }
  return bytes;
}

oci::Descriptor descriptor_of(std::string_view bytes) {
  return {.media_type = std::string(oci::media_type::kOciLayer),
          .digest = oci::Digest::of(bytes),
          .size = bytes.size(),
          .annotations = {},
          .platform = std::nullopt,
          .urls = {}};
}

std::string put_image(const FaultRegistry& registry, std::string_view layer) {
  return put_image(registry, std::vector{std::string(layer)});
}

std::string put_image(const FaultRegistry& registry, const std::vector<std::string>& layers) {
  const auto blob = [](std::string_view type, std::string_view bytes) {
    return nlohmann::json{
        {"mediaType", type}, {"digest", oci::Digest::of(bytes).text()}, {"size", bytes.size()}};
  };
  auto diff_ids = nlohmann::json::array();
  auto descriptors = nlohmann::json::array();
  for (const auto& layer : layers) {
    diff_ids.push_back(oci::Digest::of(layer).text());
    descriptors.push_back(blob(oci::media_type::kOciLayer, layer));
    registry.put_blob(layer);
  }
  const auto config =
      nlohmann::json{{"architecture", "amd64"},
                     {"os", "linux"},
                     {"rootfs", {{"type", "layers"}, {"diff_ids", std::move(diff_ids)}}}}
          .dump();
  const auto manifest = nlohmann::json{{"schemaVersion", 2},
                                       {"mediaType", oci::media_type::kOciManifest},
                                       {"config", blob(oci::media_type::kOciConfig, config)},
                                       {"layers", std::move(descriptors)}}
                            .dump();
  registry.put_blob(config);
  registry.put_blob(manifest);
  auto named = blob(oci::media_type::kOciManifest, manifest);
  named["annotations"] = {{"org.opencontainers.image.ref.name", "team/demo:1"}};
  base::write_file_atomically(
      registry.folder() / "index.json",
      nlohmann::json{{"schemaVersion", 2}, {"manifests", nlohmann::json::array({std::move(named)})}}
          .dump());
  return manifest;
}

oci::Reference demo(const std::string& host) {
  return oci::Reference::parse(host + "/team/demo:1");
}

}  // namespace test_support
