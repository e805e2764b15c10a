// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>

#include "oci/manifest.hpp"
#include "oci/registry.hpp"
#include "oci/registry_session.hpp"

namespace oci {

/// One blob on its way into a registry: mounted if possible, else sent in one PUT, else in pieces
/// where the registry does not take it whole. What a broken answer leaves open, a HEAD decides; a
/// broken PUT goes on in pieces from where the registry says it broke.
/// Source: OCI distribution-spec, "Pushing blobs".
class BlobUpload {
 public:
  struct Source {
    const Descriptor& blob;
    const std::filesystem::path& file;
    const SentBytes& sent;
    std::uint64_t chunk_bytes;
  };
  /// All outlive us.
  BlobUpload(RegistrySession& session, const Access& access, Source source)
      : session_(&session), access_(&access), source_(source), piece_bytes_(source.chunk_bytes) {}

  /// True when the registry has the blob.
  bool exists(const std::stop_token& stop);
  /// True when the registry took the blob over from `repository`.
  bool mount(const std::string& repository, const std::stop_token& stop);
  /// Sends it. Throws as Registry::push_blob says; an upload begun is then given up (DELETE).
  void send(const std::stop_token& stop);

 private:
  enum class Result { kDone, kRefused, kBroken };

  void start(const std::stop_token& stop);
  std::uint64_t take_up(bool whole, const std::stop_token& stop);
  Result send_whole(const std::stop_token& stop);
  Result send_pieces(std::uint64_t offset, const std::stop_token& stop);
  Result send_piece(std::uint64_t& offset, const std::stop_token& stop);
  Result finish(const std::stop_token& stop);
  std::optional<std::uint64_t> uploaded(const std::stop_token& stop);
  void give_up() noexcept;
  void follow(const base::HttpResponse& response);
  void count(std::uint64_t position);
  base::HttpRequest request(std::string method, const base::Url& url) const;
  void remember(const base::HttpRequest& request, const base::HttpOutcome& outcome);

  RegistrySession* session_;
  const Access* access_;
  Source source_;
  std::optional<base::Url> location_;  ///< Where the upload goes on; none: not begun.
  std::uint64_t piece_bytes_;
  std::uint64_t reported_ = 0;  ///< What `sent` has been told in all.
  std::optional<base::Error> last_error_;
};

}  // namespace oci
