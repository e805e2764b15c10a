// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "oci/layer_diff.hpp"
#include "oci/manifest.hpp"
#include "oci/platform.hpp"
#include "oci/store.hpp"

namespace stages::dockerfile {

/// What a new image has when nobody says otherwise.
inline constexpr std::string_view kDefaultPath =
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// An image while it is built: its layers and its config as a document, in which what we do not
/// know stays as the base image had it. Source: OCI image-spec, config.md; Docker image spec v1.3
/// for Healthcheck, OnBuild and Shell.
class ImageDraft {
 public:
  /// FROM scratch.
  explicit ImageDraft(const oci::Platform& platform);
  /// FROM an image. Throws base::Error kIntegrity when the two are no image.
  ImageDraft(std::string_view config, const oci::Manifest& manifest);

  /// The object "config", with Env, Cmd and so on. Always an object.
  nlohmann::json& config() { return document_["config"]; }
  [[nodiscard]] const nlohmann::json& config() const { return document_.at("config"); }
  void set_author(std::string author) { document_["author"] = std::move(author); }

  /// A string or a list of strings of config(); empty when it is not there, or null.
  [[nodiscard]] std::string text(std::string_view key) const;
  [[nodiscard]] std::vector<std::string> list(std::string_view key) const;
  [[nodiscard]] oci::Platform platform() const;

  /// A step that changed no files. `created_by` as docker writes it.
  void add_history(std::string_view created_by);
  /// A step that did; `created` in seconds.
  void add_layer(const oci::MadeLayer& layer, std::string_view created_by, std::int64_t created);

  [[nodiscard]] const std::vector<oci::Descriptor>& layers() const { return layers_; }
  [[nodiscard]] const std::vector<oci::Digest>& diff_ids() const { return diff_ids_; }
  /// What identifies the files of the image: the chain id of the top layer; "" without layers.
  [[nodiscard]] std::string chain_id() const;
  /// The layers, as an image that can be unpacked; its config blob does not exist.
  [[nodiscard]] oci::Manifest manifest() const;
  [[nodiscard]] oci::ImageConfig image_config() const;

  /// Writes config and manifest into the store. New history has the time of the layer before it
  /// or, with `epoch`, that; `now` where there is no layer. Media types are OCI's, whatever the
  /// base image has.
  [[nodiscard]] oci::Descriptor write(oci::Store& store, std::optional<std::int64_t> epoch,
                                      std::int64_t now) const;

 private:
  nlohmann::json document_;  ///< Without "history" and "rootfs".
  nlohmann::json history_ = nlohmann::json::array();
  std::size_t base_history_ = 0;  ///< How many entries came with the base image.
  std::vector<oci::Descriptor> layers_;
  std::vector<oci::Digest> diff_ids_;
};

/// Seconds since 1970 as RFC 3339 has them: "2024-01-02T03:04:05Z".
std::string rfc3339(std::int64_t seconds);

}  // namespace stages::dockerfile
