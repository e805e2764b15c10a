// SPDX-License-Identifier: Apache-2.0
#include "oci/blob_fetch.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <charconv>

#include "base/error.hpp"
#include "base/format.hpp"
#include "oci/registry_error.hpp"

namespace oci {
namespace {

constexpr int kHttp2Patience = 2;
constexpr std::uint64_t kGoodProgressBytes = 512U << 10;
constexpr std::chrono::seconds kGoodProgressTime{60};

/// Ends a transfer whose answer we cannot use; never leaves this file.
struct Unusable {
  base::HttpResponse head;
};

std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return number;
}

}  // namespace

void BlobFetch::run(const std::stop_token& stop) {
  request_.url =
      session_->url(fmt::format("{}/blobs/{}", access_->repository, blob_->digest.text()), stop);
  request_.on_body = [this](const base::HttpResponse& head, std::span<const std::byte> data) {
    take(head, data);
  };
  while (sink_->offset() < blob_->size) {
    const auto before = sink_->offset();
    auto outcome = attempt(stop);
    if (sink_->offset() >= blob_->size) return;
    const auto progress = sink_->offset() - std::min(before, sink_->offset());
    prepare_retry(std::move(outcome), progress, stop);
  }
}

base::HttpOutcome BlobFetch::attempt(const std::stop_token& stop) {
  ranged_ = sink_->offset() > 0;
  head_checked_ = false;
  unproven_ = false;
  request_.headers.clear();
  request_.http1_only = http2_failures_ >= kHttp2Patience;
  if (ranged_) {
    request_.headers.push_back(
        {.name = "Range", .value = fmt::format("bytes={}-", sink_->offset())});
  }
  try {
    return session_->try_send(*access_, request_, stop);
  } catch (Unusable& unusable) {
    return {.response = std::move(unusable.head), .failure = std::nullopt};
  }
}

void BlobFetch::take(const base::HttpResponse& head, std::span<const std::byte> data) {
  if (!head_checked_) check_head(head);
  head_checked_ = true;
  const auto dropped = std::min<std::uint64_t>(drop_, data.size());
  drop_ -= dropped;
  data = data.subspan(dropped);
  if (data.size() > blob_->size - sink_->offset()) {
    fail(base::ErrorCode::kIntegrity,
         fmt::format("the registry sends more than the {} bytes it should have", blob_->size));
  }
  sink_->write(data);
}

void BlobFetch::check_head(const base::HttpResponse& head) {
  const bool whole = head.status == 200;
  if (!whole && !(ranged_ && proves_resume(head))) {
    unproven_ = true;
    throw Unusable{head};
  }
  drop_ = whole ? sink_->offset() : 0;
  const auto length = head.header("Content-Length");
  if (!whole || !length || parse_number(*length) == blob_->size) return;
  const auto encoding = head.header("Content-Encoding");
  fail(base::ErrorCode::kIntegrity,
       fmt::format("the registry announces {} bytes instead of {}{}", base::printable(*length),
                   blob_->size,
                   encoding ? fmt::format(" (in Content-Encoding {}, which was not asked for)",
                                          base::printable(*encoding))
                            : ""));
}

/// Exactly one Content-Range, `bytes OFFSET-LAST/SIZE`.
bool BlobFetch::proves_resume(const base::HttpResponse& head) const {
  if (head.status != 206 || base::count_headers(head.headers, "Content-Range") != 1) return false;
  const auto value = *head.header("Content-Range");
  std::string_view text = value;
  constexpr std::string_view kUnit = "bytes ";
  if (!text.starts_with(kUnit)) return false;
  text.remove_prefix(kUnit.size());
  const auto dash = text.find('-');
  const auto slash = text.find('/');
  if (dash == std::string_view::npos || slash == std::string_view::npos || slash < dash) {
    return false;
  }
  const auto first = parse_number(text.substr(0, dash));
  const auto last = parse_number(text.substr(dash + 1, slash - dash - 1));
  const auto total = text.substr(slash + 1);
  return first == sink_->offset() && last && *last >= *first && *last < blob_->size &&
         (total == "*" || parse_number(total) == blob_->size);
}

/// A registry that was restarted may not know the range any more; one that refuses it twice does
/// not resume at all.
void BlobFetch::restart(const base::HttpResponse& refusal) {
  if (restarted_) {
    fail(base::ErrorCode::kRegistry,
         fmt::format("the transfer broke at {} and the registry cannot resume it: {}",
                     base::format_bytes(sink_->offset()), describe_answer("GET", refusal)));
  }
  restarted_ = true;
  session_->context().log->info("{}: the registry cannot resume, starting again",
                                blob_->digest.text());
  sink_->restart();
}

/// Waits before the next attempt, or throws what the last one ended with.
void BlobFetch::prepare_retry(base::HttpOutcome outcome, std::uint64_t progress,
                              const std::stop_token& stop) {
  const auto& response = outcome.response;
  const bool range_refused = ranged_ && (response.status == 416 || response.status == 400);
  if (unproven_ || (!outcome.failure && range_refused)) {
    if (!ranged_) fail(base::ErrorCode::kRegistry, "the registry sent a part nobody asked for");
    restart(response);
    return;
  }
  const bool ended_early = !outcome.failure && response.ok();
  if (ended_early) {
    outcome.failure = base::TransportFailure{
        .kind = base::TransportFailure::Kind::kBroken,
        .why = fmt::format("the body ended {} bytes early", blob_->size - sink_->offset())};
  }
  const auto now = std::chrono::steady_clock::now();
  recent_progress_ += progress;
  const bool good = recent_progress_ >= kGoodProgressBytes ||
                    (last_retry_ && now - *last_retry_ >= kGoodProgressTime);
  poor_tries_ = good ? 1 : poor_tries_ + 1;
  if (good) recent_progress_ = 0;
  last_retry_ = now;
  if (outcome.failure && outcome.failure->kind == base::TransportFailure::Kind::kHttp2Broken) {
    ++http2_failures_;
  }
  const auto wait = base::wait_before_retry(session_->context().retry, outcome, poor_tries_, true);
  if (!wait) {
    if (outcome.failure) throw base::transport_error(request_, *outcome.failure);
    throw session_->error_for(*access_, request_, response);
  }
  session_->context().log->info(
      "{}: {}; going on at {} of {} in {}", blob_->digest.text(),
      outcome.failure ? outcome.failure->why : describe_answer("GET", response),
      base::format_bytes(sink_->offset()), base::format_bytes(blob_->size),
      base::format_duration(*wait));
  base::sleep_unless_stopped(*wait, stop);
}

void BlobFetch::fail(base::ErrorCode code, std::string why) const {
  throw base::Error({.code = code,
                     .what = fmt::format("{}: blob {}", access_->what, blob_->digest.text()),
                     .why = std::move(why),
                     .hint = ""});
}

}  // namespace oci
