// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/image_engines.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "oci/container_runtimes.hpp"
#include "stages/dockerfile/native_engine.hpp"

namespace orchestrator {
namespace {

std::shared_ptr<const stages::ImageEngine> make_native(Session& session) {
  return std::make_shared<const stages::dockerfile::NativeEngine>(
      [&session] { return session.make_container_runner(); });
}

struct EngineRow {
  const char* name;
  std::shared_ptr<const stages::ImageEngine> (*make)(Session& session);
};

constexpr EngineRow kEngines[] = {
    {"native", &make_native},
};

}  // namespace

std::vector<std::string> image_engine_names() {
  std::vector<std::string> names;
  for (const auto& row : kEngines) names.emplace_back(row.name);
  return names;
}

std::shared_ptr<const stages::ImageEngine> make_image_engine(Session& session) {
  const auto* const end = std::end(kEngines);
  const auto* const found = std::find_if(std::begin(kEngines), end, [&](const EngineRow& row) {
    return row.name == session.options().image_engine;
  });
  return (found == end ? std::begin(kEngines) : found)->make(session);
}

}  // namespace orchestrator
