// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "stages/dockerfile/build_scope.hpp"
#include "stages/image_engine.hpp"

namespace stages::dockerfile {

/// Builds images itself, in the store: base images are pulled there and unpacked as snapshots, each
/// step that changes files becomes a layer and a snapshot, results of steps are found again by what
/// they depend on. Always makes OCI media types. Needs root, and for RUN a runtime that works here.
class NativeEngine final : public ImageEngine {
 public:
  explicit NativeEngine(MakeRunner make_runner) : make_runner_(std::move(make_runner)) {}

  [[nodiscard]] std::string_view name() const override { return "native"; }
  void check(base::ProcessRunner& process, const ImageBuild& build) const override;
  oci::Descriptor build(const StageContext& context, const ImageBuild& build) const override;

 private:
  MakeRunner make_runner_;
};

}  // namespace stages::dockerfile
