// SPDX-License-Identifier: Apache-2.0
#include "oci/pull_all.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "oci/image_graph.hpp"

namespace oci {
namespace {

Descriptor named_by_digest(const Digest& digest) {
  return {.media_type = "",
          .digest = digest,
          .size = 0,
          .annotations = {},
          .platform = std::nullopt,
          .urls = {}};
}

[[noreturn]] void fail_offline(const Reference& reference, std::string why) {
  throw base::Error({.code = base::ErrorCode::kNotFound,
                     .what = fmt::format("cannot use all of {} offline", reference.text()),
                     .why = std::move(why),
                     .hint = "run the command once without --offline"});
}

}  // namespace

PulledAll pull_all(Registry& registry, Store& store, const Reference& reference, unsigned parallel,
                   const PullProgress& progress, const std::stop_token& stop) {
  const auto first = registry.manifest(reference, stop);
  store.put_blob(first.bytes, first.descriptor.digest.algorithm());
  const DocumentReader read = [&](const Descriptor& document) {
    if (auto bytes = store.read_blob(document.digest, kMaxManifestBytes)) return *std::move(bytes);
    auto pinned = reference;
    pinned.digest = document.digest;
    auto fetched = registry.manifest(pinned, stop);
    store.put_blob(fetched.bytes, document.digest.algorithm());
    return std::move(fetched.bytes);
  };
  auto graph = read_graph(first.descriptor, read, reference.text());
  std::erase_if(graph.blobs,
                [](const Descriptor& blob) { return is_nondistributable(blob.media_type); });
  const auto result = pull_blobs(registry, store, reference, graph.blobs, parallel, progress, stop);
  if (stop.stop_requested()) {
    throw base::Error({.code = base::ErrorCode::kInterrupted,
                       .what = fmt::format("the pull of {} was stopped", reference.text()),
                       .why = "",
                       .hint = ""});
  }
  store.tag(reference.text(), first.descriptor);
  return {.top = first.descriptor, .blobs = result};
}

Descriptor find_all(const Store& store, const Reference& reference) {
  auto found = store.find(reference.text());
  if (!found && reference.digest) found = named_by_digest(*reference.digest);
  if (!found) fail_offline(reference, "the store has no image of that name");
  const auto graph = read_graph(store, *found, reference.text());
  for (const auto& blob : graph.blobs) {
    if (!store.contains(blob) && !is_nondistributable(blob.media_type)) {
      fail_offline(reference, fmt::format("the store lacks {}", blob.digest.text()));
    }
  }
  auto top = graph.documents.back();
  top.annotations.clear();
  return top;
}

}  // namespace oci
