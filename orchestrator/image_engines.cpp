// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/image_engines.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/error.hpp"
#include "base/system_trust.hpp"
#include "oci/container_runtimes.hpp"
#include "oci/login_check.hpp"
#include "stages/buildah_engine.hpp"
#include "stages/dockerfile/native_engine.hpp"
#include "stages/kaniko_engine.hpp"

namespace orchestrator {
namespace {

using Engine = std::shared_ptr<const stages::ImageEngine>;

stages::RegistryKnowledge knowledge_of(Session& session, const Session::Access& access) {
  return {.login =
              [context = access.context](const oci::Reference& place, const std::stop_token& stop) {
                return oci::check_login(place, false, context, stop).used;
              },
          .places = [&session](const oci::Reference& image) { return session.places_for(image); },
          .trust = std::make_shared<base::TlsTrust>(access.trust, base::system_ca_bundle())};
}

Engine make_native(Session& session, const Session::Access& access) {
  return std::make_shared<const stages::dockerfile::NativeEngine>(
      [&session] { return session.make_container_runner(); }, access.context.http);
}

Engine make_buildah(Session& session, const Session::Access& access) {
  return std::make_shared<const stages::BuildahEngine>(knowledge_of(session, access));
}

Engine make_kaniko(Session& session, const Session::Access& access) {
  return std::make_shared<const stages::KanikoEngine>(stages::KanikoEngine::Options{
      .make_runner = [&session] { return session.make_container_runner(); },
      .knowledge = knowledge_of(session, access),
      .store = session.store()});
}

struct EngineRow {
  const char* name;
  Engine (*make)(Session& session, const Session::Access& access);
  bool takes_from_store;  ///< Builds from images that the store has, without the network.
};

constexpr EngineRow kEngines[] = {
    {"native", &make_native, true},
    {"buildah", &make_buildah, false},
    {"kaniko", &make_kaniko, false},
};

}  // namespace

std::vector<std::string> image_engine_names() {
  std::vector<std::string> names;
  for (const auto& row : kEngines) names.emplace_back(row.name);
  return names;
}

Engine make_image_engine(Session& session, const Session::Access& access) {
  const auto& options = session.options();
  const auto* const end = std::end(kEngines);
  const auto* const found = std::find_if(std::begin(kEngines), end, [&](const EngineRow& row) {
    return row.name == options.image_engine;
  });
  const auto& row = found == end ? *std::begin(kEngines) : *found;
  if (options.offline && !row.takes_from_store) {
    throw base::Error({.code = base::ErrorCode::kUsage,
                       .what = fmt::format("{} cannot build with --offline", row.name),
                       .why = "it fetches the images that it needs itself",
                       .hint = "use --image-engine native"});
  }
  return row.make(session, access);
}

}  // namespace orchestrator
