// SPDX-License-Identifier: Apache-2.0
#include "stages/dockerfile/base_images.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/format.hpp"
#include "oci/pull_along.hpp"
#include "oci/snapshots.hpp"

namespace stages::dockerfile {
namespace {

oci::Reference parse_name(const std::string& name) {
  try {
    return oci::Reference::parse(name);
  } catch (const base::Error& error) {
    auto facts = error.facts();
    facts.code = base::ErrorCode::kManifest;
    throw base::Error(std::move(facts));
  }
}

/// An image need not be an index: then nothing has compared the platforms yet.
void check_platform(const oci::Reference& reference, const oci::Platform& wanted,
                    const oci::Platform& found) {
  if (found.architecture.empty() || wanted.accepts(found)) return;
  throw base::Error({.code = base::ErrorCode::kNotFound,
                     .what = fmt::format("{} has no image for {}", reference.text(), wanted.text()),
                     .why = fmt::format("it is for {}", found.text()),
                     .hint = "name an image for that platform, or build for the one it is for"});
}

}  // namespace

std::shared_ptr<const BaseImage> BaseImages::find(const std::string& name,
                                                  const oci::Platform& platform) {
  const auto reference = parse_name(name);
  const auto key = reference.text() + " " + platform.text();
  const std::lock_guard lock(mutex_);
  if (const auto known = found_.find(key); known != found_.end()) return known->second;
  auto& store = context_.store;
  const bool online = context_.registry != nullptr;
  auto image =
      online ? oci::resolve_image(*context_.registry, store, reference, platform, context_.stop)
             : oci::resolve_offline(store, reference, platform);
  if (online) {
    static_cast<void>(
        oci::fetch_config(*context_.registry, store, reference, image, platform, context_.stop));
  }
  const auto config = store.read_blob(image.manifest.config.digest, oci::kMaxConfigBytes);
  if (!config) {
    throw base::Error(
        {.code = base::ErrorCode::kNotFound,
         .what = fmt::format("the config of {} is not in the store", reference.text()),
         .why = "",
         .hint = "build once with the network"});
  }
  ImageDraft draft(*config, image.manifest);
  check_platform(reference, platform, draft.platform());
  context_.observer.fact(fmt::format("{} is {}, {} layers, {}", reference.text(),
                                     image.descriptor.digest.text(), image.manifest.layers.size(),
                                     base::format_bytes(image.layer_bytes())));
  auto made = std::make_shared<BaseImage>(BaseImage{.reference = reference,
                                                    .platform = platform,
                                                    .image = std::move(image),
                                                    .draft = std::move(draft)});
  return found_.emplace(key, std::move(made)).first->second;
}

void BaseImages::fetch_layers(const BaseImage& base, oci::SnapshotKind kind,
                              const oci::UnpackContext& unpack) {
  const auto& layers = base.image.manifest.layers;
  auto& store = context_.store;
  const bool complete =
      std::all_of(layers.begin(), layers.end(),
                  [&](const oci::Descriptor& layer) { return store.contains(layer); });
  if (complete) return;
  if (context_.registry == nullptr) {
    throw base::Error({.code = base::ErrorCode::kNotFound,
                       .what = fmt::format("the store lacks layers of {}", base.reference.text()),
                       .why = "nothing may be fetched",
                       .hint = "build once with the network"});
  }
  const oci::PullProgress progress = [&](std::uint64_t done, std::uint64_t total) {
    context_.observer.progress(done, total);
  };
  if (kind == oci::SnapshotKind::kDirectory) {
    oci::pull_image(*context_.registry, store, base.reference, base.image, base.platform, parallel_,
                    progress, context_.stop);
    return;
  }
  const auto manifest = base.draft.manifest();
  const auto config = base.draft.image_config();
  const oci::AlongWork stack = [&](const oci::BlobReady& ready, const std::stop_token& stop) {
    auto along = unpack;
    along.ready = ready;
    along.stop = stop;
    oci::prepare_snapshots(store, manifest, config, along);
  };
  oci::pull_along(*context_.registry, store, base.reference, base.image, base.platform, parallel_,
                  progress, stack, context_.stop);
}

}  // namespace stages::dockerfile
