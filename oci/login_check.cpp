// SPDX-License-Identifier: Apache-2.0
#include "oci/login_check.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "oci/manifest.hpp"

namespace oci {
namespace {

void ask_to_pull(RegistrySession& session, const Access& access, const Reference& reference,
                 const std::stop_token& stop) {
  base::HttpRequest request;
  request.url = session.url(
      fmt::format("{}/manifests/{}", reference.repository, reference.manifest_reference()), stop);
  for (const auto type : {media_type::kOciManifest, media_type::kOciIndex,
                          media_type::kDockerManifest, media_type::kDockerList}) {
    request.headers.push_back({.name = "Accept", .value = std::string(type)});
  }
  request.max_body_bytes = kMaxManifestBytes;
  request.method = "HEAD";
  auto response = session.send(access, request, stop);
  if (response.status == 405) {  // It does not know HEAD.
    request.method = "GET";
    response = session.send(access, request, stop);
  }
  if (!response.ok()) throw session.error_for(access, request, response);
}

void ask_to_push(RegistrySession& session, const Access& access, const Reference& reference,
                 const std::stop_token& stop) {
  base::HttpRequest post;
  post.method = "POST";
  post.url = session.url(reference.repository + "/blobs/uploads/", stop);
  const auto response = session.send(access, post, stop);
  if (response.status != 202) throw session.error_for(access, post, response);
  const auto location = response.header("Location");
  const auto target = location ? response.url.resolve(*location) : std::nullopt;
  if (!target || !target->same_origin(post.url)) return;  // The registry forgets it by itself.
  base::HttpRequest abandon;
  abandon.method = "DELETE";
  abandon.url = *target;
  static_cast<void>(session.try_send(access, abandon, stop));
}

}  // namespace

RegistrySession::Login check_login(const Reference& reference, bool push,
                                   const SessionContext& context, const std::stop_token& stop) {
  RegistrySession session(reference.registry, context);
  const Access access{
      .repository = reference.repository,
      .push = push,
      .mount_from = "",
      .what = fmt::format("cannot {} {}", push ? "push" : "pull", reference.text())};
  if (push) {
    ask_to_push(session, access, reference, stop);
  } else {
    ask_to_pull(session, access, reference, stop);
  }
  return session.login(access);
}

}  // namespace oci
