// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "oci/referrer_lists.hpp"
#include "oci/registry.hpp"

namespace tests {

/// A registry in memory that records what it is asked. Thread-safe.
class FakeRegistry final : public oci::Registry, public oci::ReferrerLists {
 public:
  /// May throw to make a call fail; gets what `calls` gets.
  std::function<void(const std::string& call)> before;
  /// "get REFERENCE", "blob DIGEST", "send DIGEST", "put REFERENCE", in order.
  std::vector<std::string> calls;
  std::map<oci::Digest, std::string> blobs;
  std::map<std::string, oci::ManifestDocument> manifests;  ///< By tag or digest.

  [[nodiscard]] std::size_t count(std::string_view start) const;

  oci::Descriptor resolve(const oci::Reference& reference, std::stop_token stop) override;
  oci::ManifestDocument manifest(const oci::Reference& reference, std::stop_token stop) override;
  void fetch_blob(const oci::Reference& repository, const oci::Descriptor& blob,
                  oci::BlobSink& sink, std::stop_token stop) override;
  std::vector<oci::Descriptor> referrers(const oci::Reference& repository,
                                         const oci::Digest& subject,
                                         const std::string& artifact_type,
                                         std::stop_token stop) override;
  bool has_blob(const oci::Reference& repository, const oci::Descriptor& blob,
                std::stop_token stop) override;
  bool push_blob(const oci::Reference& repository, const oci::Descriptor& blob,
                 const std::filesystem::path& file, const std::string& mount_from,
                 const oci::SentBytes& sent, std::stop_token stop) override;
  void push_manifest(const oci::Reference& reference, const std::string& media_type,
                     const std::string& bytes, std::stop_token stop) override;

 private:
  void note(const std::string& call);
  std::mutex mutex_;
};

}  // namespace tests
