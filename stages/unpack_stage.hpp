// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "oci/digest.hpp"
#include "oci/snapshots.hpp"
#include "oci/tree.hpp"
#include "stages/finish_tree.hpp"
#include "stages/stage.hpp"

namespace stages {

/// Unpacks the image and lays what the OSArtifact asks for over it.
/// Record: {"kind": "overlay" | "directory", "folder" (below the store)}.
class UnpackStage final : public Stage {
 public:
  struct Options {
    bool may_mount = false;  ///< Overlays may be tried; else the tree is a directory.
    oci::LayerOptions layers;
    FinishTreeOptions changes;
    std::optional<oci::Digest> overlay_digest;  ///< Of changes.overlay, when there is one.
    std::size_t bundles = 0;  ///< Images laid over the first, before the changes: "bundle-0"...
  };
  explicit UnpackStage(Options options) : options_(std::move(options)) {}

  [[nodiscard]] std::string_view name() const override { return "unpack"; }
  [[nodiscard]] int version() const override { return 1; }
  [[nodiscard]] std::vector<std::string> inputs() const override;
  [[nodiscard]] nlohmann::json parameters() const override;
  [[nodiscard]] bool still_valid(const Record& record, const oci::Store& store) const override;
  [[nodiscard]] Record run(const StageContext& context, const Inputs& inputs,
                           const oci::Digest& fingerprint) const override;

 private:
  void lay_bundle(const StageContext& context, const Record& bundle, oci::SnapshotKind kind,
                  const std::filesystem::path& root) const;

  Options options_;
};

/// What an unpack stage calls its input for the bundle of that index.
std::string bundle_input(std::size_t index);

/// The tree that an unpack's record names, to read. Throws base::Error kIo when it is gone.
oci::Tree open_tree(const oci::Store& store, const Record& unpack_record);

}  // namespace stages
