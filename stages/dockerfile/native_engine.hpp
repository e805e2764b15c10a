// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <utility>

#include "base/http.hpp"
#include "stages/dockerfile/build_scope.hpp"
#include "stages/image_engine.hpp"

namespace stages::dockerfile {

/// Builds images itself, in the store: base images are pulled there and unpacked as snapshots, each
/// step that changes files becomes a layer and a snapshot, results of steps are found again by what
/// they depend on. Always makes OCI media types. Needs root, and for RUN a runtime that works here.
class NativeEngine final : public ImageEngine {
 public:
  /// `http` fetches what ADD names; none: nothing is fetched.
  explicit NativeEngine(MakeRunner make_runner, std::shared_ptr<base::HttpClient> http = nullptr)
      : make_runner_(std::move(make_runner)), http_(std::move(http)) {}

  [[nodiscard]] std::string_view name() const override { return "native"; }
  void check(base::ProcessRunner& process, const ImageBuild& build) const override;
  oci::Descriptor build(const StageContext& context, const ImageBuild& build) const override;

 private:
  MakeRunner make_runner_;
  std::shared_ptr<base::HttpClient> http_;
};

}  // namespace stages::dockerfile
