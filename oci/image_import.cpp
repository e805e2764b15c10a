// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "base/error.hpp"
#include "base/format.hpp"
#include "oci/descriptor_json.hpp"
#include "oci/docker_archive.hpp"
#include "oci/image_files.hpp"
#include "oci/image_graph.hpp"
#include "oci/json.hpp"
#include "oci/layout_index.hpp"
#include "oci/layout_source.hpp"
#include "oci/store_paths.hpp"

namespace oci {
namespace {

namespace fs = std::filesystem;

constexpr int kMaxIndexDepth = 8;

/// The entry that `from` means. Source: OCI image-spec, image-layout.md, "index.json file".
Descriptor choose(const Layout& layout, const ImageLocation& from) {
  const auto what = fmt::format("the index of {}", from.text());
  if (!from.name.empty()) {
    if (auto found = find_name(layout.index, from.name, what)) return *found;
  }
  const auto index = parse_index(layout.index, "", what);
  std::vector<std::string> names;
  for (const auto& descriptor : index.manifests) {
    const auto name = descriptor.annotations.find(kRefNameAnnotation);
    names.push_back(name == descriptor.annotations.end() ? "(no name)" : name->second);
  }
  const auto offered =
      names.empty() ? "it holds no image" : fmt::format("it holds: {}", fmt::join(names, ", "));
  if (!from.name.empty()) fail_to_read(from, base::ErrorCode::kNotFound, offered);
  if (names.empty()) fail_to_read(from, base::ErrorCode::kNotFound, offered);
  if (names.size() > 1)
    fail_to_read(from, base::ErrorCode::kUsage, offered, "add :NAME to say which");
  return index.manifests.front();
}

void check_layout(const Layout& layout, const ImageLocation& from) {
  if (layout.marker.empty() || layout.index.empty()) {
    fail_to_read(from, base::ErrorCode::kNotFound,
                 "it is not an OCI image layout: oci-layout or index.json is missing");
  }
  const auto marker = parse_json(layout.marker, "oci-layout");
  const auto version =
      marker.is_object() ? text_field(marker, "imageLayoutVersion", "oci-layout") : std::string();
  if (version != "1.0.0") {
    fail_to_read(from, base::ErrorCode::kUnsupported,
                 fmt::format("its layout version is '{}'", base::printable(version)));
  }
}

std::string read_document(Store& store, Layout& layout, const ImageLocation& from,
                          const Descriptor& document) {
  layout.fetch(document);
  auto text = store.read_blob(document.digest, kMaxManifestBytes);
  if (!text) fail_to_read(from, base::ErrorCode::kIntegrity, "its manifest is corrupt");
  return *std::move(text);
}

/// The manifest for `platform`.
Descriptor descend(Store& store, Layout& layout, const ImageLocation& from,
                   const Platform& platform) {
  auto descriptor = choose(layout, from);
  for (int depth = 0; depth < kMaxIndexDepth; ++depth) {
    if (!is_index(descriptor.media_type)) return descriptor;
    const auto text = read_document(store, layout, from, descriptor);
    descriptor = select_platform(parse_index(text, descriptor.media_type, from.text()), platform,
                                 from.text());
  }
  fail_to_read(from, base::ErrorCode::kIntegrity, "its indexes lead to indexes without end");
}

/// With no `platform`, all there is.
Descriptor import_layout(Store& store, Layout& layout, const ImageLocation& from,
                         const std::optional<Platform>& platform) {
  check_layout(layout, from);
  auto top = platform ? descend(store, layout, from, *platform) : choose(layout, from);
  const DocumentReader read = [&](const Descriptor& document) {
    return read_document(store, layout, from, document);
  };
  for (const auto& blob : read_graph(top, read, from.text()).blobs) {
    if (!is_nondistributable(blob.media_type) || layout.has(blob)) layout.fetch(blob);
  }
  top.annotations.erase(kRefNameAnnotation);
  return top;
}

Descriptor import_any(Store& store, const ImageLocation& from,
                      const std::optional<Platform>& platform, const std::stop_token& stop) {
  if (!fs::exists(from.path))
    fail_to_read(from, base::ErrorCode::kNotFound, "there is no such file");
  if (from.format == ImageLocation::Format::kDockerArchive) {
    return import_docker_archive(store, from, stop);
  }
  return import_layout(store, *open_layout(store, from, stop), from, platform);
}

}  // namespace

Descriptor import_image(Store& store, const ImageLocation& from, const Platform& platform,
                        const std::stop_token& stop) {
  return import_any(store, from, platform, stop);
}

Descriptor import_all(Store& store, const ImageLocation& from, const std::stop_token& stop) {
  return import_any(store, from, std::nullopt, stop);
}

}  // namespace oci
