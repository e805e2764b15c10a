// SPDX-License-Identifier: Apache-2.0
#include "stages/dockerfile/image_draft.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <ctime>

#include "base/error.hpp"
#include "oci/json.hpp"
#include "oci/layout_index.hpp"
#include "oci/snapshots.hpp"

namespace stages::dockerfile {
namespace {

constexpr std::string_view kComment = "osartifact.dockerfile.v0";
constexpr const char* kNoHistory = "a layer of the base image";

/// What Docker noted about the container that the base image was committed from: not true of ours.
constexpr const char* kOfTheBaseAlone[] = {"id",
                                           "parent",
                                           "parent_id",
                                           "throwaway",
                                           "container",
                                           "container_config",
                                           "docker_version",
                                           "checksum",
                                           "Size",
                                           "size"};

/// Layers under their OCI types; the bytes are the same.
std::string oci_type(const std::string& media_type) {
  constexpr std::pair<std::string_view, std::string_view> kTypes[] = {
      {oci::media_type::kDockerLayerGzip, oci::media_type::kOciLayerGzip},
      {"application/vnd.docker.image.rootfs.diff.tar", oci::media_type::kOciLayer},
      {"application/vnd.docker.image.rootfs.diff.tar.zstd", oci::media_type::kOciLayerZstd},
  };
  for (const auto& [docker, oci] : kTypes) {
    if (media_type == docker) return std::string(oci);
  }
  return media_type;
}

oci::Descriptor put_document(oci::Store& store, std::string_view media_type,
                             const nlohmann::json& document) {
  const auto bytes = document.dump();
  return {.media_type = std::string(media_type),
          .digest = store.put_blob(bytes),
          .size = bytes.size(),
          .annotations = {},
          .platform = std::nullopt,
          .urls = {}};
}

/// An image need not have a history, but one that has must not list fewer layers than there are:
/// buildah refuses it. Source: OCI image-spec, config.md, "history".
void complete_history(nlohmann::json& history, std::size_t layers, const nlohmann::json& created) {
  const auto with_layer =
      std::count_if(history.begin(), history.end(), [](const nlohmann::json& entry) {
        return !entry.is_object() || !entry.contains("empty_layer") || entry["empty_layer"] != true;
      });
  for (auto i = static_cast<std::size_t>(with_layer); i < layers; ++i) {
    nlohmann::json entry = {{"created_by", ""}, {"comment", kNoHistory}};
    if (created.is_string()) entry["created"] = created;
    history.push_back(std::move(entry));
  }
}

}  // namespace

std::string rfc3339(std::int64_t seconds) {
  const auto time = static_cast<std::time_t>(seconds);
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(time));
}

ImageDraft::ImageDraft(const oci::Platform& platform)
    : document_({{"os", platform.os}, {"architecture", platform.architecture}}) {
  if (!platform.variant.empty()) document_["variant"] = platform.variant;
  document_["config"] = {{"Env", {fmt::format("PATH={}", kDefaultPath)}}, {"WorkingDir", "/"}};
}

ImageDraft::ImageDraft(std::string_view config, const oci::Manifest& manifest)
    : document_(oci::parse_json(config, "the base image's config")) {
  const auto known = oci::parse_config(config, "the base image's config");
  oci::check_layers_match(manifest, known, "the base image");
  layers_ = manifest.layers;
  diff_ids_ = known.diff_ids;
  for (const auto* key : kOfTheBaseAlone) document_.erase(key);
  document_.erase("rootfs");
  if (const auto found = document_.find("history"); found != document_.end() && found->is_array()) {
    history_ = *found;
  }
  document_.erase("history");
  const auto created = document_.find("created");
  complete_history(history_, layers_.size(),
                   created == document_.end() ? nlohmann::json() : *created);
  base_history_ = history_.size();
  if (!document_.contains("config") || !document_["config"].is_object()) {
    document_["config"] = nlohmann::json::object();
  }
  for (const auto* key : {"Labels", "ExposedPorts", "Volumes"}) {
    if (this->config().contains(key) && !this->config()[key].is_object()) this->config().erase(key);
  }
  auto environment = list("Env");
  const auto has_path = [](const std::string& entry) { return entry.starts_with("PATH="); };
  if (std::none_of(environment.begin(), environment.end(), has_path)) {
    environment.push_back(fmt::format("PATH={}", kDefaultPath));
    this->config()["Env"] = environment;
  }
}

std::string ImageDraft::text(std::string_view key) const {
  const auto found = config().find(key);
  return found != config().end() && found->is_string() ? found->get<std::string>() : "";
}

std::vector<std::string> ImageDraft::list(std::string_view key) const {
  std::vector<std::string> entries;
  const auto found = config().find(key);
  if (found == config().end() || !found->is_array()) return entries;
  for (const auto& entry : *found) {
    if (entry.is_string()) entries.push_back(entry.get<std::string>());
  }
  return entries;
}

oci::Platform ImageDraft::platform() const {
  return {.os = document_.value("os", "linux"),
          .architecture = document_.value("architecture", ""),
          .variant = document_.value("variant", "")};
}

void ImageDraft::add_history(std::string_view created_by) {
  history_.push_back({{"created_by", created_by}, {"comment", kComment}, {"empty_layer", true}});
}

void ImageDraft::add_layer(const oci::MadeLayer& layer, std::string_view created_by,
                           std::int64_t created) {
  history_.push_back(
      {{"created", rfc3339(created)}, {"created_by", created_by}, {"comment", kComment}});
  layers_.push_back(layer.blob);
  diff_ids_.push_back(layer.diff_id);
}

std::string ImageDraft::chain_id() const {
  return diff_ids_.empty() ? "" : oci::chain_ids(diff_ids_).back().text();
}

oci::Manifest ImageDraft::manifest() const {
  return {.media_type = std::string(oci::media_type::kOciManifest),
          .config = {.media_type = std::string(oci::media_type::kOciConfig),
                     .digest = oci::Digest::of(""),
                     .size = 0,
                     .annotations = {},
                     .platform = std::nullopt,
                     .urls = {}},
          .layers = layers_};
}

oci::ImageConfig ImageDraft::image_config() const {
  return {.platform = platform(), .created = 0, .diff_ids = diff_ids_};
}

oci::Descriptor ImageDraft::write(oci::Store& store, std::optional<std::int64_t> epoch,
                                  std::int64_t now) const {
  auto history = history_;
  // As BuildKit: what made no layer is as old as the layer before it, and before the first new
  // layer as old as that.
  auto created = rfc3339(epoch.value_or(now));
  for (std::size_t i = base_history_; i < history.size() && !epoch; ++i) {
    if (!history[i].contains("created")) continue;
    created = history[i]["created"];
    break;
  }
  for (std::size_t i = base_history_; i < history.size(); ++i) {
    if (history[i].contains("created") && !epoch) created = history[i]["created"];
    history[i]["created"] = created;
  }
  auto config = document_;
  config["created"] = created;
  config["history"] = std::move(history);
  config["rootfs"] = {{"type", "layers"}, {"diff_ids", nlohmann::json::array()}};
  for (const auto& diff_id : diff_ids_) config["rootfs"]["diff_ids"].push_back(diff_id.text());

  nlohmann::json manifest = {
      {"schemaVersion", 2},
      {"mediaType", oci::media_type::kOciManifest},
      {"config", oci::to_json(put_document(store, oci::media_type::kOciConfig, config))},
      {"layers", nlohmann::json::array()}};
  for (auto layer : layers_) {
    layer.media_type = oci_type(layer.media_type);
    manifest["layers"].push_back(oci::to_json(layer));
  }
  return put_document(store, oci::media_type::kOciManifest, manifest);
}

}  // namespace stages::dockerfile
