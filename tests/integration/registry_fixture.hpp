// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/keychain.hpp"
#include "base/error.hpp"
#include "base/http.hpp"
#include "oci/registry.hpp"
#include "oci/registry_client.hpp"
#include "registry_servers.hpp"

namespace test_support {

/// Quick tries, so that a test of giving up takes no time.
base::RetryPolicy quick_retries();

/// A keychain of one text: a docker config.json. Empty: anonymous.
std::shared_ptr<auth::Keychain> keychain_of(const std::string& config_json);
/// {"auths": {HOST: {"username": ..., "password": ...}}}.
std::string config_for(const std::string& host, const std::string& user,
                       const std::string& password);

struct ClientOptions {
  std::shared_ptr<auth::Keychain> keychain = keychain_of("");
  base::HttpClientOptions http;
  oci::RegistryClientOptions registry{.retry = quick_retries(), .chunk_bytes = 64U << 10};
  std::shared_ptr<spdlog::logger> log = nullptr;  ///< None: nothing is logged.
};
std::unique_ptr<oci::Registry> make_client(ClientOptions options = {});

/// Collects a blob.
class StringSink final : public oci::BlobSink {
 public:
  [[nodiscard]] std::uint64_t offset() const override { return bytes.size(); }
  void restart() override {
    bytes.clear();
    ++restarts;
  }
  void write(std::span<const std::byte> data) override {
    bytes.append(reinterpret_cast<const char*>(data.data()), data.size());
  }
  std::string bytes;
  int restarts = 0;
};

/// `count` bytes that do not repeat soon.
std::string noise(std::size_t count);
oci::Descriptor descriptor_of(std::string_view bytes);
/// Puts an image of these uncompressed layers in for linux/amd64 and names it demo:1; returns its
/// manifest's bytes.
std::string put_image(const FaultRegistry& registry, const std::vector<std::string>& layers);
std::string put_image(const FaultRegistry& registry, std::string_view layer);
oci::Reference demo(const std::string& host);

/// The error `call` throws; a test failure and an empty one when it throws none.
template <typename Call>
base::Error error_of(Call call) {
  try {
    call();
  } catch (const base::Error& error) {
    return error;
  }
  return base::Error(
      {.code = base::ErrorCode::kInternal, .what = "nothing was thrown", .why = "", .hint = ""});
}

}  // namespace test_support
