// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "oci/layer_blob.hpp"
#include "oci/layer_diff.hpp"
#include "oci/store.hpp"
#include "oci/tree.hpp"
#include "stages/dockerfile/image_draft.hpp"

namespace stages::dockerfile {

/// The files of an image while it is built. Steps change them one after another; what a step
/// changed becomes a layer. Not thread-safe.
class StageTree {
 public:
  struct Options {
    std::optional<std::int64_t> epoch;  ///< Nothing new in a layer is younger.
    oci::LayerPacking packing = {};
    oci::UnpackContext unpack;
  };

  virtual ~StageTree() = default;

  [[nodiscard]] virtual oci::SnapshotKind kind() const = 0;

  /// Brings the files to where `image` is: the layers that they lack are unpacked, all of which are
  /// in the store. Throws base::Error as oci::LayerQueue does.
  virtual void catch_up(const ImageDraft& image) = 0;

  /// Another one that stands where this stands now.
  virtual std::unique_ptr<StageTree> copy() = 0;

  /// The root folder, to read; good until a step begins.
  virtual const std::filesystem::path& files() = 0;

  /// The root folder, to change. Call end_step() next; without it the step leaves nothing where
  /// the kind is kOverlay, and this is of no use any more where it is kDirectory.
  virtual const std::filesystem::path& begin_step() = 0;

  /// Makes a layer in the store of what changed since begin_step(); nullopt when nothing did.
  /// `hidden`: paths ("etc/hosts") at which the step saw something else, so that what is there
  /// stepped aside and came back. Throws base::Error as oci::write_upper() and write_changes() do.
  virtual std::optional<oci::MadeLayer> end_step(const std::vector<std::string>& hidden = {}) = 0;
};

/// An image without files. `store` outlives it.
std::unique_ptr<StageTree> make_stage_tree(oci::Store& store, oci::SnapshotKind kind,
                                           StageTree::Options options);

}  // namespace stages::dockerfile
