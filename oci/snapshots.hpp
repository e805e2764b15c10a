// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "oci/layer_blob.hpp"
#include "oci/store.hpp"
#include "oci/tree.hpp"

namespace oci {

/// Nullopt when layers can be stacked by overlayfs on the store's file system, else why not. Tries
/// it for real; the caller has entered a mount namespace of its own.
std::optional<std::string> overlay_obstacle(const Store& store);

/// Unpacks an image of the store, base layer first. With kOverlay every layer is unpacked once,
/// into `snapshots/<chain id>`, by whichever process comes first; images share them. Images of more
/// than kMaxOverlayLayers layers become a directory, with a warning. On failure nothing half is
/// left. Throws base::Error as LayerQueue does, and kInterrupted.
Tree unpack_image(Store& store, const Manifest& manifest, const ImageConfig& config,
                  SnapshotKind kind, const UnpackContext& context);

/// Makes the snapshots that unpack_image() with kOverlay will find there, as layers come (see
/// UnpackContext::ready). Does nothing for an image of too many layers.
void prepare_snapshots(Store& store, const Manifest& manifest, const ImageConfig& config,
                       const UnpackContext& context);

/// Unpacks an image into the existing folder `folder`, over what is there.
void unpack_into(Store& store, const Manifest& manifest, const ImageConfig& config,
                 const std::filesystem::path& folder, const UnpackContext& context);

/// The name, below `snapshots/`, of what a layer is unpacked into over those below it: what leaves
/// something out makes other snapshots than what does not.
std::string snapshot_name(const Digest& chain_id, const LayerOptions& options);

/// Keeps as the snapshot `name` what a build made: the upper folder `made`/fs of an overlay over
/// the snapshots below it, with nothing beside it. Whoever comes first is kept. Throws base::Error
/// kIo, kInterrupted.
void keep_snapshot(const Store& store, const std::string& name, base::TempDir made,
                   const std::stop_token& stop);

/// The chain id of each layer, base first. Source: OCI image-spec, config.md, "Layer ChainID".
std::vector<Digest> chain_ids(const std::vector<Digest>& diff_ids);

}  // namespace oci
