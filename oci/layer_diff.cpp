// SPDX-License-Identifier: Apache-2.0
#include "oci/layer_diff.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/handle.hpp"
#include "oci/compressor.hpp"
#include "oci/entry_writer.hpp"
#include "oci/folder_entries.hpp"
#include "oci/new_blob.hpp"
#include "oci/rooted_directory.hpp"
#include "oci/zstd_compressor.hpp"

namespace oci {
namespace {

constexpr int kZstdLevel = 3;  // As buildah and BuildKit.

[[noreturn]] void fail(const std::string& path) {
  base::throw_system_error(errno, fmt::format("cannot read /{} for a layer", path));
}

class UpperDiff {
 public:
  UpperDiff(int lower, TarStream& tar, const DiffOptions& options)
      : lower_(lower, "the lower tree"), writer_(tar, options) {}

  void write_children(int folder, const std::string& path, bool opaque) {
    struct stat own {};
    if (::fstat(folder, &own) != 0) fail(path);
    if (opaque) writer_.write_whiteout(path, "", own);
    std::vector<std::pair<std::string, struct stat>> kept;
    for (const auto& name : names_in(folder, path)) {
      struct stat status {};
      if (::fstatat(folder, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) fail(path + name);
      if (S_ISCHR(status.st_mode) && status.st_rdev == 0) {
        write_parents();
        writer_.write_whiteout(path, name, own);
      } else {
        kept.emplace_back(name, status);
      }
    }
    for (const auto& [name, status] : kept) {
      if (S_ISDIR(status.st_mode)) {
        write_folder(folder, path, name, status);
      } else {
        write_parents();
        writer_.write(folder, name, path + name, status);
      }
    }
  }

 private:
  /// A folder whose entry is written only if something below it is, unless it changed itself:
  /// overlayfs copies folders up for less than that.
  struct Pending {
    EntryWriter::Folder folder;
    bool written = false;
  };

  void write_folder(int parent, const std::string& path, const std::string& name,
                    const struct stat& status) {
    const auto full = path + name + "/";
    auto folder = writer_.read_folder(parent, name, full, status);
    bool opaque = false;
    for (const auto& [mark, value] : folder.overlay) {
      const bool harmless = mark == "origin" || mark == "impure" || mark == "uuid";
      if (mark == "opaque" && value == "y") {
        opaque = true;
      } else if (!harmless) {
        refuse_overlay_mark(full, mark);
      }
    }
    const auto below = lower_folder(full);
    opaque = opaque && below;  // overlayfs marks also folders that hide nothing.
    const bool as_it_was = below && !opaque && is_same(*below, folder);
    pending_.push_back({.folder = std::move(folder)});
    if (!as_it_was) write_parents();
    const base::FileDescriptor fd(
        ::openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!fd) fail(full);
    write_children(fd.get(), full, opaque);
    pending_.pop_back();
  }

  void write_parents() {
    for (auto& pending : pending_) {
      if (!std::exchange(pending.written, true)) writer_.write_folder(pending.folder);
    }
  }

  static bool is_same(const EntryWriter::Folder& one, const EntryWriter::Folder& other) {
    return one.modified_ns == other.modified_ns && one.entry.mode == other.entry.mode &&
           one.entry.uid == other.entry.uid && one.entry.gid == other.entry.gid &&
           one.entry.xattrs == other.entry.xattrs;
  }

  /// The folder `path` of the tree below, if it is one there.
  [[nodiscard]] std::optional<EntryWriter::Folder> lower_folder(const std::string& path) const {
    const auto slash = path.find_last_of('/', path.size() - 2);
    const auto parent = slash == std::string::npos ? "" : path.substr(0, slash);
    const auto fd = lower_.try_open(parent, O_RDONLY | O_DIRECTORY);
    auto name = path.substr(parent.empty() ? 0 : slash + 1);
    name.pop_back();
    struct stat status {};
    if (!fd || ::fstatat(fd.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0 ||
        !S_ISDIR(status.st_mode)) {
      return std::nullopt;
    }
    return writer_.read_folder(fd.get(), name, path, status);
  }

  RootedDirectory lower_;
  EntryWriter writer_;
  std::vector<Pending> pending_;
};

/// The layer whose tar `fill` writes, through `compressor` into `blob`.
template <typename Compressor>
MadeLayer compress_layer(Compressor& compressor, NewBlob& blob, std::string_view type,
                         const std::function<void(TarStream& tar)>& fill) {
  Hasher tar_hash;
  TarStream tar([&](std::span<const std::byte> data) {
    tar_hash.update(data);
    compressor.write(data);
  });
  fill(tar);
  tar.finish();
  compressor.finish();
  const auto bytes = blob.bytes();
  return {.blob = {.media_type = std::string(type),
                   .digest = blob.commit(),
                   .size = bytes,
                   .annotations = {},
                   .platform = std::nullopt,
                   .urls = {}},
          .diff_id = tar_hash.finish()};
}

}  // namespace

void write_upper(int lower, int upper, TarStream& tar, const DiffOptions& options) {
  UpperDiff(lower, tar, options).write_children(upper, "", /*opaque=*/false);
}

MadeLayer make_layer(const Store& store, const LayerPacking& packing,
                     const std::function<void(TarStream& tar)>& fill) {
  const auto output = [](NewBlob& blob) {
    return [&blob](std::span<const std::byte> data) { blob.write(data); };
  };
  NewBlob blob(store);
  if (packing.format == LayerFormat::kZstd) {
    ZstdCompressor zstd(output(blob), kZstdLevel, packing.threads);
    return compress_layer(zstd, blob, media_type::kOciLayerZstd, fill);
  }
  GzipCompressor gzip(output(blob), packing.threads);
  return compress_layer(gzip, blob, media_type::kOciLayerGzip, fill);
}

}  // namespace oci
