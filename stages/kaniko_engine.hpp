// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "oci/container.hpp"
#include "oci/store.hpp"
#include "stages/image_engine.hpp"
#include "stages/tool_registries.hpp"

namespace stages {

/// Builds images with the Kaniko on PATH (`kaniko` or `executor`). Kaniko unpacks images over the
/// root folder of whatever starts it, so nothing of it ever runs but in a container of its own,
/// whose root holds that one executable: it must be statically linked, as Kaniko's own are.
class KanikoEngine final : public ImageEngine {
 public:
  struct Options {
    std::function<std::unique_ptr<oci::ContainerRunner>()> make_runner;
    RegistryKnowledge knowledge;
    oci::Store& store;  ///< For temporary folders.
  };
  explicit KanikoEngine(Options options) : options_(std::move(options)) {}

  [[nodiscard]] std::string_view name() const override { return "kaniko"; }
  void check(base::ProcessRunner& process, const ImageBuild& build) const override;
  oci::Descriptor build(const StageContext& context, const ImageBuild& build) const override;

 private:
  Options options_;
};

}  // namespace stages
