// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <set>
#include <vector>

#include "base/error.hpp"
#include "base/files.hpp"
#include "oci/blob_export.hpp"
#include "oci/docker_archive.hpp"
#include "oci/image_files.hpp"
#include "oci/layout_index.hpp"
#include "oci/tar_writer.hpp"

namespace oci {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kCopyBytes = 1U << 20;

std::string blob_name(const Digest& digest) {
  return fmt::format("blobs/{}/{}", digest.algorithm(), digest.hex());
}

/// Manifest, config, layers: each once.
std::vector<Descriptor> blobs_of(const Descriptor& descriptor, const Manifest& manifest) {
  std::vector<Descriptor> blobs = {descriptor, manifest.config};
  std::set<Digest> seen = {descriptor.digest, manifest.config.digest};
  for (const auto& layer : manifest.layers) {
    if (seen.insert(layer.digest).second) blobs.push_back(layer);
  }
  return blobs;
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

void export_layout(Store& store, const Descriptor& descriptor, const Manifest& manifest,
                   const ImageLocation& to, const std::stop_token& stop) {
  for (const auto& blob : blobs_of(descriptor, manifest)) {
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

void export_archive(Store& store, const Descriptor& descriptor, const Manifest& manifest,
                    const ImageLocation& to, const std::stop_token& stop) {
  TarWriter tar(to.path);
  tar.add("oci-layout", kLayoutFile);
  tar.add("index.json", with_name(kEmptyLayoutIndex, to.name, descriptor, to.text()));
  for (const auto& blob : blobs_of(descriptor, manifest)) {
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
  const auto text = document(store, descriptor.digest, kMaxManifestBytes);
  const auto manifest = parse_manifest(text, descriptor.media_type, descriptor.digest.text());
  switch (to.format) {
    case ImageLocation::Format::kOciLayout:
      return export_layout(store, descriptor, manifest, to, stop);
    case ImageLocation::Format::kOciArchive:
      return export_archive(store, descriptor, manifest, to, stop);
    case ImageLocation::Format::kDockerArchive: {
      const auto& digest = manifest.config.digest;
      const auto config = parse_config(document(store, digest, kMaxConfigBytes), digest.text());
      return export_docker_archive(store, manifest, config, to, stop);
    }
  }
}

}  // namespace oci
