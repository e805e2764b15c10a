// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/kubernetes/client.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <random>

#include "base/format.hpp"
#include "base/http_retry.hpp"
#include "orchestrator/kubernetes/watch_stream.hpp"

namespace orchestrator::kubernetes {
namespace {

constexpr std::size_t kMaxBodyBytes = 256U << 20;
constexpr std::size_t kMaxPerHost = 64;  // Watches stay open.
constexpr int kTries = 3;
constexpr std::chrono::seconds kLongestRetryAfter{30};
// The server sends a bookmark a minute, so that longer silence is a broken connection.
constexpr std::chrono::seconds kWatchStallTimeout{150};
constexpr int kPageItems = 500;
constexpr const char* kMetadataList =
    "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
constexpr const char* kMetadata = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";

base::HttpClientOptions http_options(const ClusterConfig& config) {
  base::HttpClientOptions options;
  options.trust.ca_pem = config.ca_pem;
  options.trust.client_certificate_pem = config.client_certificate_pem;
  options.trust.client_key_pem = config.client_key_pem;
  if (config.skip_tls_verify) options.trust.insecure_hosts.insert(config.server.authority());
  options.proxy = config.proxy;
  options.max_per_host = kMaxPerHost;
  return options;
}

/// Every watch ends at another time, so that they do not all come back at once.
int watch_seconds() {
  thread_local std::mt19937 random{std::random_device{}()};
  return std::uniform_int_distribution(300, 600)(random);
}

base::Error unreachable(const std::string& what, const base::HttpRequest& request,
                        const base::TransportFailure& failure) {
  std::string hint;
  using Kind = base::TransportFailure::Kind;
  if (failure.kind == Kind::kRefused || failure.kind == Kind::kTimeout) {
    hint = fmt::format("check that the API server listens at {}", request.url.authority());
  } else if (failure.kind == Kind::kUntrusted) {
    hint = "check certificate-authority-data of the kubeconfig";
  }
  return base::Error({.code = base::ErrorCode::kNetwork,
                      .what = what,
                      .why = fmt::format("{}: {}", request.url.authority(), failure.why),
                      .hint = std::move(hint)});
}

/// How long the server asks us to wait before the request is repeated; nullopt: it does not.
std::optional<std::chrono::milliseconds> asked_to_wait(const base::HttpResponse& response) {
  if (response.status != 429 && response.status != 503) return std::nullopt;
  const auto value = response.header("Retry-After");
  if (!value) return std::nullopt;
  const auto wait = base::parse_retry_after(*value, std::chrono::system_clock::now());
  if (!wait || *wait > kLongestRetryAfter) return std::nullopt;
  return wait;
}

Object parse_answer(const std::string& text, const std::string& what) {
  try {
    return Object::parse(text);
  } catch (const Object::exception& error) {
    throw base::Error({.code = base::ErrorCode::kRegistry,
                       .what = fmt::format("cannot read the API server's answer: {}", what),
                       .why = base::printable(error.what()),
                       .hint = ""});
  }
}

/// The items of a list do not say what they are; objects that are got alone do.
void name_kind(Object& object, const ResourceKind& kind) {
  object["apiVersion"] = kind.api_version();
  object["kind"] = kind.kind;
}

}  // namespace

Client::Client(ClusterConfig config, ClientOptions options)
    : config_(std::move(config)), options_(std::move(options)), http_(http_options(config_)) {}

base::Url Client::url_of(const ResourceKind& kind, const std::string& space,
                         const std::string& name, const std::string& subresource) const {
  auto url = config_.server;
  std::string path = url.path();
  while (path.ends_with('/')) path.pop_back();
  path += kind.group.empty() ? fmt::format("/api/{}", kind.version)
                             : fmt::format("/apis/{}/{}", kind.group, kind.version);
  if (kind.namespaced && !space.empty()) path += "/namespaces/" + base::percent_encode(space);
  path += fmt::format("/{}", kind.plural);
  if (!name.empty()) path += "/" + base::percent_encode(name);
  if (!subresource.empty()) path += "/" + subresource;
  url.target = path;
  return url;
}

Client::Call Client::call_for(std::string method, std::string verb, const ResourceKind& kind,
                              const ObjectName& name, const std::string& subresource) const {
  const auto slash = subresource.empty() ? std::string() : "/" + subresource;
  Call call{.method = std::move(method),
            .verb = std::move(verb),
            .url = url_of(kind, name.space, name.name, subresource),
            .what = fmt::format("{}{} {}", kind.text(), slash, name.text()),
            .body = nullptr};
  return call;
}

Client::Call Client::list_call(const ResourceKind& kind, const Selection& selection,
                               std::string verb) const {
  Call call{.method = "GET",
            .verb = std::move(verb),
            .url = url_of(kind, selection.space),
            .what = selection.space.empty() ? kind.text()
                                            : fmt::format("{} in {}", kind.text(), selection.space),
            .body = nullptr};
  if (!selection.label_selector.empty()) {
    call.url = call.url.with_query("labelSelector", selection.label_selector);
  }
  if (!selection.field_selector.empty()) {
    call.url = call.url.with_query("fieldSelector", selection.field_selector);
  }
  return call;
}

base::HttpResponse Client::perform_authorized(const Call& call, base::HttpRequest& request,
                                              const std::stop_token& stop) {
  for (bool again = true;; again = false) {
    const auto token = config_.token->value();
    if (!token.empty()) request.authorization = base::Secret("Bearer " + token.reveal());
    auto outcome = http_.try_perform(request, stop);
    if (outcome.failure) {
      options_.metrics->count("osartifact_api_requests_total",
                              fmt::format(R"(verb="{}",code="0")", call.verb));
      throw unreachable(fmt::format("cannot {} {}", call.verb, call.what), request,
                        *outcome.failure);
    }
    options_.metrics->count(
        "osartifact_api_requests_total",
        fmt::format(R"(verb="{}",code="{}")", call.verb, outcome.response.status));
    if (outcome.response.status != 401 || !again || !config_.token->reread(token)) {
      return std::move(outcome.response);
    }
  }
}

base::HttpResponse Client::perform(const Call& call, base::HttpRequest request,
                                   const std::stop_token& stop) {
  request.method = call.method;
  request.url = call.url;
  request.headers = {{"Accept", call.accept}};
  if (!call.body.is_null()) {
    request.headers.push_back({"Content-Type", call.content_type});
    request.body = call.body.dump();
  }
  request.follow_redirects = false;
  request.http1_only = true;  // Each watch has a connection of its own anyway.
  request.max_body_bytes = kMaxBodyBytes;
  for (int tries = 1;; ++tries) {
    std::optional<std::chrono::milliseconds> wait;
    try {
      auto response = perform_authorized(call, request, stop);
      if (response.ok()) return response;
      wait = asked_to_wait(response);
      if (!wait || tries == kTries) {
        throw api_error(response.status, response.body,
                        fmt::format("cannot {} {}", call.verb, call.what));
      }
    } catch (const base::Error& error) {
      const bool repeatable = call.method == "GET" && call.verb != "watch";
      if (error.code() != base::ErrorCode::kNetwork || !repeatable || tries == kTries) throw;
      wait = std::chrono::milliseconds(200 * tries);
    }
    base::sleep_unless_stopped(*wait, stop);
  }
}

Object Client::ask(const Call& call) {
  base::HttpRequest request;
  request.stall_timeout = options_.stall_timeout;
  return parse_answer(perform(call, std::move(request), options_.stop).body, call.what);
}

Object Client::get(const ResourceKind& kind, const ObjectName& name) {
  return ask(call_for("GET", "get", kind, name));
}

std::optional<Object> Client::find(const ResourceKind& kind, const ObjectName& name) {
  try {
    return get(kind, name);
  } catch (const ApiError& error) {
    if (error.is_not_found()) return std::nullopt;
    throw;
  }
}

bool Client::exists(const ResourceKind& kind, const ObjectName& name) {
  auto call = call_for("GET", "get", kind, name);
  call.accept = kMetadata;
  try {
    ask(call);
    return true;
  } catch (const ApiError& error) {
    if (error.is_not_found()) return false;
    throw;
  }
}

ObjectList Client::list(const ResourceKind& kind, const Selection& selection) {
  auto first = list_call(kind, selection, "list");
  first.url = first.url.with_query("limit", std::to_string(kPageItems));
  if (selection.metadata_only) first.accept = kMetadataList;
  ObjectList list;
  auto call = first;
  for (bool may_restart = true;;) {
    Object page;
    try {
      page = ask(call);
    } catch (const ApiError& error) {
      if (!error.is_expired() || !may_restart) throw;
      may_restart = false;
      list = {};
      call = first;
      continue;
    }
    for (auto& item : page["items"]) {
      name_kind(item, kind);
      list.items.push_back(std::move(item));
    }
    list.resource_version = version_of(page);
    const auto more = text_at(page, "/metadata/continue");
    if (more.empty()) return list;
    call.url = first.url.with_query("continue", more);
  }
}

Client::Call Client::create_call(const ResourceKind& kind, const Object& object) const {
  auto name = name_of(object);
  if (name.name.empty()) name.name = text_at(object, "/metadata/generateName");
  auto call = call_for("POST", "create", kind, name);
  call.url = url_of(kind, name.space).with_query("fieldManager", kFieldManager);
  call.body = object;
  return call;
}

Object Client::create(const ResourceKind& kind, const Object& object) {
  return ask(create_call(kind, object));
}

Object Client::try_create(const ResourceKind& kind, const Object& object) {
  auto call = create_call(kind, object);
  call.url = call.url.with_query("dryRun", "All");
  return ask(call);
}

Object Client::replace(const ResourceKind& kind, const Object& object) {
  auto call = call_for("PUT", "update", kind, name_of(object));
  call.url = call.url.with_query("fieldManager", kFieldManager);
  call.body = object;
  return ask(call);
}

Object Client::patch(Call call, const std::string& content_type, const Object& body) {
  call.content_type = content_type;
  call.url = call.url.with_query("fieldManager", kFieldManager);
  call.body = body;
  return ask(call);
}

Object Client::apply(const ResourceKind& kind, const Object& object) {
  auto call = call_for("PATCH", "apply", kind, name_of(object));
  call.url = call.url.with_query("force", "true");
  return patch(std::move(call), "application/apply-patch+yaml", object);  // JSON is YAML.
}

Object Client::apply_status(const ResourceKind& kind, const Object& object) {
  auto call = call_for("PATCH", "apply", kind, name_of(object), "status");
  call.url = call.url.with_query("force", "true");
  return patch(std::move(call), "application/apply-patch+yaml", object);
}

Object Client::merge(const ResourceKind& kind, const ObjectName& name, const Object& body) {
  return patch(call_for("PATCH", "patch", kind, name), "application/merge-patch+json", body);
}

Object Client::merge_status(const ResourceKind& kind, const ObjectName& name, const Object& body) {
  return patch(call_for("PATCH", "patch", kind, name, "status"), "application/merge-patch+json",
               body);
}

Object Client::create_at(const ResourceKind& kind, const ObjectName& name,
                         const std::string& subresource, const Object& object) {
  auto call = call_for("POST", "create", kind, name, subresource);
  call.body = object;
  return ask(call);
}

bool Client::remove(const ResourceKind& kind, const ObjectName& name,
                    const DeleteOptions& options) {
  auto call = call_for("DELETE", "delete", kind, name);
  call.url = call.url.with_query("propagationPolicy", options.propagation);
  // A DELETE with a body is not what every proxy lets pass: the uid goes there only when needed.
  if (!options.uid.empty()) {
    call.body = {{"apiVersion", "v1"},
                 {"kind", "DeleteOptions"},
                 {"propagationPolicy", options.propagation},
                 {"preconditions", {{"uid", options.uid}}}};
  }
  try {
    ask(call);
    return true;
  } catch (const ApiError& error) {
    // A 409 says that the object of that name is another one: ours is gone.
    if (error.is_not_found() || (!options.uid.empty() && error.is_conflict())) return false;
    throw;
  }
}

void Client::watch(const ResourceKind& kind, const Selection& selection,
                   const std::string& resource_version,
                   const std::function<void(WatchEvent)>& on_event, const std::stop_token& stop) {
  auto call = list_call(kind, selection, "watch");
  call.url = call.url.with_query("watch", "true")
                 .with_query("resourceVersion", resource_version)
                 .with_query("allowWatchBookmarks", "true")
                 .with_query("timeoutSeconds", std::to_string(watch_seconds()));
  if (selection.metadata_only) call.accept = kMetadata;
  WatchStream stream([&](WatchEvent event) {
    name_kind(event.object, kind);
    on_event(std::move(event));
  });
  base::HttpRequest request;
  request.stall_timeout = kWatchStallTimeout;
  request.on_body = [&stream](const base::HttpResponse& /*head*/, std::span<const std::byte> data) {
    stream.take(data);
  };
  perform(call, std::move(request), stop);
}

std::string Client::get_text(const std::string& path) {
  Call call{.method = "GET", .verb = "get", .url = config_.server, .what = path, .body = nullptr};
  auto prefix = config_.server.path();
  while (prefix.ends_with('/')) prefix.pop_back();
  call.url.target = prefix + path;
  call.accept = "*/*";
  base::HttpRequest request;
  request.stall_timeout = options_.stall_timeout;
  return perform(call, std::move(request), options_.stop).body;
}

}  // namespace orchestrator::kubernetes
