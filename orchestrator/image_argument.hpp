// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "oci/layer_blob.hpp"
#include "oci/pull.hpp"
#include "orchestrator/session.hpp"

namespace orchestrator {

/// An image that a command line names as SRC.
struct ImageArgument {
  oci::ResolvedImage image;
  std::string name;        ///< What messages call it.
  std::string repository;  ///< Where it came from, for cross-repository mounts; "" for files.
  std::string registry;    ///< "" for files.
};

/// The platform of --arch, else this machine's.
oci::Platform wanted_platform(const CommonOptions& options);

/// REF or docker://REF. Throws base::Error kUsage.
oci::Reference reference_of(const std::string& source);

/// Brings what SRC names (REF, docker://REF, oci:DIR[:TAG], oci-archive:FILE, docker-archive:FILE)
/// into the store. With `layers` false only its manifest and config need be there.
ImageArgument open_image(Session& session, const std::string& source, bool layers);

/// What is done with an image whose layers are on their way. Empty `ready`: all are there.
using ImageWork = std::function<void(const ImageArgument& image, const oci::BlobReady& ready,
                                     const std::stop_token& stop)>;

/// As open_image() with layers, and meanwhile calls `work`.
void use_image(Session& session, const std::string& source, const ImageWork& work);

/// An image, or an index with the images of all platforms, that a command line names as SRC.
struct WholeImage {
  oci::Descriptor top;
  std::string repository;  ///< As in ImageArgument.
  std::string registry;
};

/// As open_image() with `layers`, but everything that SRC leads to.
WholeImage open_whole_image(Session& session, const std::string& source);

/// Events of a command that runs no stages, under the stage name it would have.
void report_progress(Session& session, const std::string& stage, std::uint64_t done,
                     std::uint64_t total);
void report_fact(Session& session, const std::string& stage, const std::string& text);

}  // namespace orchestrator
