// SPDX-License-Identifier: Apache-2.0
// Manifests, indexes, configs and lists of referrers of foreign origin: read or refused, nothing
// else.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/error.hpp"
#include "oci/layout_index.hpp"
#include "oci/manifest.hpp"
#include "oci/referrers.hpp"

namespace {

template <typename Call>
void refuse_or(Call call) {
  try {
    call();
  } catch (const base::Error& error) {
    if (base::render(error).empty()) std::abort();
  }
}

void check(const oci::Descriptor& descriptor) {
  const bool whole = descriptor.data.empty() || descriptor.data.size() == descriptor.size;
  if (!whole || !oci::Digest::parse(descriptor.digest.text())) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  refuse_or([&] {
    const auto manifest = oci::parse_manifest(text, "", "it");
    check(manifest.config);
    for (const auto& layer : manifest.layers) check(layer);
    static_cast<void>(oci::referral_of(text, manifest.media_type, oci::Digest::of(text), "it"));
  });
  refuse_or([&] {
    const auto index = oci::parse_index(text, "", "it");
    for (const auto& entry : index.manifests) check(entry);
    if (index.manifests.empty()) return;
    const auto& first = index.manifests.front();
    const auto named = oci::with_name(text, "name", first, "it");
    if (!oci::find_name(named, "name", "it")) std::abort();
    static_cast<void>(oci::select_platform(index, oci::Platform::parse("arm64"), "it"));
  });
  refuse_or([&] { static_cast<void>(oci::parse_config(text, "it")); });
  return 0;
}
