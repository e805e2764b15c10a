// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <ostream>

#include "base/format.hpp"
#include "oci/push.hpp"
#include "orchestrator/commands/commands.hpp"
#include "orchestrator/image_argument.hpp"

namespace orchestrator {
namespace {

nlohmann::json describe(const ImageArgument& argument, const oci::ImageConfig& config) {
  nlohmann::json layers = nlohmann::json::array();
  for (std::size_t i = 0; i < argument.image.manifest.layers.size(); ++i) {
    const auto& layer = argument.image.manifest.layers[i];
    layers.push_back({{"digest", layer.digest.text()},
                      {"size", layer.size},
                      {"mediaType", layer.media_type},
                      {"diffId", config.diff_ids.at(i).text()}});
  }
  return {{"name", argument.name},
          {"digest", argument.image.descriptor.digest.text()},
          {"mediaType", argument.image.descriptor.media_type},
          {"os", config.platform.os},
          {"architecture", config.platform.architecture},
          {"config", argument.image.manifest.config.digest.text()},
          {"layers", layers}};
}

}  // namespace

int run_push(Session& session, const Invocation& invocation) {
  const auto destination = oci::Reference::parse(invocation.destination);
  const auto source = open_image(session, invocation.subject, true);
  const auto lease = session.store().lease();
  const auto registry = session.registry({}, {});
  const auto mount_from = source.registry == destination.registry ? source.repository : "";
  const oci::PushProgress progress = [&](std::uint64_t done, std::uint64_t total) {
    session.events().take({.kind = EventKind::kProgress,
                           .artifact = "",
                           .stage = "push",
                           .text = "",
                           .done = done,
                           .total = total,
                           .elapsed = {}});
  };
  const auto result =
      oci::push_image(*registry, session.store(), source.image.descriptor, destination, mount_from,
                      session.jobs() * 2, progress, session.stop());
  session.events().take({.kind = EventKind::kFact,
                         .artifact = "",
                         .stage = "push",
                         .text = fmt::format("{} sent in {} blobs, {} were there",
                                             base::format_bytes(result.sent_bytes),
                                             result.sent_blobs, result.present_blobs),
                         .done = 0,
                         .total = 0,
                         .elapsed = {}});
  session.environment().out << destination.name() << '@'
                            << source.image.descriptor.digest.text() << '\n';
  return 0;
}

int run_inspect(Session& session, const Invocation& invocation) {
  const auto argument = open_image(session, invocation.subject, false);
  const auto& store = session.store();
  auto& out = session.environment().out;
  if (invocation.raw) {
    out << store.read_blob(argument.image.descriptor.digest, oci::kMaxManifestBytes).value();
    return 0;
  }
  if (invocation.config) {
    out << store.read_blob(argument.image.manifest.config.digest, oci::kMaxConfigBytes).value();
    return 0;
  }
  const auto config = oci::read_config(store, argument.image.manifest);
  oci::check_layers_match(argument.image.manifest, config, argument.name);
  out << describe(argument, config).dump(2) << '\n';
  return 0;
}

}  // namespace orchestrator
