// SPDX-License-Identifier: Apache-2.0
#include "oci/layout_source.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <span>

#include "base/files.hpp"
#include "oci/blob_export.hpp"
#include "oci/byte_source.hpp"
#include "oci/layout_index.hpp"
#include "oci/tar_reader.hpp"

namespace oci {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxLayoutFileBytes = 4096;

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
      fail_to_read(from_, base::ErrorCode::kNotFound,
                   fmt::format("blob {} is missing", blob.digest.text()));
    }
    if (!fd || ::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
      fail_to_read(from_, base::ErrorCode::kIntegrity,
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
    fail_to_read(from_, base::ErrorCode::kNotFound,
                 fmt::format("blob {} is missing", blob.digest.text()));
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
      if (text.size() > limit)
        fail_to_read(from_, base::ErrorCode::kIntegrity, "its index is too large");
    }
    return text;
  }

  Store& store_;
  const ImageLocation& from_;
};

}  // namespace

std::unique_ptr<Layout> open_layout(Store& store, const ImageLocation& from,
                                    const std::stop_token& stop) {
  if (from.format == ImageLocation::Format::kOciLayout) {
    return std::make_unique<LayoutFolder>(store, from, stop);
  }
  return std::make_unique<LayoutArchive>(store, from, stop);
}

void fail_to_read(const ImageLocation& from, base::ErrorCode code, std::string why,
                  std::string hint) {
  throw base::Error({.code = code,
                     .what = fmt::format("cannot read the image {}", from.text()),
                     .why = std::move(why),
                     .hint = std::move(hint)});
}

}  // namespace oci
