// SPDX-License-Identifier: Apache-2.0
#include "stages/dockerfile/copy_step.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/files.hpp"
#include "stages/dockerfile/image_users.hpp"

namespace stages::dockerfile {
namespace {

using Kind = CopySource::Kind;

[[noreturn]] void fail(std::string what, std::string hint) {
  throw base::Error({.code = base::ErrorCode::kManifest,
                     .what = std::move(what),
                     .why = "",
                     .hint = std::move(hint)});
}

}  // namespace

CopyStep::CopyStep(Options options)
    : options_(std::move(options)),
      remote_({.context = options_.context,
               .build = options_.build,
               .http = options_.http,
               .stop = options_.stop}) {
  const auto& arguments = options_.arguments;
  if (arguments.sources.size() > 1 && !options_.destination.ends_with('/') &&
      options_.destination != "/") {
    fail(fmt::format("several files cannot become '{}'", arguments.destination),
         "end the destination with a slash: it is a folder then");
  }
}

std::string CopyStep::created_by() const {
  const auto& arguments = options_.arguments;
  std::string text = options_.add ? "ADD" : "COPY";
  if (arguments.parents) text += " --parents";
  if (!arguments.chown.empty()) text += " --chown=" + arguments.chown;
  if (!arguments.chmod.empty()) text += " --chmod=" + arguments.chmod;
  for (const auto& source : arguments.sources) {
    text += (source.kind == Kind::kHeredoc ? " <<" : " ") + shown_source(source);
  }
  return text + " " + arguments.destination;
}

nlohmann::json CopyStep::describe(const nlohmann::json& sources) const {
  const auto& arguments = options_.arguments;
  nlohmann::json parts = {{"kind", options_.add ? "add" : "copy"},
                          {"sources", sources},
                          {"to", options_.destination},
                          {"chown", arguments.chown},
                          {"chmod", arguments.chmod},
                          {"exclude", arguments.exclude},
                          {"parents", arguments.parents},
                          {"unpack", arguments.unpack.value_or(options_.add)},
                          {"names", nlohmann::json::array()}};
  for (const auto& source : arguments.sources) {
    parts["names"].push_back({source.text, source.content});
  }
  return parts;
}

void CopyStep::add_heredocs() {
  CopyRequest request{.source_root = {},
                      .sources = {},
                      .destination = options_.destination,
                      .ignore = {},
                      .exclude = {},
                      .chown = {},
                      .chmod = options_.arguments.chmod,
                      .epoch = options_.epoch,
                      .digests = &options_.digests};
  for (const auto& source : options_.arguments.sources) {
    if (source.kind != Kind::kHeredoc) continue;
    if (!heredocs_) heredocs_ = options_.context.store.make_temp_dir("heredocs");
    const auto name = std::filesystem::path(source.text).filename();
    base::write_file_atomically(heredocs_->path() / name, source.content);
    request.sources.push_back("/" + name.string());
  }
  if (request.sources.empty()) return;
  request.source_root = heredocs_->path();
  requests_.push_back(std::move(request));
}

std::optional<nlohmann::json> CopyStep::known_sources() const {
  auto known = nlohmann::json::array();
  for (const auto& source : options_.arguments.sources) {
    if (source.kind == Kind::kHeredoc) continue;
    auto identity = known_identity(source, options_.arguments);
    if (!identity) return std::nullopt;
    known.push_back(*std::move(identity));
  }
  if (known.empty()) return std::nullopt;
  return nlohmann::json({{"known", std::move(known)},
                         {"keepGitDir", options_.arguments.keep_git_dir.value_or(false)}});
}

void CopyStep::add_remote(const CopySource& source) {
  const auto& arguments = options_.arguments;
  auto fetched = remote_.fetch(source, arguments);
  identities_.push_back(std::move(fetched.identity));
  requests_.push_back({.source_root = std::move(fetched.root),
                       .sources = {std::move(fetched.source)},
                       .destination = options_.destination,
                       .ignore = {},
                       .exclude = arguments.exclude,
                       .parents = false,
                       .chown = {},
                       .keep_owners = false,
                       .chmod = arguments.chmod,
                       .unpack = source.kind == Kind::kUrl && arguments.unpack.value_or(false),
                       .epoch = options_.epoch,
                       .digests = &options_.digests});
}

void CopyStep::read(const std::filesystem::path& root) {
  const auto& arguments = options_.arguments;
  CopyRequest request{
      .source_root = root,
      .sources = {},
      .destination = options_.destination,
      .ignore = arguments.from.empty() ? options_.ignore : std::vector<std::string>(),
      .exclude = arguments.exclude,
      .parents = arguments.parents,
      .chown = {},
      .keep_owners = !arguments.from.empty(),
      .chmod = arguments.chmod,
      .unpack = options_.add && arguments.unpack.value_or(true),
      .epoch = options_.epoch};
  for (const auto& source : arguments.sources) {
    if (source.kind == Kind::kPath) request.sources.push_back(source.text);
    if (source.kind == Kind::kUrl || source.kind == Kind::kGit) add_remote(source);
  }
  if (!request.sources.empty()) {
    if (root.empty()) {
      fail(fmt::format("there is no build context to take {} from", request.sources.front()),
           "name a folder as the build context");
    }
    requests_.push_back(std::move(request));
  }
  add_heredocs();
  for (const auto& each : requests_) {
    plans_.emplace_back(each, options_.stop);
    for (const auto& pattern : plans_.back().unmatched()) {
      options_.context.observer.warning(fmt::format("'{}' matches nothing", pattern));
    }
  }
}

std::vector<std::string> CopyStep::digests() const {
  auto digests = identities_;
  for (const auto& plan : plans_) digests.push_back(plan.digest().text());
  return digests;
}

void CopyStep::apply(const std::filesystem::path& target) {
  const auto& chown = options_.arguments.chown;
  if (!chown.empty()) {
    plans_.clear();
    for (auto& request : requests_) {
      request.chown = find_owner(target, chown);
      plans_.emplace_back(request, options_.stop);
    }
  }
  for (const auto& plan : plans_) plan.apply(target);
}

oci::Digest digest_of_bind(const std::filesystem::path& context, const std::string& source,
                           const std::vector<std::string>& ignore, ContentDigests& digests,
                           const std::stop_token& stop) {
  if (context.empty()) return oci::Digest::of("");
  return CopyPlan({.source_root = context,
                   .sources = {source.empty() ? "." : source},
                   .destination = "/",
                   .ignore = ignore,
                   .exclude = {},
                   .chown = {},
                   .chmod = {},
                   .epoch = {},
                   .digests = &digests},
                  stop)
      .digest();
}

}  // namespace stages::dockerfile
