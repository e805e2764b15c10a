// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/http.hpp"
#include "orchestrator/kubernetes/api_error.hpp"
#include "orchestrator/kubernetes/cluster_config.hpp"
#include "orchestrator/kubernetes/metrics.hpp"
#include "orchestrator/kubernetes/resource.hpp"

namespace orchestrator::kubernetes {

/// Which objects of a kind are meant.
struct Selection {
  std::string space{};           ///< Empty: every namespace.
  std::string label_selector{};  ///< "app=a,!b"; empty: all.
  std::string field_selector{};  ///< "metadata.name=a".
  bool metadata_only = false;    ///< Without spec, status or data (PartialObjectMetadata).
};

struct ObjectList {
  std::vector<Object> items;     ///< With apiVersion and kind, which the server leaves out.
  std::string resource_version;  ///< Where a watch goes on.
};

struct WatchEvent {
  enum class Type { kAdded, kModified, kDeleted, kBookmark };
  Type type;
  Object object;  ///< Of a bookmark: only metadata.resourceVersion.
};

struct DeleteOptions {
  std::string propagation = "Background";  ///< Or "Foreground", "Orphan".
  std::string uid{};                       ///< Where not empty: only that very object.
};

struct ClientOptions {
  std::stop_token stop{};  ///< Ends every request but a watch.
  std::shared_ptr<Metrics> metrics = std::make_shared<Metrics>();
  std::chrono::seconds stall_timeout{30};  ///< Of every request but a watch.
};

/// Talks to one API server. Thread-safe. Every method but find() and watch() throws ApiError for
/// the server's "no", base::Error kNetwork when it cannot be reached, kInterrupted after `stop`.
/// 429 and 503 with Retry-After are waited for, as are two broken reads; the rest is the caller's.
class Client {
 public:
  /// Who we are in managedFields, events and leases.
  static constexpr const char* kFieldManager = "osartifact";

  explicit Client(ClusterConfig config, ClientOptions options = {});

  [[nodiscard]] const ClusterConfig& config() const { return config_; }
  [[nodiscard]] Metrics& metrics() const { return *options_.metrics; }

  Object get(const ResourceKind& kind, const ObjectName& name);
  /// nullopt when there is none (404).
  std::optional<Object> find(const ResourceKind& kind, const ObjectName& name);
  /// Asks for the metadata alone: no value of a Secret comes here.
  bool exists(const ResourceKind& kind, const ObjectName& name);
  /// Page by page; begins anew when a page has expired meanwhile.
  ObjectList list(const ResourceKind& kind, const Selection& selection);
  Object create(const ResourceKind& kind, const Object& object);
  /// What create() would give or throw, without doing it (dryRun=All).
  Object try_create(const ResourceKind& kind, const Object& object);
  /// Of the whole object; is_conflict() when its resourceVersion is not the last.
  Object replace(const ResourceKind& kind, const Object& object);
  /// Server-side apply: makes the object or the fields that are given ours.
  /// Source: kubernetes.io/docs/reference/using-api/server-side-apply.
  Object apply(const ResourceKind& kind, const Object& object);
  Object apply_status(const ResourceKind& kind, const Object& object);
  /// JSON merge patch (RFC 7396). With a resourceVersion in it: is_conflict() as replace().
  Object merge(const ResourceKind& kind, const ObjectName& name, const Object& patch);
  Object merge_status(const ResourceKind& kind, const ObjectName& name, const Object& patch);
  /// POST to a subresource: "eviction" of a pod, "token" of a ServiceAccount.
  Object create_at(const ResourceKind& kind, const ObjectName& name, const std::string& subresource,
                   const Object& object);
  /// False when it was gone already.
  bool remove(const ResourceKind& kind, const ObjectName& name, const DeleteOptions& options = {});

  /// Tells of every change after `resource_version`, bookmarks included, until the server ends it
  /// (then it returns: watch again from the last version told). Throws also ApiError is_expired(),
  /// which may come as an event.
  void watch(const ResourceKind& kind, const Selection& selection,
             const std::string& resource_version, const std::function<void(WatchEvent)>& on_event,
             const std::stop_token& stop);

  /// GET of any path ("/version"), as text.
  std::string get_text(const std::string& path);

 private:
  struct Call {
    std::string method;
    std::string verb;  ///< For messages and metrics: "create", "watch".
    base::Url url;
    std::string what;  ///< "jobs.batch default/demo".
    std::string content_type = "application/json";
    std::string accept = "application/json";
    Object body;
  };
  [[nodiscard]] base::Url url_of(const ResourceKind& kind, const std::string& space,
                                 const std::string& name = "",
                                 const std::string& subresource = "") const;
  [[nodiscard]] Call call_for(std::string method, std::string verb, const ResourceKind& kind,
                              const ObjectName& name, const std::string& subresource = "") const;
  [[nodiscard]] Call list_call(const ResourceKind& kind, const Selection& selection,
                               std::string verb) const;
  base::HttpResponse perform(const Call& call, base::HttpRequest request,
                             const std::stop_token& stop);
  base::HttpResponse perform_authorized(const Call& call, base::HttpRequest& request,
                                        const std::stop_token& stop);
  [[nodiscard]] Call create_call(const ResourceKind& kind, const Object& object) const;
  Object ask(const Call& call);
  Object patch(Call call, const std::string& content_type, const Object& body);

  ClusterConfig config_;
  ClientOptions options_;
  base::HttpClient http_;
};

}  // namespace orchestrator::kubernetes
