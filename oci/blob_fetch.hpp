// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <stop_token>

#include "oci/manifest.hpp"
#include "oci/registry.hpp"
#include "oci/registry_session.hpp"

namespace oci {

/// One blob on its way from a registry into a sink, resumed where it broke. The first request has
/// no Range; a resumed one takes only a 206 that proves it starts where we are, or a 200, of which
/// it drops what the sink has. A Range that is refused or answered wrongly costs one new start.
/// Gives up when as many tries as the retry policy has bring less than 512 KiB together, unless a
/// minute passed before the last.
/// Source: OCI distribution-spec, "Pulling blobs"; RFC 9110, section 14.
class BlobFetch {
 public:
  /// All outlive us.
  BlobFetch(RegistrySession& session, const Access& access, const Descriptor& blob, BlobSink& sink)
      : session_(&session), access_(&access), blob_(&blob), sink_(&sink) {}

  /// Until sink.offset() is the blob's size. Throws as Registry::fetch_blob says.
  void run(const std::stop_token& stop);

 private:
  base::HttpOutcome attempt(const std::stop_token& stop);
  void take(const base::HttpResponse& head, std::span<const std::byte> data);
  void check_head(const base::HttpResponse& head);
  bool proves_resume(const base::HttpResponse& head) const;
  void restart(const base::HttpResponse& refusal);
  void prepare_retry(base::HttpOutcome outcome, std::uint64_t progress,
                     const std::stop_token& stop);
  [[noreturn]] void fail(base::ErrorCode code, std::string why) const;

  RegistrySession* session_;
  const Access* access_;
  const Descriptor* blob_;
  BlobSink* sink_;
  base::HttpRequest request_;
  bool ranged_ = false;        ///< The request under way asked for a Range.
  bool head_checked_ = false;  ///< Its answer's head was looked at.
  bool unproven_ = false;      ///< Its answer was not the range asked for.
  std::uint64_t drop_ = 0;     ///< Bytes of its answer that the sink has already.
  bool restarted_ = false;
  int poor_tries_ = 0;                 ///< Since there was progress worth the name,
  std::uint64_t recent_progress_ = 0;  ///< and the bytes they brought together.
  int http2_failures_ = 0;
  std::optional<std::chrono::steady_clock::time_point> last_retry_;
};

}  // namespace oci
