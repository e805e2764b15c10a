// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>

#include <cerrno>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/format.hpp"
#include "oci/blob_export.hpp"
#include "oci/byte_source.hpp"
#include "oci/descriptor_json.hpp"
#include "oci/docker_archive.hpp"
#include "oci/image_files.hpp"
#include "oci/image_graph.hpp"
#include "oci/json.hpp"
#include "oci/layout_index.hpp"
#include "oci/store_paths.hpp"
#include "oci/tar_reader.hpp"

namespace oci {
namespace {

namespace fs = std::filesystem;

constexpr int kMaxIndexDepth = 8;
constexpr std::size_t kMaxLayoutFileBytes = 4096;

[[noreturn]] void fail(const ImageLocation& from, base::ErrorCode code, std::string why,
                       std::string hint = "") {
  throw base::Error({.code = code,
                     .what = fmt::format("cannot read the image {}", from.text()),
                     .why = std::move(why),
                     .hint = std::move(hint)});
}

/// The documents of a layout, and a way to have its blobs in the store.
class Layout {
 public:
  virtual ~Layout() = default;
  /// `oci-layout` and `index.json`; empty when missing.
  std::string marker;
  std::string index;
  /// Whether it holds the blob, or the store does.
  [[nodiscard]] virtual bool has(const Descriptor& blob) const = 0;
  /// Has the blob in the store when it returns.
  virtual void fetch(const Descriptor& blob) = 0;
};

/// A folder: blobs are copied when they are asked for.
class LayoutFolder final : public Layout {
 public:
  LayoutFolder(Store& store, const ImageLocation& from, const std::stop_token& stop)
      : store_(store), from_(from), stop_(stop) {
    marker = base::read_file_if_exists(from.path / "oci-layout", kMaxLayoutFileBytes).value_or("");
    index = base::read_file_if_exists(from.path / "index.json", kMaxLayoutIndexBytes).value_or("");
  }

  [[nodiscard]] bool has(const Descriptor& blob) const override {
    return store_.contains(blob) || fs::exists(fs::symlink_status(path_of(blob)));
  }

  void fetch(const Descriptor& blob) override {
    if (store_.contains(blob)) return;
    const auto path = path_of(blob);
    base::FileDescriptor fd(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
    struct stat status {};
    if (!fd && errno != ELOOP) {
      fail(from_, base::ErrorCode::kNotFound,
           fmt::format("blob {} is missing", blob.digest.text()));
    }
    if (!fd || ::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
      fail(from_, base::ErrorCode::kIntegrity,
           fmt::format("blob {} is not a plain file", blob.digest.text()));
    }
    FileSource source(std::move(fd), path.string());
    copy_blob(source, *store_.write_blob(blob, stop_), stop_);
  }

 private:
  [[nodiscard]] fs::path path_of(const Descriptor& blob) const {
    return from_.path / "blobs" / blob.digest.algorithm() / blob.digest.hex();
  }

  Store& store_;
  const ImageLocation& from_;
  const std::stop_token& stop_;
};

/// The contents of a tar reader's current file.
class EntrySource final : public ByteSource {
 public:
  explicit EntrySource(TarReader& tar) : tar_(tar) {}

  std::size_t read(std::span<std::byte> buffer) override {
    while (rest_.empty()) {
      const auto block = tar_.next_block();
      if (!block) return 0;
      rest_ = block->data;
    }
    const auto count = std::min(rest_.size(), buffer.size());
    std::copy_n(rest_.begin(), count, buffer.begin());
    rest_ = rest_.subspan(count);
    return count;
  }

 private:
  TarReader& tar_;
  std::span<const std::byte> rest_;
};

/// A tar, whose index may come last: all its blobs go into the store in one pass.
class LayoutArchive final : public Layout {
 public:
  LayoutArchive(Store& store, const ImageLocation& from, const std::stop_token& stop)
      : store_(store), from_(from) {
    FileSource file(base::open_for_reading(from.path), from.path.string());
    TarReader tar(file, from.path.string());
    while (const auto entry = tar.next()) {
      if (entry->type != EntryType::kFile) continue;
      const auto path = fs::path(entry->path).lexically_normal().relative_path();
      if (path == "oci-layout") marker = text_of(tar, kMaxLayoutFileBytes);
      if (path == "index.json") index = text_of(tar, kMaxLayoutIndexBytes);
      if (const auto digest = digest_of(path)) {
        EntrySource content(tar);
        const Descriptor blob{.media_type = "",
                              .digest = *digest,
                              .size = entry->bytes,
                              .annotations = {},
                              .platform = std::nullopt,
                              .urls = {}};
        copy_blob(content, *store.write_blob(blob, stop), stop);
      }
    }
  }

  [[nodiscard]] bool has(const Descriptor& blob) const override { return store_.contains(blob); }

  void fetch(const Descriptor& blob) override {
    if (has(blob)) return;
    fail(from_, base::ErrorCode::kNotFound, fmt::format("blob {} is missing", blob.digest.text()));
  }

 private:
  static std::optional<Digest> digest_of(const fs::path& path) {
    const auto folder = path.parent_path();
    if (folder.parent_path() != "blobs") return std::nullopt;
    return Digest::parse(folder.filename().string() + ":" + path.filename().string());
  }

  std::string text_of(TarReader& tar, std::size_t limit) const {
    std::string text;
    while (const auto block = tar.next_block()) {
      text.append(reinterpret_cast<const char*>(block->data.data()), block->data.size());
      if (text.size() > limit) fail(from_, base::ErrorCode::kIntegrity, "its index is too large");
    }
    return text;
  }

  Store& store_;
  const ImageLocation& from_;
};

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
  if (!from.name.empty()) fail(from, base::ErrorCode::kNotFound, offered);
  if (names.empty()) fail(from, base::ErrorCode::kNotFound, offered);
  if (names.size() > 1) fail(from, base::ErrorCode::kUsage, offered, "add :NAME to say which");
  return index.manifests.front();
}

void check_layout(const Layout& layout, const ImageLocation& from) {
  if (layout.marker.empty() || layout.index.empty()) {
    fail(from, base::ErrorCode::kNotFound,
         "it is not an OCI image layout: oci-layout or index.json is missing");
  }
  const auto marker = parse_json(layout.marker, "oci-layout");
  const auto version =
      marker.is_object() ? text_field(marker, "imageLayoutVersion", "oci-layout") : std::string();
  if (version != "1.0.0") {
    fail(from, base::ErrorCode::kUnsupported,
         fmt::format("its layout version is '{}'", base::printable(version)));
  }
}

std::string read_document(Store& store, Layout& layout, const ImageLocation& from,
                          const Descriptor& document) {
  layout.fetch(document);
  auto text = store.read_blob(document.digest, kMaxManifestBytes);
  if (!text) fail(from, base::ErrorCode::kIntegrity, "its manifest is corrupt");
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
  fail(from, base::ErrorCode::kIntegrity, "its indexes lead to indexes without end");
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
  if (!fs::exists(from.path)) fail(from, base::ErrorCode::kNotFound, "there is no such file");
  switch (from.format) {
    case ImageLocation::Format::kOciLayout: {
      LayoutFolder layout(store, from, stop);
      return import_layout(store, layout, from, platform);
    }
    case ImageLocation::Format::kOciArchive: {
      LayoutArchive layout(store, from, stop);
      return import_layout(store, layout, from, platform);
    }
    case ImageLocation::Format::kDockerArchive:
      return import_docker_archive(store, from, stop);
  }
  fail(from, base::ErrorCode::kInternal, "unknown format");
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
