// SPDX-License-Identifier: Apache-2.0
#include "tests/support/fake_registry.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/files.hpp"

namespace tests {
namespace {

constexpr std::size_t kMaxBlobBytes = 64U << 20;

[[noreturn]] void missing(const std::string& name) {
  throw base::Error({.code = base::ErrorCode::kNotFound, .what = name, .why = "404", .hint = ""});
}

}  // namespace

void FakeRegistry::note(const std::string& call) {
  {
    const std::scoped_lock lock(mutex_);
    calls.push_back(call);
  }
  if (before) before(call);
}

std::size_t FakeRegistry::count(std::string_view start) const {
  return static_cast<std::size_t>(std::count_if(
      calls.begin(), calls.end(), [&](const auto& call) { return call.starts_with(start); }));
}

oci::Descriptor FakeRegistry::resolve(const oci::Reference& reference, std::stop_token stop) {
  return manifest(reference, std::move(stop)).descriptor;
}

oci::ManifestDocument FakeRegistry::manifest(const oci::Reference& reference,
                                             std::stop_token /*stop*/) {
  note("get " + reference.manifest_reference());
  const std::scoped_lock lock(mutex_);
  const auto found = manifests.find(reference.manifest_reference());
  if (found == manifests.end()) missing(reference.text());
  auto document = found->second;
  if (reference.digest) document.descriptor.digest = *reference.digest;
  return document;
}

void FakeRegistry::fetch_blob(const oci::Reference& /*repository*/, const oci::Descriptor& blob,
                              oci::BlobSink& sink, std::stop_token /*stop*/) {
  note("blob " + blob.digest.text());
  const std::scoped_lock lock(mutex_);
  const auto found = blobs.find(blob.digest);
  if (found == blobs.end()) missing(blob.digest.text());
  sink.write(std::as_bytes(std::span(found->second)).subspan(sink.offset()));
}

std::vector<oci::Descriptor> FakeRegistry::referrers(const oci::Reference& repository,
                                                     const oci::Digest& subject,
                                                     const std::string& artifact_type,
                                                     std::stop_token /*stop*/) {
  note("referrers " + subject.text());
  const std::scoped_lock lock(mutex_);
  std::map<oci::Digest, oci::Descriptor> found;
  for (const auto& [name, document] : manifests) {
    if (document.descriptor.media_type != oci::media_type::kOciManifest) continue;
    const auto manifest = oci::parse_manifest(document.bytes, "", repository.text());
    if (manifest.artifact_type == artifact_type && manifest.subject &&
        manifest.subject->digest == subject) {
      found.emplace(document.descriptor.digest, document.descriptor);
    }
  }
  std::vector<oci::Descriptor> list;
  for (auto& [digest, descriptor] : found) list.push_back(std::move(descriptor));
  return list;
}

bool FakeRegistry::has_blob(const oci::Reference& /*repository*/, const oci::Descriptor& blob,
                            std::stop_token /*stop*/) {
  const std::scoped_lock lock(mutex_);
  return blobs.contains(blob.digest);
}

bool FakeRegistry::push_blob(const oci::Reference& repository, const oci::Descriptor& blob,
                             const std::filesystem::path& file, const std::string& /*mount_from*/,
                             const oci::SentBytes& sent, std::stop_token stop) {
  if (has_blob(repository, blob, std::move(stop))) return false;
  note("send " + blob.digest.text());
  auto bytes = base::read_file(file, kMaxBlobBytes);
  if (sent) sent(bytes.size());
  const std::scoped_lock lock(mutex_);
  blobs[blob.digest] = std::move(bytes);
  return true;
}

void FakeRegistry::push_manifest(const oci::Reference& reference, const std::string& media_type,
                                 const std::string& bytes, std::stop_token /*stop*/) {
  note("put " + reference.manifest_reference());
  const auto digest = reference.digest ? *reference.digest : oci::Digest::of(bytes);
  oci::ManifestDocument document{.descriptor = {.media_type = media_type,
                                                .digest = digest,
                                                .size = bytes.size(),
                                                .annotations = {},
                                                .platform = std::nullopt,
                                                .urls = {}},
                                 .bytes = bytes};
  const std::scoped_lock lock(mutex_);
  manifests.insert_or_assign(document.descriptor.digest.text(), document);
  manifests.insert_or_assign(reference.manifest_reference(), std::move(document));
}

}  // namespace tests
