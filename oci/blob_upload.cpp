// SPDX-License-Identifier: Apache-2.0
#include "oci/blob_upload.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "base/error.hpp"
#include "base/format.hpp"
#include "oci/registry_error.hpp"

namespace oci {
namespace {

constexpr std::chrono::seconds kGiveUpPatience{2};
constexpr std::chrono::seconds kCommitPatience{300};  // The registry reads it all again.

/// Answers by which registries and proxies say that they do not take a blob in one piece.
bool refuses_whole(int status) {
  return status == 400 || status == 404 || status == 405 || status == 411 || status == 413 ||
         status == 415 || status == 416 || status == 501;
}

/// The end of "0-LAST", exclusive.
std::optional<std::uint64_t> range_end(const std::string& value) {
  const auto dash = value.find('-');
  if (dash == std::string::npos) return std::nullopt;
  std::uint64_t last = 0;
  const char* end = value.data() + value.size();
  const auto parsed = std::from_chars(value.data() + dash + 1, end, last);
  if (parsed.ec != std::errc() || parsed.ptr != end) return std::nullopt;
  return last + 1;
}

}  // namespace

base::HttpRequest BlobUpload::request(std::string method, const base::Url& url) const {
  base::HttpRequest request;
  request.method = std::move(method);
  request.url = url;
  request.stall_timeout = kCommitPatience;
  return request;
}

bool BlobUpload::exists(const std::stop_token& stop) {
  const auto url = session_->url(
      fmt::format("{}/blobs/{}", access_->repository, source_.blob.digest.text()), stop);
  const auto head = request("HEAD", url);
  const auto response = session_->send(*access_, head, stop);
  if (response.ok()) return true;
  const bool unclear = response.status == 404 || response.status == 403 || response.status == 405;
  if (unclear) return false;
  throw session_->error_for(*access_, head, response);
}

bool BlobUpload::mount(const std::string& repository, const std::stop_token& stop) {
  auto access = *access_;
  access.mount_from = repository;
  const auto url = session_->url(access.repository + "/blobs/uploads/", stop)
                       .with_query("mount", source_.blob.digest.text())
                       .with_query("from", repository);
  try {
    const auto response = session_->send(access, request("POST", url), stop);
    if (response.status == 201) return true;
    if (response.status == 202) follow(response);
  } catch (const base::Error& error) {
    // We may not read the other repository: then the blob is sent.
    if (error.code() != base::ErrorCode::kUnauthorized) throw;
  }
  return false;
}

void BlobUpload::send(const std::stop_token& stop) {
  const auto& retry = session_->context().retry;
  bool whole = true;
  std::uint64_t offset = 0;
  try {
    for (int tries = 1;; ++tries) {
      if (!location_) start(stop);
      const auto result = whole ? send_whole(stop) : send_pieces(offset, stop);
      if (result == Result::kDone) return;
      if (result == Result::kRefused && whole) {
        give_up();
        whole = false;
        continue;
      }
      if (result == Result::kRefused || tries >= retry.tries) throw base::Error(*last_error_);
      base::sleep_unless_stopped(retry.first_wait * tries, stop);
      if (exists(stop)) return give_up();  // The answer was lost, not the blob.
      offset = take_up(whole, stop);
      if (offset > 0) whole = false;
    }
  } catch (...) {
    give_up();
    throw;
  }
}

/// Where a broken PUT goes on; 0: nowhere, a new upload must begin.
std::uint64_t BlobUpload::take_up(bool whole, const std::stop_token& stop) {
  const auto arrived = whole ? uploaded(stop) : std::nullopt;
  if (arrived && *arrived <= source_.blob.size && *arrived > 0) return *arrived;
  give_up();
  return 0;
}

void BlobUpload::start(const std::stop_token& stop) {
  const auto post = request("POST", session_->url(access_->repository + "/blobs/uploads/", stop));
  const auto response = session_->send(*access_, post, stop);
  if (response.status != 202) throw session_->error_for(*access_, post, response);
  follow(response);
  if (const auto least = response.header("OCI-Chunk-Min-Length")) {
    std::uint64_t bytes = 0;
    std::from_chars(least->data(), least->data() + least->size(), bytes);
    piece_bytes_ = std::max(piece_bytes_, bytes);
  }
}

void BlobUpload::follow(const base::HttpResponse& response) {
  const auto location = response.header("Location");
  if (!location) {
    if (location_) return;
    throw base::Error({.code = base::ErrorCode::kRegistry,
                       .what = access_->what,
                       .why = "the registry began an upload and did not say where (no Location)",
                       .hint = ""});
  }
  const auto target = response.url.resolve(*location);
  if (!target || (response.url.scheme == "https" && target->scheme == "http")) {
    throw base::Error({.code = base::ErrorCode::kRegistry,
                       .what = access_->what,
                       .why = fmt::format("the registry sends the upload to '{}'",
                                          base::printable(base::redacted(*location))),
                       .hint = "behind a proxy the registry must be told its own https URL"});
  }
  location_ = *target;
}

void BlobUpload::count(std::uint64_t position) {
  if (position <= reported_) return;
  if (source_.sent) source_.sent(position - reported_);
  reported_ = position;
}

void BlobUpload::remember(const base::HttpRequest& request, const base::HttpOutcome& outcome) {
  last_error_ = outcome.failure ? base::transport_error(request, *outcome.failure)
                                : session_->error_for(*access_, request, outcome.response);
}

BlobUpload::Result BlobUpload::send_whole(const std::stop_token& stop) {
  auto put = request("PUT", location_->with_query("digest", source_.blob.digest.text()));
  put.headers.push_back({.name = "Content-Type", .value = "application/octet-stream"});
  put.file = base::HttpFileBody{.path = source_.file, .offset = 0, .bytes = source_.blob.size};
  std::uint64_t position = 0;
  put.on_sent = [&](std::uint64_t bytes) { count(position += bytes); };
  const auto outcome = session_->try_send(*access_, put, stop);
  if (!outcome.failure && outcome.response.ok()) return Result::kDone;
  remember(put, outcome);
  if (outcome.failure || base::is_transient(outcome.response.status)) return Result::kBroken;
  if (refuses_whole(outcome.response.status)) return Result::kRefused;
  throw base::Error(*last_error_);
}

BlobUpload::Result BlobUpload::send_pieces(std::uint64_t offset, const std::stop_token& stop) {
  int broken = 0;
  while (offset < source_.blob.size) {
    const auto before = offset;
    const auto result = send_piece(offset, stop);
    if (result == Result::kDone) {
      broken = 0;
      continue;
    }
    if (result == Result::kRefused) return result;
    if (++broken >= session_->context().retry.tries) return Result::kBroken;
    base::sleep_unless_stopped(session_->context().retry.first_wait * broken, stop);
    const auto arrived = uploaded(stop);
    if (!arrived || *arrived > source_.blob.size) return Result::kBroken;
    offset = *arrived;
    if (offset > before) broken = 0;
  }
  return finish(stop);
}

BlobUpload::Result BlobUpload::send_piece(std::uint64_t& offset, const std::stop_token& stop) {
  const auto bytes = std::min(piece_bytes_, source_.blob.size - offset);
  auto patch = request("PATCH", *location_);
  patch.headers = {
      {.name = "Content-Type", .value = "application/octet-stream"},
      {.name = "Content-Range", .value = fmt::format("{}-{}", offset, offset + bytes - 1)}};
  patch.file = base::HttpFileBody{.path = source_.file, .offset = offset, .bytes = bytes};
  std::uint64_t position = offset;
  patch.on_sent = [&](std::uint64_t sent) { count(position += sent); };
  const auto outcome = session_->try_send(*access_, patch, stop);
  if (!outcome.failure && outcome.response.ok()) {
    follow(outcome.response);  // Some say 201, and some a stale Range: neither matters.
    offset += bytes;
    return Result::kDone;
  }
  remember(patch, outcome);
  const int status = outcome.response.status;
  const bool resumable = outcome.failure || status == 416 || base::is_transient(status);
  return resumable ? Result::kBroken : Result::kRefused;
}

/// How much of the upload the registry has. Source: distribution-spec, "Pushing a blob in chunks".
std::optional<std::uint64_t> BlobUpload::uploaded(const std::stop_token& stop) {
  const auto response = session_->send(*access_, request("GET", *location_), stop);
  if (!response.ok()) return std::nullopt;
  follow(response);
  const auto range = response.header("Range");
  // "0-0" is what some say of nothing at all; sending one byte again would be out of order.
  if (!range || *range == "0-0") return 0;
  return range_end(*range);
}

BlobUpload::Result BlobUpload::finish(const std::stop_token& stop) {
  const auto put = request("PUT", location_->with_query("digest", source_.blob.digest.text()));
  const auto outcome = session_->try_send(*access_, put, stop);
  if (!outcome.failure && outcome.response.ok()) return Result::kDone;
  remember(put, outcome);
  const bool broken = outcome.failure || base::is_transient(outcome.response.status);
  return broken ? Result::kBroken : Result::kRefused;
}

/// Also when we were told to stop, but not for longer than kGiveUpPatience.
void BlobUpload::give_up() noexcept {
  if (!location_) return;
  try {
    std::stop_source limit;
    const std::jthread timer([&limit](const std::stop_token& done) {
      std::mutex mutex;
      std::unique_lock lock(mutex);
      std::condition_variable_any wait;
      if (!wait.wait_for(lock, done, kGiveUpPatience, [&] { return done.stop_requested(); })) {
        limit.request_stop();
      }
    });
    static_cast<void>(
        session_->try_send(*access_, request("DELETE", *location_), limit.get_token()));
  } catch (const std::exception&) {
    // The registry forgets uploads by itself; this was only politeness.
  }
  location_.reset();
}

}  // namespace oci
