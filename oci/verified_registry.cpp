// SPDX-License-Identifier: Apache-2.0
#include "oci/verified_registry.hpp"

#include <mutex>
#include <set>

#include "oci/image_signature.hpp"

namespace oci {
namespace {

class VerifiedRegistry final : public Registry {
 public:
  VerifiedRegistry(std::shared_ptr<Registry> registry, std::vector<SigningKey> keys)
      : registry_(std::move(registry)), keys_(std::move(keys)) {}

  Descriptor resolve(const Reference& reference, std::stop_token stop) override {
    auto descriptor = registry_->resolve(reference, stop);
    require(reference, descriptor.digest, stop);
    return descriptor;
  }
  ManifestDocument manifest(const Reference& reference, std::stop_token stop) override {
    auto document = registry_->manifest(reference, stop);
    require(reference, document.descriptor.digest, stop);
    return document;
  }
  void fetch_blob(const Reference& repository, const Descriptor& blob, BlobSink& sink,
                  std::stop_token stop) override {
    registry_->fetch_blob(repository, blob, sink, std::move(stop));
  }
  bool has_blob(const Reference& repository, const Descriptor& blob,
                std::stop_token stop) override {
    return registry_->has_blob(repository, blob, std::move(stop));
  }
  bool push_blob(const Reference& repository, const Descriptor& blob,
                 const std::filesystem::path& file, const std::string& mount_from,
                 const SentBytes& sent, std::stop_token stop) override {
    return registry_->push_blob(repository, blob, file, mount_from, sent, std::move(stop));
  }
  void push_manifest(const Reference& reference, const std::string& media_type,
                     const std::string& bytes, std::stop_token stop) override {
    registry_->push_manifest(reference, media_type, bytes, std::move(stop));
  }

  void require(const Reference& repository, const Digest& image, const std::stop_token& stop) {
    {
      const std::scoped_lock lock(mutex_);
      if (trusted_.contains(image)) return;
    }
    require_signature(*registry_, repository, image, keys_, stop);
    auto signed_images = images_of(repository, image, stop);
    const std::scoped_lock lock(mutex_);
    trusted_.insert(image);
    trusted_.merge(signed_images);
  }

 private:
  /// Those that an index lists, whose digests its own digest vouches for.
  std::set<Digest> images_of(Reference reference, const Digest& image,
                             const std::stop_token& stop) {
    reference.digest = image;
    const auto document = registry_->manifest(reference, stop);
    std::set<Digest> images;
    if (!is_index(document.descriptor.media_type)) return images;
    const auto index =
        parse_index(document.bytes, document.descriptor.media_type, reference.text());
    for (const auto& entry : index.manifests) images.insert(entry.digest);
    return images;
  }

  std::shared_ptr<Registry> registry_;
  std::vector<SigningKey> keys_;
  std::mutex mutex_;
  std::set<Digest> trusted_;
};

}  // namespace

std::shared_ptr<Registry> make_verified_registry(std::shared_ptr<Registry> registry,
                                                 std::vector<SigningKey> keys) {
  return std::make_shared<VerifiedRegistry>(std::move(registry), std::move(keys));
}

void require_trusted(Registry& registry, const Reference& repository, const Digest& image,
                     const std::stop_token& stop) {
  auto* verified = dynamic_cast<VerifiedRegistry*>(&registry);
  if (verified != nullptr) verified->require(repository, image, stop);
}

}  // namespace oci
