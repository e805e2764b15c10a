// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <ostream>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/format.hpp"
#include "base/temp_dir.hpp"
#include "oci/image_files.hpp"
#include "oci/push.hpp"
#include "oci/snapshots.hpp"
#include "orchestrator/commands/commands.hpp"
#include "orchestrator/image_argument.hpp"

namespace orchestrator {
namespace {

/// Whether a name is one of a file, so that a mistyped one is not asked for at Docker Hub. With a
/// colon it is an image: `docker-archive:image.tar`, `host:5000/name`.
bool names_file(const std::string& source) {
  constexpr std::array kEndings = {".iso", ".raw", ".vhd", ".gz", ".squashfs", ".tar", ".efi"};
  const bool path =
      source.starts_with('/') || source.starts_with("./") || source.starts_with("../");
  if (path) return true;
  return source.find(':') == std::string::npos &&
         std::any_of(kEndings.begin(), kEndings.end(),
                     [&](const char* ending) { return source.ends_with(ending); });
}

nlohmann::json describe(const ImageArgument& argument, const oci::ImageConfig& config) {
  nlohmann::json layers = nlohmann::json::array();
  for (std::size_t i = 0; i < argument.image.manifest.layers.size(); ++i) {
    const auto& layer = argument.image.manifest.layers[i];
    layers.push_back({{"digest", layer.digest.text()},
                      {"size", layer.size},
                      {"mediaType", layer.media_type},
                      {"diffId", config.diff_ids.at(i).text()}});
  }
  return {{"name", argument.name},
          {"digest", argument.image.descriptor.digest.text()},
          {"mediaType", argument.image.descriptor.media_type},
          {"os", config.platform.os},
          {"architecture", config.platform.architecture},
          {"config", argument.image.manifest.config.digest.text()},
          {"layers", layers}};
}

/// Of nothing that was unpacked to a half may anybody make use.
void empty_again(const std::filesystem::path& folder) {
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    base::remove_tree(entry.path());
  }
}

void unpack_image(Session& session, const ImageArgument& argument,
                  const std::filesystem::path& folder, const oci::BlobReady& ready,
                  const std::stop_token& stop) {
  empty_again(folder);  // Of the first time, when this is the second.
  const auto& manifest = argument.image.manifest;
  const auto config = oci::read_config(session.store(), manifest);
  oci::check_layers_match(manifest, config, argument.name);
  std::uint64_t total = 0;
  for (const auto& layer : manifest.layers) total += layer.size;
  std::uint64_t done = 0;
  const oci::UnpackContext context{
      .options = session.layer_options(),
      .progress =
          [&](std::uint64_t bytes) { report_progress(session, "unpack", done += bytes, total); },
      .warn = [&](const std::string& text) { session.warn(text); },
      .stop = stop,
      .ready = ready};
  oci::unpack_into(session.store(), manifest, config, folder, context);
}

std::vector<oci::ImageLocation> copies_of(const Invocation& invocation) {
  std::vector<oci::ImageLocation> copies;
  for (const auto& text : invocation.to) {
    const auto location = oci::ImageLocation::parse(text);
    if (!location) {
      throw base::Error({.code = base::ErrorCode::kUsage,
                         .what = fmt::format("--to {} cannot be used", text),
                         .why = "",
                         .hint = "write oci:DIR[:TAG], oci-archive:FILE or docker-archive:FILE"});
    }
    copies.push_back(*location);
  }
  return copies;
}

/// A docker archive holds no manifest: we make one, so there is no digest to keep.
void check_digests_can_stay(const Invocation& invocation) {
  const auto location = oci::ImageLocation::parse(invocation.subject);
  if (!invocation.preserve_digests || !location ||
      location->format != oci::ImageLocation::Format::kDockerArchive) {
    return;
  }
  throw base::Error(
      {.code = base::ErrorCode::kUsage,
       .what = fmt::format("cannot preserve the digests of {}", invocation.subject),
       .why = "an archive for docker has no manifest, so a new one is made",
       .hint = "leave out --preserve-digests, or push an oci: or oci-archive: source"});
}

/// What to push: one image, or all that the name leads to.
WholeImage push_source(Session& session, const Invocation& invocation) {
  if (invocation.all) return open_whole_image(session, invocation.subject);
  auto argument = open_image(session, invocation.subject, true);
  return {.top = std::move(argument.image.descriptor),
          .repository = std::move(argument.repository),
          .registry = std::move(argument.registry)};
}

}  // namespace

int run_pull(Session& session, const Invocation& invocation) {
  const auto copies = copies_of(invocation);
  const auto source = invocation.subject;
  if (oci::ImageLocation::parse(source)) {
    throw base::Error({.code = base::ErrorCode::kUsage,
                       .what = fmt::format("cannot pull {}", source),
                       .why = "it names files, and no image of a registry",
                       .hint = "osartifact push, unpack and inspect take files"});
  }
  const auto lease = session.store().lease();
  const auto reference = reference_of(source);
  const auto top = invocation.all ? open_whole_image(session, source).top
                                  : open_image(session, source, true).image.descriptor;
  for (auto copy : copies) {
    if (copy.name.empty() && copy.format == oci::ImageLocation::Format::kDockerArchive) {
      copy.name = reference.text();
    }
    oci::export_image(session.store(), top, copy, session.stop());
    report_fact(session, "pull", fmt::format("copied to {}", copy.text()));
  }
  session.environment().out << reference.name() << '@' << top.digest.text() << '\n';
  return 0;
}

int run_unpack(Session& session, const Invocation& invocation) {
  const std::filesystem::path folder = invocation.destination;
  base::make_directories(folder);
  if (!std::filesystem::is_empty(folder)) {
    throw base::Error({.code = base::ErrorCode::kUsage,
                       .what = fmt::format("cannot unpack into {}", folder.string()),
                       .why = "it is not empty",
                       .hint = "name a new or empty folder"});
  }
  const auto lease = session.store().lease();
  if (!session.layer_options().keep_owners) {
    session.warn("all files will belong to you: this process may not give files away");
  }
  try {
    use_image(
        session, invocation.subject,
        [&](const ImageArgument& argument, const oci::BlobReady& ready,
            const std::stop_token& stop) { unpack_image(session, argument, folder, ready, stop); });
  } catch (const base::Error&) {
    empty_again(folder);
    throw;
  }
  session.environment().out << folder.string() << '\n';
  return 0;
}

int run_push(Session& session, const Invocation& invocation) {
  const auto destination = oci::Reference::parse(invocation.destination);
  check_digests_can_stay(invocation);
  const auto lease = session.store().lease();
  const auto source = push_source(session, invocation);
  const auto registry = session.registry({}, {});
  const oci::PushOptions options{
      .mount_from = source.registry == destination.registry ? source.repository : "",
      .parallel = session.jobs() * 2,
      .nondistributable = invocation.nondistributable};
  const oci::PushProgress progress = [&](std::uint64_t done, std::uint64_t total) {
    report_progress(session, "push", done, total);
  };
  const auto result = oci::push_image(*registry, session.store(), source.top, destination, options,
                                      progress, session.stop());
  report_fact(
      session, "push",
      fmt::format("{} sent in {} blobs, {} were there", base::format_bytes(result.sent_bytes),
                  result.sent_blobs, result.present_blobs));
  session.environment().out << destination.name() << '@' << source.top.digest.text() << '\n';
  return 0;
}

int run_inspect(Session& session, const Invocation& invocation) {
  // A file that is there is meant, even where an image has that name too: docker://NAME is it.
  if (std::error_code error; std::filesystem::is_regular_file(invocation.subject, error)) {
    return run_inspect_file(session, invocation);
  }
  if (names_file(invocation.subject)) {
    throw base::Error({.code = base::ErrorCode::kIo,
                       .what = fmt::format("there is no file {}", invocation.subject),
                       .why = "",
                       .hint = "docker://NAME is an image of a registry"});
  }
  const auto argument = open_image(session, invocation.subject, false);
  const auto& store = session.store();
  auto& out = session.environment().out;
  if (invocation.raw) {
    out << store.read_blob(argument.image.descriptor.digest, oci::kMaxManifestBytes).value();
    return 0;
  }
  if (invocation.config) {
    out << store.read_blob(argument.image.manifest.config.digest, oci::kMaxConfigBytes).value();
    return 0;
  }
  const auto config = oci::read_config(store, argument.image.manifest);
  oci::check_layers_match(argument.image.manifest, config, argument.name);
  out << describe(argument, config).dump(2) << '\n';
  return 0;
}

}  // namespace orchestrator
