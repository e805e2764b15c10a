// SPDX-License-Identifier: Apache-2.0
#include "oci/layout_import.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cerrno>

#include "base/error.hpp"
#include "base/files.hpp"
#include "oci/byte_source.hpp"
#include "oci/layout_index.hpp"

namespace oci {
namespace {

constexpr const char* kRefName = "org.opencontainers.image.ref.name";
constexpr std::size_t kBufferBytes = std::size_t{1} << 20;

[[noreturn]] void fail(const std::filesystem::path& layout, base::ErrorCode code, std::string why,
                       std::string hint = "") {
  throw base::Error({.code = code,
                     .what = fmt::format("cannot read the OCI layout {}", layout.string()),
                     .why = std::move(why),
                     .hint = std::move(hint)});
}

base::FileDescriptor open_blob(const std::filesystem::path& layout, const Digest& digest) {
  const auto path = layout / "blobs" / digest.algorithm() / digest.hex();
  base::FileDescriptor fd(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (fd) return fd;
  if (errno == ELOOP) fail(layout, base::ErrorCode::kIntegrity, path.string() + " is a link");
  if (errno == ENOENT) fail(layout, base::ErrorCode::kNotFound, path.string() + " is missing");
  base::throw_system_error(errno, fmt::format("cannot open {}", path.string()));
}

void import_blob(Store& store, const std::filesystem::path& layout, const Descriptor& blob,
                 const std::stop_token& stop) {
  if (store.contains(blob)) return;
  const auto writer = store.write_blob(blob, stop);
  if (writer->complete()) return;
  writer->restart();
  FileSource file(open_blob(layout, blob.digest), blob.digest.text());
  std::vector<std::byte> buffer(kBufferBytes);
  while (const auto count = file.read(buffer)) {
    writer->write(std::span(buffer.data(), count));
    if (stop.stop_requested()) {
      throw base::Error({.code = base::ErrorCode::kInterrupted,
                         .what = fmt::format("the import of {} was stopped", layout.string()),
                         .why = "",
                         .hint = ""});
    }
  }
  writer->commit();
}

const Descriptor& choose(const Index& index, const std::filesystem::path& layout,
                         const std::optional<std::string>& tag) {
  std::vector<std::string> names;
  const Descriptor* chosen = nullptr;
  std::size_t matches = 0;
  for (const auto& descriptor : index.manifests) {
    const auto name = descriptor.annotations.find(kRefName);
    names.push_back(name == descriptor.annotations.end() ? "(no name)" : name->second);
    if (tag && names.back() != *tag) continue;
    chosen = &descriptor;
    ++matches;
  }
  if (matches == 1) return *chosen;
  const auto listed = fmt::format("it has: {}", fmt::join(names, ", "));
  if (matches > 1) {
    fail(layout, base::ErrorCode::kNotFound, "which of its images is not clear; " + listed,
         fmt::format("name one: oci:{}:TAG", layout.string()));
  }
  fail(layout, base::ErrorCode::kNotFound,
       tag ? fmt::format("it has no image '{}'; {}", *tag, listed) : "it has no image");
}

}  // namespace

ResolvedImage import_layout(Store& store, const std::filesystem::path& layout,
                            const std::optional<std::string>& tag, const Platform& platform,
                            std::stop_token stop) {
  const auto what = fmt::format("the OCI layout {}", layout.string());
  if (!base::read_file_if_exists(layout / "oci-layout", 4096)) {
    fail(layout, base::ErrorCode::kNotFound, "there is no oci-layout file in it");
  }
  auto descriptor =
      choose(parse_index(base::read_file(layout / "index.json", kMaxLayoutIndexBytes), "", what),
             layout, tag);
  while (true) {
    auto bytes = base::read_all(open_blob(layout, descriptor.digest).get(), kMaxManifestBytes,
                                descriptor.digest.text());
    if (Digest::of(bytes) != descriptor.digest && descriptor.digest.algorithm() == "sha256") {
      fail(layout, base::ErrorCode::kIntegrity, descriptor.digest.text() + " is damaged");
    }
    const auto type = detect_media_type(bytes, what);
    store.put_blob(bytes);
    if (is_index(type)) {
      descriptor = select_platform(parse_index(bytes, type, what), platform, what);
      continue;
    }
    descriptor.media_type = type;
    ResolvedImage image{.descriptor = descriptor, .manifest = parse_manifest(bytes, type, what)};
    import_blob(store, layout, image.manifest.config, stop);
    for (const auto& layer : image.manifest.layers) import_blob(store, layout, layer, stop);
    return image;
  }
}

}  // namespace oci
