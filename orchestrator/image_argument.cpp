// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/image_argument.hpp"

#include "oci/image_files.hpp"
#include "oci/pull_all.hpp"
#include "oci/pull_along.hpp"

namespace orchestrator {
namespace {

constexpr std::string_view kRegistryPrefix = "docker://";

ImageArgument open_file(Session& session, const oci::ImageLocation& location) {
  auto& store = session.store();
  const auto descriptor =
      oci::import_image(store, location, wanted_platform(session.options()), session.stop());
  return {.image = {.descriptor = descriptor, .manifest = oci::read_manifest(store, descriptor)},
          .name = location.text(),
          .repository = "",
          .registry = ""};
}

/// An image of a registry, without its layers.
struct RemoteImage {
  oci::Reference reference;
  oci::Platform platform;
  std::shared_ptr<oci::Registry> registry;  ///< Null when offline: then the layers are there.
  ImageArgument argument;
};

RemoteImage resolve_remote(Session& session, const std::string& source) {
  auto reference = reference_of(source);
  auto platform = wanted_platform(session.options());
  auto& store = session.store();
  auto registry = session.options().offline ? nullptr : session.registry({}, {});
  auto image = registry ? oci::resolve_image(*registry, store, reference, platform, session.stop())
                        : oci::resolve_offline(store, reference, platform);
  if (registry) {
    static_cast<void>(
        oci::fetch_config(*registry, store, reference, image, platform, session.stop()));
  }
  ImageArgument argument{.image = std::move(image),
                         .name = reference.text(),
                         .repository = reference.repository,
                         .registry = reference.registry};
  return {.reference = std::move(reference),
          .platform = std::move(platform),
          .registry = std::move(registry),
          .argument = std::move(argument)};
}

oci::PullProgress pull_progress(Session& session) {
  return [&session](std::uint64_t done, std::uint64_t total) {
    report_progress(session, "pull", done, total);
  };
}

}  // namespace

oci::Reference reference_of(const std::string& source) {
  return oci::Reference::parse(
      source.starts_with(kRegistryPrefix) ? source.substr(kRegistryPrefix.size()) : source);
}

oci::Platform wanted_platform(const CommonOptions& options) {
  return options.arch.empty() ? oci::Platform::host() : oci::Platform::parse(options.arch);
}

void report_progress(Session& session, const std::string& stage, std::uint64_t done,
                     std::uint64_t total) {
  session.events().take({.kind = EventKind::kProgress,
                         .artifact = "",
                         .stage = stage,
                         .text = "",
                         .done = done,
                         .total = total,
                         .elapsed = {}});
}

void report_fact(Session& session, const std::string& stage, const std::string& text) {
  session.events().take({.kind = EventKind::kFact,
                         .artifact = "",
                         .stage = stage,
                         .text = text,
                         .done = 0,
                         .total = 0,
                         .elapsed = {}});
}

ImageArgument open_image(Session& session, const std::string& source, bool layers) {
  if (const auto location = oci::ImageLocation::parse(source)) return open_file(session, *location);
  auto remote = resolve_remote(session, source);
  if (layers && remote.registry) {
    oci::pull_image(*remote.registry, session.store(), remote.reference, remote.argument.image,
                    remote.platform, session.jobs() * 2, pull_progress(session), session.stop());
  }
  return std::move(remote.argument);
}

void use_image(Session& session, const std::string& source, const ImageWork& work) {
  if (const auto location = oci::ImageLocation::parse(source)) {
    return work(open_file(session, *location), {}, session.stop());
  }
  const auto remote = resolve_remote(session, source);
  if (!remote.registry) return work(remote.argument, {}, session.stop());
  oci::pull_along(
      *remote.registry, session.store(), remote.reference, remote.argument.image, remote.platform,
      session.jobs() * 2, pull_progress(session),
      [&](const oci::BlobReady& ready, const std::stop_token& stop) {
        work(remote.argument, ready, stop);
      },
      session.stop());
}

WholeImage open_whole_image(Session& session, const std::string& source) {
  auto& store = session.store();
  if (const auto location = oci::ImageLocation::parse(source)) {
    return {
        .top = oci::import_all(store, *location, session.stop()), .repository = "", .registry = ""};
  }
  const auto reference = reference_of(source);
  const auto whole = [&](oci::Descriptor top) {
    return WholeImage{
        .top = std::move(top), .repository = reference.repository, .registry = reference.registry};
  };
  if (session.options().offline) return whole(oci::find_all(store, reference));
  return whole(oci::pull_all(*session.registry({}, {}), store, reference, session.jobs() * 2,
                             pull_progress(session), session.stop())
                   .top);
}

}  // namespace orchestrator
