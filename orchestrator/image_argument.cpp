// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/image_argument.hpp"

#include "oci/image_files.hpp"
#include "oci/pull_all.hpp"

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
  const auto reference = reference_of(source);
  const auto platform = wanted_platform(session.options());
  auto& store = session.store();
  const bool offline = session.options().offline;
  const auto registry = offline ? nullptr : session.registry({}, {});
  ImageArgument argument{
      .image = offline ? oci::resolve_offline(store, reference, platform)
                       : oci::resolve_image(*registry, store, reference, platform, session.stop()),
      .name = reference.text(),
      .repository = reference.repository,
      .registry = reference.registry};
  if (offline) return argument;
  static_cast<void>(
      oci::fetch_config(*registry, store, reference, argument.image, platform, session.stop()));
  if (!layers) return argument;
  const oci::PullProgress progress = [&](std::uint64_t done, std::uint64_t total) {
    report_progress(session, "pull", done, total);
  };
  oci::pull_image(*registry, store, reference, argument.image, platform, session.jobs() * 2,
                  progress, session.stop());
  return argument;
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
  const oci::PullProgress progress = [&](std::uint64_t done, std::uint64_t total) {
    report_progress(session, "pull", done, total);
  };
  return whole(oci::pull_all(*session.registry({}, {}), store, reference, session.jobs() * 2,
                             progress, session.stop())
                   .top);
}

}  // namespace orchestrator
