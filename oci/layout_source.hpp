// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <stop_token>
#include <string>

#include "base/error.hpp"
#include "oci/image_location.hpp"
#include "oci/manifest.hpp"
#include "oci/store.hpp"

namespace oci {

/// The documents of a layout, and a way to have its blobs in the store. Every failure is a
/// base::Error that names the layout: kNotFound, kIntegrity, kIo, kInterrupted.
class Layout {
 public:
  virtual ~Layout() = default;
  /// `oci-layout` and `index.json`; empty when missing.
  std::string marker;
  std::string index;
  /// Whether it holds the blob, or the store does.
  [[nodiscard]] virtual bool has(const Descriptor& blob) const = 0;
  /// Has the blob in the store when it returns.
  virtual void fetch(const Descriptor& blob) = 0;
};

/// Of an oci: or oci-archive: location. All outlive the result.
std::unique_ptr<Layout> open_layout(Store& store, const ImageLocation& from,
                                    const std::stop_token& stop);

/// Throws "cannot read the image FROM".
[[noreturn]] void fail_to_read(const ImageLocation& from, base::ErrorCode code, std::string why,
                               std::string hint = "");

}  // namespace oci
