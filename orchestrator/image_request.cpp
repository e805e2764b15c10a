// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/image_request.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "base/error.hpp"
#include "orchestrator/build_flags.hpp"
#include "orchestrator/image_engines.hpp"

namespace orchestrator {
namespace {

/// A text that no other build has.
std::string make_nonce() {
  return std::to_string(std::chrono::system_clock::now().time_since_epoch().count());
}

/// Secrets that name an image are not hidden: a message about it would say nothing.
std::vector<base::Secret> to_hide(const ImageRequest& request) {
  auto hidden = request.hidden;
  for (const auto& secret : request.build.secrets) hidden.push_back(secret.value);
  std::erase_if(hidden, [&](const base::Secret& secret) {
    return std::any_of(request.outline.images.begin(), request.outline.images.end(),
                       [&](const stages::dockerfile::NamedImage& image) {
                         return image.name.find(secret.reveal()) != std::string::npos;
                       });
  });
  return hidden;
}

}  // namespace

PlannedImageBuild plan_image_build(Session& session, ImageRequest request,
                                   const Session::Access& access) {
  auto engine = make_image_engine(session, access);
  engine->check(session.process(), request.build);
  auto& registry = *access.registry;
  PlannedImageBuild planned;
  std::map<std::string, std::string> digests;
  auto& store = session.store();
  const bool offline = session.options().offline;
  const auto resolve = [&](const oci::Reference& reference, const oci::Platform& platform) {
    auto image = offline ? oci::resolve_offline(store, reference, platform)
                         : oci::resolve_image(registry, store, reference, platform, session.stop());
    const auto config =
        oci::fetch_config(registry, store, reference, image, platform, session.stop());
    planned.created = std::max(planned.created, config.created);
    return image;
  };
  for (const auto& [name, platform, place] : request.outline.images) {
    const auto reference = oci::Reference::parse(name);
    const auto key = reference.text() + " " + platform.text();
    if (digests.contains(key)) continue;
    try {
      auto image = resolve(reference, platform);
      digests.emplace(key, image.descriptor.digest.text());
      auto places = offline ? std::vector<oci::PullPlace>() : session.places_for(reference);
      planned.bases.push_back({reference, std::move(image), std::move(places)});
    } catch (base::Error& error) {
      error.add_context("reading " + place);
      throw;
    }
  }
  const base::Mask mask(to_hide(request));
  planned.stage = std::make_shared<const stages::BuildImageStage>(stages::BuildImageStage::Options{
      .engine = std::move(engine),
      .build = std::move(request.build),
      .names = std::move(request.names),
      .bases = std::move(digests),
      .context_digest = std::move(request.context_digest),
      .nonce = request.outline.takes_from_elsewhere ? make_nonce() : "",
      .mask = mask});
  return planned;
}

std::map<std::string, std::string> proxy_arguments(const base::Environment& environment) {
  std::map<std::string, std::string> proxies;
  for (const auto& [name, value] : environment) {
    if (stages::is_proxy_argument(name) && !value.empty()) proxies.emplace(name, value);
  }
  return proxies;
}

void add_caches(const std::vector<std::string>& from, const std::string& to,
                stages::ImageBuild& build) {
  for (const auto& flag : from) build.cache_from.push_back(parse_cache(flag));
  if (!to.empty()) build.cache_to = parse_cache(to);
}

std::map<std::string, std::string> parse_build_arguments(const std::vector<std::string>& flags,
                                                         const base::Environment& environment) {
  std::map<std::string, std::string> arguments;
  for (const auto& flag : flags) {
    const auto equals = flag.find('=');
    const auto name = flag.substr(0, equals);
    if (name.empty()) {
      throw base::Error({.code = base::ErrorCode::kUsage,
                         .what = "a --build-arg has no name",
                         .why = "",
                         .hint = "write --build-arg NAME=VALUE"});
    }
    const auto given = environment.find(name);
    if (equals != std::string::npos) {
      arguments.insert_or_assign(name, flag.substr(equals + 1));
    } else if (given != environment.end()) {
      arguments.insert_or_assign(name, given->second);
    }
  }
  return arguments;
}

}  // namespace orchestrator
