// SPDX-License-Identifier: Apache-2.0
#include "stages/build_image_stage.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "base/error.hpp"
#include "base/format.hpp"
#include "oci/pull.hpp"
#include "stages/image_record.hpp"

namespace stages {
namespace {

/// Passes on what an engine says, without the secrets it was given.
class MaskedObserver final : public StageObserver {
 public:
  MaskedObserver(StageObserver& next, const base::Mask& mask) : next_(next), mask_(mask) {}

  void progress(std::uint64_t done, std::uint64_t total) override { next_.progress(done, total); }
  void fact(std::string_view text) override { next_.fact(mask_.apply(text)); }
  void warning(std::string_view text) override { next_.warning(mask_.apply(text)); }
  void output(std::string_view text) override { next_.output(mask_.apply(text)); }

 private:
  StageObserver& next_;
  const base::Mask& mask_;
};

}  // namespace

bool is_proxy_argument(std::string_view name) {
  constexpr std::array<std::string_view, 5> kProxies = {"http_proxy", "https_proxy", "ftp_proxy",
                                                        "no_proxy", "all_proxy"};
  std::string lower(name);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return std::find(kProxies.begin(), kProxies.end(), lower) != kProxies.end();
}

nlohmann::json BuildImageStage::parameters() const {
  const auto& build = options_.build;
  const auto digest = [](const std::string& text) { return oci::Digest::of(text).text(); };
  // Arguments, secrets and the rendered text may hold what nobody should read.
  nlohmann::json arguments = nlohmann::json::object();
  for (const auto& [name, value] : build.build_args) {
    if (!is_proxy_argument(name)) arguments[name] = digest(value);
  }
  nlohmann::json secrets = nlohmann::json::object();
  for (const auto& secret : build.secrets) secrets[secret.id] = digest(secret.value.reveal());
  nlohmann::json agents = nlohmann::json::array();
  for (const auto& [id, socket] : build.ssh) agents.push_back(id);
  nlohmann::json parameters = {{"engine", options_.engine->name()},
                               {"dockerfile", digest(build.dockerfile)},
                               {"context", options_.context_digest},
                               {"ignore", build.ignore},
                               {"arguments", arguments},
                               {"target", build.target},
                               {"platform", build.platform.text()},
                               {"secrets", secrets},
                               {"ssh", agents},
                               {"labels", build.labels},
                               {"bases", options_.bases},
                               {"names", options_.names}};
  if (build.layer_format == oci::LayerFormat::kZstd) parameters["compression"] = "zstd";
  if (build.epoch) parameters["epoch"] = *build.epoch;
  // Sent once; where it is taken from changes no image.
  if (build.cache_to) parameters["cacheTo"] = build.cache_to->text();
  if (!options_.nonce.empty()) parameters["nonce"] = options_.nonce;
  return parameters;
}

bool BuildImageStage::still_valid(const Record& record, const oci::Store& store) const {
  return has_image(record, store);
}

Record BuildImageStage::run(const StageContext& context, const Inputs& /*inputs*/,
                            const oci::Digest& /*fingerprint*/) const {
  MaskedObserver observer(context.observer, options_.mask);
  const StageContext masked{.store = context.store,
                            .registry = context.registry,
                            .process = context.process,
                            .observer = observer,
                            .stop = context.stop};
  try {
    const auto image = options_.engine->build(masked, options_.build);
    const auto manifest = oci::read_manifest(context.store, image);
    for (const auto& name : options_.names) context.store.tag(name, image);
    std::uint64_t bytes = 0;
    for (const auto& layer : manifest.layers) bytes += layer.size;
    const auto& shown = options_.names.empty() ? "the image" : options_.names.front();
    context.observer.fact(fmt::format("{} is {}, {} layers, {}", shown, image.digest.text(),
                                      manifest.layers.size(), base::format_bytes(bytes)));
    auto record = record_of_image(image, options_.names.empty() ? "" : options_.names.front());
    record["layers"] = manifest.layers.size();
    record["layerBytes"] = bytes;
    record["engine"] = options_.engine->name();
    return record;
  } catch (const base::Error& error) {
    throw options_.mask.apply(error);
  }
}

}  // namespace stages
