// SPDX-License-Identifier: Apache-2.0
#include "oci/manifest_upload.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "oci/registry_error.hpp"

namespace oci {
namespace {

constexpr int kMaxListings = 5;

Digest digest_of(std::string_view bytes, std::string_view algorithm = "sha256") {
  Hasher hasher(algorithm);
  hasher.update(bytes);
  return hasher.finish();
}

/// The blobs are there, or we would not send the manifest. But while somebody else pushes the same
/// ones, docker-registry rewrites its links to them, and for a moment does not find them.
bool is_being_linked(const base::HttpOutcome& outcome) {
  const int status = outcome.response.status;
  return !outcome.failure && (status == 400 || status == 404) &&
         has_error_code(outcome.response, "MANIFEST_BLOB_UNKNOWN");
}

}  // namespace

base::HttpRequest ManifestUpload::request(std::string method, const std::string& name,
                                          const std::stop_token& stop) const {
  base::HttpRequest request;
  request.method = std::move(method);
  request.url = session_->url(fmt::format("{}/manifests/{}", access_->repository, name), stop);
  request.max_body_bytes = kMaxManifestBytes;
  return request;
}

void ManifestUpload::send(const Reference& reference, const std::string& media_type,
                          const std::string& bytes, const std::stop_token& stop) {
  const auto algorithm = reference.digest ? reference.digest->algorithm() : "sha256";
  const auto referral = referral_of(bytes, media_type, digest_of(bytes, algorithm),
                                    fmt::format("the manifest of {}", reference.text()));
  const auto response =
      put(reference.manifest_reference(), media_type, bytes, referral.has_value(), stop);
  if (referral && !response.header("OCI-Subject")) list(*referral, stop);
}

/// The answer; an empty one where only the manifest is known to have arrived, unless `need_answer`.
base::HttpResponse ManifestUpload::put(const std::string& name, const std::string& media_type,
                                       const std::string& bytes, bool need_answer,
                                       const std::stop_token& stop) {
  auto put = request("PUT", name, stop);
  put.headers.push_back({.name = "Content-Type", .value = media_type});
  put.body = bytes;
  for (int tries = 1;; ++tries) {
    const bool reached = session_->context().http->has_reached(put.url);
    auto outcome = session_->try_send(*access_, put, stop);
    if (!outcome.failure && outcome.response.ok()) {
      const auto stored =
          Digest::parse(outcome.response.header("Docker-Content-Digest").value_or(""));
      if (!stored || *stored == digest_of(bytes, stored->algorithm())) {
        return std::move(outcome.response);
      }
      throw base::Error({.code = base::ErrorCode::kIntegrity,
                         .what = access_->what,
                         .why = fmt::format("the registry stored it as {}", stored->text()),
                         .hint = ""});
    }
    auto wait = base::wait_before_retry(session_->context().retry, outcome, tries, reached);
    if (is_being_linked(outcome) && tries < session_->context().retry.tries) {
      wait = session_->context().retry.first_wait * tries;
    }
    const auto error = [&] {
      return outcome.failure ? base::transport_error(put, *outcome.failure)
                             : session_->error_for(*access_, put, outcome.response);
    };
    if (!wait) throw error();
    base::sleep_unless_stopped(*wait, stop);
    const bool open = outcome.failure || outcome.response.status >= 500;
    if (open && !need_answer && is_stored(name, digest_of(bytes), stop)) return {};
  }
}

bool ManifestUpload::is_stored(const std::string& name, const Digest& digest,
                               const std::stop_token& stop) {
  auto head = request("HEAD", name, stop);
  for (const auto type : {media_type::kOciManifest, media_type::kOciIndex,
                          media_type::kDockerManifest, media_type::kDockerList}) {
    head.headers.push_back({.name = "Accept", .value = std::string(type)});
  }
  const auto response = session_->send(*access_, head, stop);
  return response.ok() && response.header("Docker-Content-Digest") == digest.text();
}

/// Adds the referrer to the list. Somebody who does the same at that moment may overwrite ours: so
/// we look again, until it is there.
void ManifestUpload::list(const Referral& referral, const std::stop_token& stop) {
  const auto tag = referrers_tag(referral.subject.digest);
  const auto what = fmt::format("the referrers {}:{}", access_->repository, tag);
  for (int tries = 0; tries < kMaxListings; ++tries) {
    const auto changed = with_referral(listed(tag, stop), referral, what);
    if (!changed) return;
    put(tag, std::string(media_type::kOciIndex), *changed, false, stop);
  }
  if (!with_referral(listed(tag, stop), referral, what)) return;
  throw base::Error({.code = base::ErrorCode::kRegistry,
                     .what = access_->what,
                     .why = fmt::format("{} was changed by others each time it was written", what),
                     .hint = "push again when nobody else pushes to this image"});
}

/// The list as it is; empty when there is none.
std::string ManifestUpload::listed(const std::string& tag, const std::stop_token& stop) {
  auto get = request("GET", tag, stop);
  get.headers.push_back({.name = "Accept", .value = std::string(media_type::kOciIndex)});
  auto response = session_->send(*access_, get, stop);
  if (response.status == 404) return "";
  if (!response.ok()) throw session_->error_for(*access_, get, response);
  return std::move(response.body);
}

}  // namespace oci
