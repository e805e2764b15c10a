// SPDX-License-Identifier: Apache-2.0
#include "oci/image_graph.hpp"

#include <fmt/format.h>

#include <set>

#include "base/error.hpp"
#include "base/format.hpp"

namespace oci {
namespace {

constexpr int kMaxDepth = 8;

class GraphReader {
 public:
  GraphReader(const DocumentReader& read, std::string_view what) : read_(read), what_(what) {}

  void add(Descriptor document, int depth) {
    if (!seen_.insert(document.digest).second) return;
    if (depth > kMaxDepth) {
      fail(base::ErrorCode::kIntegrity,
           fmt::format("its indexes are nested deeper than {}", kMaxDepth));
    }
    const auto bytes = read_(document);
    const auto name = fmt::format("the manifest {}", document.digest.text());
    if (document.media_type.empty()) document.media_type = detect_media_type(bytes, name);
    if (is_index(document.media_type)) {
      for (const auto& entry : parse_index(bytes, document.media_type, name).manifests) {
        add_entry(entry, depth + 1);
      }
    } else if (is_manifest(document.media_type)) {
      add_blobs(parse_manifest(bytes, document.media_type, name));
    } else {
      fail(base::ErrorCode::kUnsupported,
           fmt::format("{} is of the type {}, neither manifest nor index", document.digest.text(),
                       base::printable(document.media_type)));
    }
    graph_.documents.push_back(std::move(document));
  }

  ImageGraph take() { return std::move(graph_); }

 private:
  void add_entry(const Descriptor& entry, int depth) {
    try {
      add(entry, depth);
    } catch (base::Error& error) {
      error.add_context(fmt::format("reading the entry {} of {}",
                                    entry.platform ? entry.platform->text() : entry.digest.text(),
                                    what_));
      throw;
    }
  }

  void add_blobs(const Manifest& manifest) {
    for (const auto& layer : manifest.layers) add_blob(layer);
    add_blob(manifest.config);
  }

  void add_blob(const Descriptor& blob) {
    if (seen_.insert(blob.digest).second) graph_.blobs.push_back(blob);
  }

  [[noreturn]] void fail(base::ErrorCode code, std::string why) const {
    throw base::Error({.code = code,
                       .what = fmt::format("cannot use all of {}", what_),
                       .why = std::move(why),
                       .hint = ""});
  }

  const DocumentReader& read_;
  std::string_view what_;
  std::set<Digest> seen_;
  ImageGraph graph_;
};

}  // namespace

ImageGraph read_graph(const Descriptor& top, const DocumentReader& read, std::string_view what) {
  GraphReader reader(read, what);
  reader.add(top, 0);
  return reader.take();
}

ImageGraph read_graph(const Store& store, const Descriptor& top, std::string_view what) {
  const DocumentReader read = [&](const Descriptor& document) {
    auto bytes = store.read_blob(document.digest, kMaxManifestBytes);
    if (bytes) return *std::move(bytes);
    throw base::Error(
        {.code = base::ErrorCode::kNotFound,
         .what = fmt::format("the manifest {} is not in the store", document.digest.text()),
         .why = "",
         .hint = "pull the image again"});
  };
  return read_graph(top, read, what);
}

}  // namespace oci
