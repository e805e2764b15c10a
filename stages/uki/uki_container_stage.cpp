// SPDX-License-Identifier: Apache-2.0
#include "stages/uki/uki_container_stage.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/files.hpp"
#include "oci/image_files.hpp"
#include "oci/layer_diff.hpp"
#include "stages/disk_bytes.hpp"
#include "stages/file_digest.hpp"
#include "stages/uki/boot_folder.hpp"
#include "stages/uki/uki_stage.hpp"

namespace stages::uki {
namespace {

constexpr std::size_t kBufferBytes = std::size_t{1} << 20;

void add_folders(oci::TarStream& tar, const std::vector<std::string>& files, std::int64_t epoch) {
  std::set<std::string> folders;
  for (const auto& file : files) {
    for (auto folder = std::filesystem::path(file).parent_path(); !folder.empty();
         folder = folder.parent_path()) {
      folders.insert(folder.string());
    }
  }
  for (const auto& folder : folders) {
    oci::TarEntry entry;
    entry.type = oci::EntryType::kDirectory;
    entry.path = folder;
    entry.mode = 0755;
    entry.mtime_seconds = epoch;
    tar.add(entry);
  }
}

void add_file(oci::TarStream& tar, const std::filesystem::path& folder, const std::string& name,
              std::int64_t epoch, const std::stop_token& stop) {
  const DiskBytes file(folder / name);
  oci::TarEntry entry;
  entry.path = name;
  entry.mode = 0644;
  entry.mtime_seconds = epoch;
  entry.bytes = file.size();
  tar.add(entry);
  for (std::uint64_t done = 0; done < file.size();) {
    check_stop(stop);
    const auto part = file.read(done, std::min<std::uint64_t>(kBufferBytes, file.size() - done));
    tar.write(std::as_bytes(std::span(part)));
    done += part.size();
  }
}

nlohmann::json descriptor(std::string_view media_type, const oci::Digest& digest,
                          std::uint64_t size) {
  return {{"mediaType", media_type}, {"digest", digest.text()}, {"size", size}};
}

/// Config and manifest of an image of one layer; the manifest's descriptor.
oci::Descriptor put_image(oci::Store& store, const oci::MadeLayer& layer, Architecture architecture,
                          std::int64_t epoch) {
  const auto created =
      fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(static_cast<std::time_t>(epoch)));
  const nlohmann::json config = {
      {"created", created},
      {"architecture", name_of(architecture)},
      {"os", "linux"},
      {"config", nlohmann::json::object()},
      {"rootfs", {{"type", "layers"}, {"diff_ids", {layer.diff_id.text()}}}},
      {"history", {{{"created", created}, {"created_by", "osartifact"}}}}};
  const auto config_text = config.dump();
  const auto config_digest = store.put_blob(config_text);
  const nlohmann::json manifest = {
      {"schemaVersion", 2},
      {"mediaType", oci::media_type::kOciManifest},
      {"config", descriptor(oci::media_type::kOciConfig, config_digest, config_text.size())},
      {"layers", {descriptor(layer.blob.media_type, layer.blob.digest, layer.blob.size)}}};
  const auto manifest_text = manifest.dump();
  return {.media_type = std::string(oci::media_type::kOciManifest),
          .digest = store.put_blob(manifest_text),
          .size = manifest_text.size(),
          .annotations = {},
          .platform = {},
          .urls = {}};
}

}  // namespace

nlohmann::json UkiContainerStage::parameters() const {
  return {{"output", options_.output.string()},
          {"name", options_.name},
          {"architecture", name_of(options_.architecture)},
          {"epoch", options_.epoch}};
}

bool UkiContainerStage::still_valid(const Record& record, const oci::Store& /*store*/) const {
  return is_same_file(options_.output, record.at("identity"));
}

Record UkiContainerStage::run(const StageContext& context, const Inputs& inputs,
                              const oci::Digest& /*fingerprint*/) const {
  const auto folder = boot_folder_of(context.store, inputs.at("uki"));
  const auto layer =
      oci::make_layer(context.store, {.threads = options_.threads}, [&](oci::TarStream& tar) {
        const auto files = files_below(folder);
        add_folders(tar, files, options_.epoch);
        for (const auto& file : files) add_file(tar, folder, file, options_.epoch, context.stop);
      });
  const auto image = put_image(context.store, layer, options_.architecture, options_.epoch);
  base::make_directories(options_.output.parent_path());
  oci::export_image(context.store, image,
                    {.format = oci::ImageLocation::Format::kDockerArchive,
                     .path = options_.output,
                     .name = options_.name},
                    context.stop);
  return describe_artifact("uki-container", options_.output, context.stop);
}

}  // namespace stages::uki
