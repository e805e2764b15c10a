// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/image_argument.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "oci/layout_import.hpp"

namespace orchestrator {
namespace {

constexpr std::string_view kLayoutPrefix = "oci:";
constexpr std::string_view kRegistryPrefix = "docker://";

ImageArgument open_layout(Session& session, const std::string& text) {
  std::filesystem::path folder = text;
  std::optional<std::string> tag;
  std::error_code error;
  // A colon may be part of the folder's name: the longest folder that is there wins.
  if (const auto colon = text.rfind(':');
      colon != std::string::npos && !std::filesystem::is_directory(folder, error)) {
    folder = text.substr(0, colon);
    tag = text.substr(colon + 1);
  }
  return {.image = oci::import_layout(session.store(), folder, tag,
                                      wanted_platform(session.options()), session.stop()),
          .name = std::string(kLayoutPrefix) + text,
          .repository = "",
          .registry = ""};
}

}  // namespace

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
  if (source.starts_with(kLayoutPrefix)) {
    return open_layout(session, source.substr(kLayoutPrefix.size()));
  }
  for (const std::string_view other : {"oci-archive:", "docker-archive:", "dir:"}) {
    if (!source.starts_with(other)) continue;
    throw base::Error({.code = base::ErrorCode::kUnsupported,
                       .what = fmt::format("cannot read {}", source),
                       .why = fmt::format("this version does not read {} sources", other),
                       .hint = "copy it to an OCI layout (skopeo copy SRC oci:DIR:TAG)"});
  }
  const auto reference = oci::Reference::parse(
      source.starts_with(kRegistryPrefix) ? source.substr(kRegistryPrefix.size()) : source);
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

}  // namespace orchestrator
