// SPDX-License-Identifier: Apache-2.0
#include "oci/docker_archive.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.hpp"
#include "base/files.hpp"
#include "oci/blob_export.hpp"
#include "oci/decompressor.hpp"
#include "oci/json.hpp"
#include "oci/layer_writer.hpp"
#include "oci/layout_index.hpp"
#include "oci/reference.hpp"
#include "oci/rooted_directory.hpp"
#include "oci/tar_reader.hpp"
#include "oci/tar_writer.hpp"

namespace oci {
namespace {

using nlohmann::json;

[[noreturn]] void fail(const ImageLocation& from, base::ErrorCode code, std::string why,
                       std::string hint = "") {
  throw base::Error({.code = code,
                     .what = fmt::format("cannot read the image {}", from.text()),
                     .why = std::move(why),
                     .hint = std::move(hint)});
}

/// One image of manifest.json.
struct Listed {
  std::string config;
  std::vector<std::string> tags;
  std::vector<std::string> layers;
};

std::vector<std::string> strings(const json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return {};
  return found->get<std::vector<std::string>>();
}

std::vector<Listed> parse_listing(const std::string& text, const ImageLocation& from) {
  const auto document = parse_json(text, fmt::format("manifest.json of {}", from.text()));
  try {
    std::vector<Listed> images;
    for (const auto& object : document) {
      images.push_back({.config = object.at("Config").get<std::string>(),
                        .tags = strings(object, "RepoTags"),
                        .layers = strings(object, "Layers")});
    }
    return images;
  } catch (const json::exception& error) {
    fail(from, base::ErrorCode::kIntegrity, fmt::format("manifest.json: {}", error.what()));
  }
}

/// Tags are compared as references: "debian" is docker.io/library/debian:latest.
bool same_reference(const std::string& left, const std::string& right) {
  try {
    return Reference::parse(left).text() == Reference::parse(right).text();
  } catch (const base::Error&) {
    return left == right;
  }
}

const Listed& choose(const std::vector<Listed>& images, const ImageLocation& from) {
  std::vector<std::string> names;
  for (const auto& image : images) {
    for (const auto& tag : image.tags) {
      if (!from.name.empty() && same_reference(tag, from.name)) return image;
      names.push_back(tag);
    }
  }
  const auto offered = names.empty() ? std::string("it holds no named image")
                                     : fmt::format("it holds: {}", fmt::join(names, ", "));
  if (!from.name.empty() || images.empty()) fail(from, base::ErrorCode::kNotFound, offered);
  if (images.size() > 1) fail(from, base::ErrorCode::kUsage, offered, "add :NAME to say which");
  return images.front();
}

/// The archive, opened up in a folder of its own by the layer writer: its links (docker save makes
/// some) lead nowhere else.
class OpenedArchive {
 public:
  OpenedArchive(Store& store, const ImageLocation& from, const std::stop_token& stop)
      : from_(from),
        folder_(store.make_temp_dir("archive")),
        fd_(::open(folder_.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)),
        root_(fd_.get(), from.path.string()) {
    FileSource file(base::open_for_reading(from.path), from.path.string());
    TarReader tar(file, from.path.string());
    LayerOptions options;
    options.keep_owners = false;
    options.skip_devices = true;
    LayerUsage usage;
    apply_layer(
        tar, fd_.get(), from.path.string(), options, usage, [](const std::string&) {}, stop);
  }

  [[nodiscard]] base::FileDescriptor open(const std::string& path) const {
    auto fd = root_.try_open(path, O_RDONLY | O_NONBLOCK);
    struct stat status {};
    if (!fd || ::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
      fail(from_, base::ErrorCode::kNotFound, fmt::format("{} is missing in it", path));
    }
    return fd;
  }
  [[nodiscard]] std::string read(const std::string& path, std::size_t limit) const {
    return base::read_all(open(path).get(), limit, fmt::format("{} of {}", path, from_.text()));
  }

 private:
  const ImageLocation& from_;
  base::TempDir folder_;
  base::FileDescriptor fd_;
  RootedDirectory root_;
};

std::string_view layer_type(int fd, const std::string& name) {
  std::array<std::byte, 4> start{};
  FileSource source(base::FileDescriptor(::dup(fd)), name);
  const auto count = read_fully(source, start);
  ::lseek(fd, 0, SEEK_SET);
  switch (detect_compression(std::span(start).first(count))) {
    case Compression::kGzip:
      return media_type::kOciLayerGzip;
    case Compression::kZstd:
      return media_type::kOciLayerZstd;
    case Compression::kNone:
      return media_type::kOciLayer;
  }
  return media_type::kOciLayer;
}

/// Reads the layer once for its digest and once into the store.
Descriptor import_layer(Store& store, const OpenedArchive& archive, const std::string& path,
                        const std::stop_token& stop) {
  auto fd = archive.open(path);
  const auto type = layer_type(fd.get(), path);
  FileSource first(base::FileDescriptor(::dup(fd.get())), path);
  HashingSource hashed(first, "sha256", {});
  const auto digest = hashed.finish();
  const Descriptor blob{.media_type = std::string(type),
                        .digest = digest,
                        .size = hashed.bytes(),
                        .annotations = {},
                        .platform = std::nullopt,
                        .urls = {}};
  ::lseek(fd.get(), 0, SEEK_SET);
  FileSource second(std::move(fd), path);
  copy_blob(second, *store.write_blob(blob, stop), stop);
  return blob;
}

Descriptor put(Store& store, std::string_view type, const std::string& bytes) {
  return {.media_type = std::string(type),
          .digest = store.put_blob(bytes),
          .size = bytes.size(),
          .annotations = {},
          .platform = std::nullopt,
          .urls = {}};
}

/// Opens up a zstd layer into `folder`; returns the file.
std::filesystem::path unpacked(Store& store, const Descriptor& blob,
                               const std::filesystem::path& folder, const std::stop_token& stop) {
  const auto path = folder / blob.digest.hex();
  const base::FileDescriptor fd(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd) base::throw_system_error(errno, fmt::format("cannot write {}", path.string()));
  BlobExport source(store, blob, stop);
  Decompressor tar(source, blob.digest.text());
  std::vector<std::byte> buffer(1U << 20);
  while (const auto count = read_fully(tar, buffer)) {
    base::write_all(fd.get(), std::span(buffer).first(count), path.string());
  }
  return path;
}

}  // namespace

Descriptor import_docker_archive(Store& store, const ImageLocation& from,
                                 const std::stop_token& stop) {
  const OpenedArchive archive(store, from, stop);
  const auto images = parse_listing(archive.read("manifest.json", kMaxDockerManifestBytes), from);
  const auto& image = choose(images, from);
  const auto config_text = archive.read(image.config, kMaxConfigBytes);
  const auto config = parse_config(config_text, fmt::format("the config of {}", from.text()));
  if (config.diff_ids.size() != image.layers.size()) {
    fail(from, base::ErrorCode::kIntegrity,
         fmt::format("manifest.json has {} layers and the config {} diff ids", image.layers.size(),
                     config.diff_ids.size()));
  }
  json manifest = {{"schemaVersion", 2},
                   {"mediaType", media_type::kOciManifest},
                   {"config", to_json(put(store, media_type::kOciConfig, config_text))},
                   {"layers", json::array()}};
  for (std::size_t i = 0; i < image.layers.size(); ++i) {
    const auto layer = import_layer(store, archive, image.layers[i], stop);
    if (layer.media_type == media_type::kOciLayer && layer.digest != config.diff_ids[i]) {
      fail(from, base::ErrorCode::kIntegrity,
           fmt::format("layer {} has the digest {}, and the config says {}", image.layers[i],
                       layer.digest.text(), config.diff_ids[i].text()));
    }
    manifest["layers"].push_back(to_json(layer));
  }
  return put(store, media_type::kOciManifest, manifest.dump());
}

void export_docker_archive(Store& store, const Manifest& manifest, const ImageConfig& config,
                           const ImageLocation& to, const std::stop_token& stop) {
  check_layers_match(manifest, config, to.text());
  const auto scratch = store.make_temp_dir("export");
  TarWriter tar(to.path);
  json listing = {{"Config", fmt::format("{}.json", manifest.config.digest.hex())},
                  {"RepoTags", json::array()},
                  {"Layers", json::array()}};
  if (!to.name.empty()) listing["RepoTags"].push_back(Reference::parse(to.name).text());
  BlobExport config_file(store, manifest.config, stop);
  tar.add(listing["Config"], config_file, manifest.config.size);
  std::set<std::string> written;
  for (std::size_t i = 0; i < manifest.layers.size(); ++i) {
    const auto& blob = manifest.layers[i];
    const auto type = layer_type(store.open_blob(blob.digest).get(), blob.digest.text());
    const bool gzip = type == media_type::kOciLayerGzip;
    const auto name = fmt::format("{}.tar{}", config.diff_ids[i].hex(), gzip ? ".gz" : "");
    listing["Layers"].push_back(name);
    if (!written.insert(name).second) continue;
    if (type == media_type::kOciLayerZstd) {
      const auto path = unpacked(store, blob, scratch.path(), stop);
      FileSource file(base::open_for_reading(path), path.string());
      tar.add(name, file, std::filesystem::file_size(path));
      std::filesystem::remove(path);
    } else {
      BlobExport file(store, blob, stop);
      tar.add(name, file, blob.size);
    }
  }
  tar.add("manifest.json", json::array({listing}).dump());
  tar.finish();
}

}  // namespace oci
