// SPDX-License-Identifier: Apache-2.0
#include "oci/registry_client.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <map>
#include <mutex>

#include "base/error.hpp"
#include "base/format.hpp"
#include "oci/blob_fetch.hpp"
#include "oci/blob_upload.hpp"
#include "oci/manifest_upload.hpp"
#include "oci/referrer_lists.hpp"
#include "oci/referrers.hpp"
#include "oci/registry_error.hpp"
#include "oci/registry_session.hpp"

namespace oci {
namespace {

constexpr std::array<std::string_view, 4> kAccepted = {
    media_type::kOciManifest, media_type::kOciIndex, media_type::kDockerManifest,
    media_type::kDockerList};

constexpr int kMaxReferrerPages = 20;

base::HttpHeaders accept_headers() {
  base::HttpHeaders headers;
  for (const auto type : kAccepted) {
    headers.push_back({.name = "Accept", .value = std::string(type)});
  }
  return headers;
}

bool is_accepted(std::string_view type) {
  return std::find(kAccepted.begin(), kAccepted.end(), type) != kAccepted.end();
}

/// A Content-Type without its parameters, in lower case; empty when there is none.
std::string content_type(const base::HttpResponse& response) {
  auto type = response.header("Content-Type").value_or("");
  type = type.substr(0, type.find(';'));
  while (type.ends_with(' ')) type.pop_back();
  std::transform(type.begin(), type.end(), type.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return type;
}

/// The document's media type, from its header or, where that says nothing, from the document.
std::string manifest_type(const base::HttpResponse& response, const Access& access,
                          const std::string& name) {
  const auto type = content_type(response);
  if (is_accepted(type)) return type;
  const bool says_nothing = type.empty() || type == "application/json" || type == "text/plain" ||
                            type == "application/octet-stream";
  if (says_nothing) return detect_media_type(response.body, "the manifest of " + name);
  throw base::Error(
      {.code = base::ErrorCode::kRegistry,
       .what = access.what,
       .why = fmt::format("GET {}: the answer is {}, not a manifest", base::redacted(response.url),
                          base::printable(type)),
       .hint = type == "text/html" ? "it looks like a web page: is this host a registry?"
               : is_schema1(type)
                   ? "schema 1 has been withdrawn: push the image again with a current tool"
                   : ""});
}

Digest digest_of(std::string_view bytes, const std::optional<Digest>& like) {
  Hasher hasher(like ? like->algorithm() : "sha256");
  hasher.update(bytes);
  return hasher.finish();
}

/// Where a Link header says that a list goes on: <URL>; rel="next". Source: RFC 8288.
std::optional<base::Url> next_page(const base::Url& here, std::string_view link) {
  const auto end = link.find('>');
  if (!link.starts_with('<') || end == std::string_view::npos ||
      link.find("rel=\"next\"", end) == std::string_view::npos) {
    return std::nullopt;
  }
  return here.resolve(link.substr(1, end - 1));
}

class RegistryClient final : public Registry, public ReferrerLists {
 public:
  RegistryClient(const RegistryClientOptions& options, SessionContext context)
      : options_(options), context_(std::move(context)) {}

  Descriptor resolve(const Reference& reference, std::stop_token stop) override {
    auto& session = session_for(reference);
    const auto access = pull_access(reference);
    base::HttpRequest head = manifest_request(session, reference, stop);
    head.method = "HEAD";
    const auto response = session.send(access, head, stop);
    if (auto descriptor = described_by(response, reference)) return *std::move(descriptor);
    // Whatever HEAD did not tell, GET does; also for registries that do not know HEAD.
    return manifest(reference, stop).descriptor;
  }

  ManifestDocument manifest(const Reference& reference, std::stop_token stop) override {
    auto& session = session_for(reference);
    const auto access = pull_access(reference);
    const auto request = manifest_request(session, reference, stop);
    auto response = session.send(access, request, stop);
    if (!response.ok()) throw session.error_for(access, request, response);
    const auto digest = digest_of(response.body, reference.digest);
    if (reference.digest && digest != *reference.digest) {
      throw base::Error(
          {.code = base::ErrorCode::kIntegrity,
           .what = access.what,
           .why = fmt::format("the registry sent a manifest with digest {}", digest.text()),
           .hint = ""});
    }
    auto type = manifest_type(response, access, reference.text());
    return {.descriptor = {.media_type = std::move(type),
                           .digest = digest,
                           .size = response.body.size(),
                           .annotations = {},
                           .platform = std::nullopt,
                           .urls = {}},
            .bytes = std::move(response.body)};
  }

  void fetch_blob(const Reference& repository, const Descriptor& blob, BlobSink& sink,
                  std::stop_token stop) override {
    const auto access = pull_access(repository);
    BlobFetch(session_for(repository), access, blob, sink).run(stop);
  }

  std::vector<Descriptor> referrers(const Reference& repository, const Digest& subject,
                                    const std::string& artifact_type,
                                    std::stop_token stop) override {
    if (auto listed = own_referrers(repository, subject, artifact_type, stop)) {
      return *std::move(listed);
    }
    return tagged_referrers(repository, subject, artifact_type, stop);
  }

  bool has_blob(const Reference& repository, const Descriptor& blob,
                std::stop_token stop) override {
    const auto access = push_access(repository);
    return BlobUpload(session_for(repository), access, source(blob, {}, {})).exists(stop);
  }

  bool push_blob(const Reference& repository, const Descriptor& blob,
                 const std::filesystem::path& file, const std::string& mount_from,
                 const SentBytes& sent, std::stop_token stop) override {
    const auto access = push_access(repository);
    BlobUpload upload(session_for(repository), access, source(blob, file, sent));
    if (upload.exists(stop)) return false;
    if (!mount_from.empty() && upload.mount(mount_from, stop)) return false;
    upload.send(stop);
    return true;
  }

  void push_manifest(const Reference& reference, const std::string& media_type,
                     const std::string& bytes, std::stop_token stop) override {
    auto& session = session_for(reference);
    const auto access = push_access(reference);
    ManifestUpload(session, access).send(reference, media_type, bytes, stop);
  }

 private:
  RegistrySession& session_for(const Reference& reference) {
    const std::scoped_lock lock(mutex_);
    auto& session = sessions_[reference.registry];
    if (!session) session = std::make_unique<RegistrySession>(reference.registry, context_);
    return *session;
  }

  static Access pull_access(const Reference& reference) {
    return {.repository = reference.repository,
            .push = false,
            .mount_from = "",
            .what = fmt::format("cannot pull {}", reference.text())};
  }

  static Access push_access(const Reference& reference) {
    return {.repository = reference.repository,
            .push = true,
            .mount_from = "",
            .what = fmt::format("cannot push {}", reference.text())};
  }

  [[nodiscard]] BlobUpload::Source source(const Descriptor& blob, const std::filesystem::path& file,
                                          const SentBytes& sent) const {
    return {.blob = blob, .file = file, .sent = sent, .chunk_bytes = options_.chunk_bytes};
  }

  /// Page by page; nullopt where the registry has no such lists. Those that do not know the request
  /// answer it in many ways (404, 400, 405, a web page).
  /// Source: OCI distribution-spec, "Listing Referrers".
  std::optional<std::vector<Descriptor>> own_referrers(const Reference& repository,
                                                       const Digest& subject,
                                                       const std::string& artifact_type,
                                                       const std::stop_token& stop) {
    auto& session = session_for(repository);
    const auto access = pull_access(repository);
    base::HttpRequest get;
    get.url =
        session.url(fmt::format("{}/referrers/{}", repository.repository, subject.text()), stop)
            .with_query("artifactType", artifact_type);
    get.headers.push_back({.name = "Accept", .value = std::string(media_type::kOciIndex)});
    get.max_body_bytes = kMaxManifestBytes;
    std::vector<Descriptor> all;
    for (int pages = 0; pages < kMaxReferrerPages; ++pages) {
      const auto response = session.send(access, get, stop);
      if (response.status >= 500) throw session.error_for(access, get, response);
      if (!response.ok() || content_type(response) != media_type::kOciIndex) return std::nullopt;
      const auto page = referrers_in(response.body, artifact_type,
                                     fmt::format("the referrers of {}", subject.text()));
      all.insert(all.end(), page.begin(), page.end());
      const auto next = next_page(get.url, response.header("Link").value_or(""));
      if (!next) break;
      get.url = *next;
    }
    return all;
  }

  /// The list that pushers keep under a tag where the registry keeps none.
  std::vector<Descriptor> tagged_referrers(Reference repository, const Digest& subject,
                                           const std::string& artifact_type,
                                           const std::stop_token& stop) {
    repository.digest.reset();
    repository.tag = referrers_tag(subject);
    try {
      return referrers_in(manifest(repository, stop).bytes, artifact_type, repository.text());
    } catch (const base::Error& error) {
      if (error.code() == base::ErrorCode::kNotFound) return {};
      throw;
    }
  }

  static base::Url manifest_url(RegistrySession& session, const Reference& reference,
                                const std::stop_token& stop) {
    return session.url(
        fmt::format("{}/manifests/{}", reference.repository, reference.manifest_reference()), stop);
  }

  static base::HttpRequest manifest_request(RegistrySession& session, const Reference& reference,
                                            const std::stop_token& stop) {
    base::HttpRequest request;
    request.url = manifest_url(session, reference, stop);
    request.headers = accept_headers();
    request.max_body_bytes = kMaxManifestBytes;
    return request;
  }

  /// What a HEAD's headers say, if they say all. The digest is the registry's word: whoever fetches
  /// the document by it checks it.
  static std::optional<Descriptor> described_by(const base::HttpResponse& response,
                                                const Reference& reference) {
    if (!response.ok()) return std::nullopt;
    const auto digest = Digest::parse(response.header("Docker-Content-Digest").value_or(""));
    const auto length = response.header("Content-Length").value_or("");
    const auto type = content_type(response);
    std::uint64_t size = 0;
    std::from_chars(length.data(), length.data() + length.size(), size);
    const bool trusted = digest && (!reference.digest || *digest == *reference.digest);
    if (!trusted || size == 0 || size > kMaxManifestBytes || !is_accepted(type)) {
      return std::nullopt;
    }
    return Descriptor{.media_type = type,
                      .digest = *digest,
                      .size = size,
                      .annotations = {},
                      .platform = std::nullopt,
                      .urls = {}};
  }

  RegistryClientOptions options_;
  SessionContext context_;
  std::mutex mutex_;
  std::map<std::string, std::unique_ptr<RegistrySession>> sessions_;
};

}  // namespace

std::unique_ptr<Registry> make_registry_client(const RegistryClientOptions& options,
                                               std::shared_ptr<auth::Keychain> keychain,
                                               std::shared_ptr<base::HttpClient> http,
                                               std::shared_ptr<spdlog::logger> log) {
  auto tokens = std::make_shared<auth::TokenServer>(*http, options.retry);
  return std::make_unique<RegistryClient>(options,
                                          SessionContext{.http = std::move(http),
                                                         .keychain = std::move(keychain),
                                                         .tokens = std::move(tokens),
                                                         .log = std::move(log),
                                                         .retry = options.retry,
                                                         .longest_stall = options.longest_stall});
}

}  // namespace oci
