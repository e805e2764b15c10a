// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "base/error.hpp"
#include "base/files.hpp"
#include "oci/blob_export.hpp"
#include "oci/docker_archive.hpp"
#include "oci/image_files.hpp"
#include "oci/image_graph.hpp"
#include "oci/layout_index.hpp"
#include "oci/tar_writer.hpp"

namespace oci {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kCopyBytes = 1U << 20;

std::string blob_name(const Digest& digest) {
  return fmt::format("blobs/{}/{}", digest.algorithm(), digest.hex());
}

/// Manifests and blobs, each once. What its owner alone may give need not be there.
std::vector<Descriptor> parts_of(const Store& store, const Descriptor& top) {
  auto graph = read_graph(store, top, top.digest.text());
  auto parts = std::move(graph.documents);
  for (auto& blob : graph.blobs) {
    if (is_nondistributable(blob.media_type) && !store.contains(blob)) continue;
    parts.push_back(std::move(blob));
  }
  return parts;
}

void copy_to_file(ByteSource& source, const fs::path& path) {
  auto partial = path;
  partial += ".partial";
  const base::FileDescriptor fd(
      ::open(partial.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644));
  if (!fd) base::throw_system_error(errno, fmt::format("cannot write {}", partial.string()));
  try {
    std::vector<std::byte> buffer(kCopyBytes);
    while (const auto count = read_fully(source, buffer)) {
      base::write_all(fd.get(), std::span(buffer).first(count), partial.string());
    }
    if (::fsync(fd.get()) != 0 || ::rename(partial.c_str(), path.c_str()) != 0) {
      base::throw_system_error(errno, fmt::format("cannot write {}", path.string()));
    }
  } catch (...) {
    ::unlink(partial.c_str());
    throw;
  }
}

void export_layout(Store& store, const Descriptor& descriptor, const ImageLocation& to,
                   const std::stop_token& stop) {
  for (const auto& blob : parts_of(store, descriptor)) {
    const auto path = to.path / blob_name(blob.digest);
    base::make_directories(path.parent_path());
    if (fs::is_regular_file(fs::symlink_status(path)) && fs::file_size(path) == blob.size) continue;
    BlobExport source(store, blob, stop);
    copy_to_file(source, path);
    base::sync_path(path.parent_path());
  }
  const auto index_path = to.path / "index.json";
  const auto index = base::read_file_if_exists(index_path, kMaxLayoutIndexBytes)
                         .value_or(std::string(kEmptyLayoutIndex));
  base::write_file_atomically(to.path / "oci-layout", kLayoutFile);
  base::write_file_atomically(index_path,
                              with_name(index, to.name, descriptor, index_path.string()));
}

void export_archive(Store& store, const Descriptor& descriptor, const ImageLocation& to,
                    const std::stop_token& stop) {
  TarWriter tar(to.path);
  tar.add("oci-layout", kLayoutFile);
  tar.add("index.json", with_name(kEmptyLayoutIndex, to.name, descriptor, to.text()));
  for (const auto& blob : parts_of(store, descriptor)) {
    BlobExport source(store, blob, stop);
    tar.add(blob_name(blob.digest), source, blob.size);
  }
  tar.finish();
}

std::string document(const Store& store, const Digest& digest, std::size_t limit) {
  auto text = store.read_blob(digest, limit);
  if (text) return std::move(*text);
  throw base::Error({.code = base::ErrorCode::kNotFound,
                     .what = fmt::format("cannot write out the image {}", digest.text()),
                     .why = "the store does not have it, or had it corrupt",
                     .hint = "pull the image again"});
}

}  // namespace

void export_image(Store& store, const Descriptor& descriptor, const ImageLocation& to,
                  const std::stop_token& stop) {
  switch (to.format) {
    case ImageLocation::Format::kOciLayout:
      return export_layout(store, descriptor, to, stop);
    case ImageLocation::Format::kOciArchive:
      return export_archive(store, descriptor, to, stop);
    case ImageLocation::Format::kDockerArchive: {
      if (is_index(descriptor.media_type)) {
        throw base::Error({.code = base::ErrorCode::kUsage,
                           .what = fmt::format("cannot write {}", to.text()),
                           .why = "an archive for docker holds images of one platform, no index",
                           .hint = "write oci:DIR or oci-archive:FILE, or leave out --all"});
      }
      const auto text = document(store, descriptor.digest, kMaxManifestBytes);
      const auto manifest = parse_manifest(text, descriptor.media_type, descriptor.digest.text());
      const auto& digest = manifest.config.digest;
      const auto config = parse_config(document(store, digest, kMaxConfigBytes), digest.text());
      return export_docker_archive(store, manifest, config, to, stop);
    }
  }
}

}  // namespace oci
