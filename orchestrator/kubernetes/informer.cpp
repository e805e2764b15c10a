// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/kubernetes/informer.hpp"

#include <fmt/format.h>

#include "base/http_retry.hpp"

namespace orchestrator::kubernetes {
namespace {

/// A watch that ended sooner did not work, whatever the server said.
constexpr std::chrono::seconds kShortestWatch{1};

std::string one_line(const base::Error& error) {
  const auto& facts = error.facts();
  return facts.why.empty() ? facts.what : fmt::format("{}: {}", facts.what, facts.why);
}

}  // namespace

Informer::Informer(Client& client, ResourceKind kind, Options options,
                   std::shared_ptr<spdlog::logger> log)
    : client_(client),
      kind_(kind),
      options_(std::move(options)),
      log_(std::move(log)),
      backoff_(options_.first_wait, options_.longest_wait) {}

Informer::~Informer() { stop(); }

void Informer::start() {
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

void Informer::stop() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  thread_.join();
}

void Informer::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    std::chrono::milliseconds wait{0};
    try {
      if (version_.empty()) list_all();
      const auto began = std::chrono::steady_clock::now();
      watch_on(stop);
      if (std::chrono::steady_clock::now() - began < kShortestWatch) wait = backoff_.next();
    } catch (const ApiError& error) {
      if (error.is_expired()) {
        log_->info("{} are listed again: {}", kind_.text(), error.facts().why);
        version_.clear();
        client_.metrics().count("osartifact_relists_total",
                                fmt::format(R"(kind="{}")", kind_.kind));
      } else {
        log_->warn("{}", one_line(error));
      }
      wait = backoff_.next();
    } catch (const base::Error& error) {
      if (stop.stop_requested()) return;
      log_->warn("{}", one_line(error));
      wait = backoff_.next();
    }
    try {
      if (wait.count() > 0) base::sleep_unless_stopped(wait, stop);
    } catch (const base::Error&) {
      return;  // Stopped.
    }
  }
}

void Informer::list_all() {
  auto list = client_.list(kind_, options_.selection);
  std::set<ObjectName> gone;
  {
    const std::scoped_lock lock(mutex_);
    for (const auto& [name, object] : objects_) gone.insert(gone.end(), name);
  }
  for (auto& item : list.items) {
    gone.erase(name_of(item));
    put(std::move(item));
  }
  for (const auto& name : gone) drop(name);
  version_ = list.resource_version;
  const std::scoped_lock lock(mutex_);
  synced_ = true;
  synced_changed_.notify_all();
}

void Informer::watch_on(const std::stop_token& stop) {
  client_.watch(
      kind_, options_.selection, version_, [this](WatchEvent event) { take(std::move(event)); },
      stop);
}

void Informer::take(WatchEvent event) {
  auto version = version_of(event.object);
  backoff_.reset();
  switch (event.type) {
    case WatchEvent::Type::kAdded:
    case WatchEvent::Type::kModified:
      put(std::move(event.object));
      break;
    case WatchEvent::Type::kDeleted:
      drop(name_of(event.object));
      break;
    case WatchEvent::Type::kBookmark:
      break;
  }
  version_ = std::move(version);
}

void Informer::put(Object object) {
  if (const auto metadata = object.find("metadata"); metadata != object.end()) {
    metadata->erase("managedFields");
  }
  if (options_.trim) options_.trim(object);
  const auto name = name_of(object);
  const auto after = std::make_shared<const Object>(std::move(object));
  Shared before;
  {
    const std::scoped_lock lock(mutex_);
    auto& kept = objects_[name];
    before = std::exchange(kept, after);
    if (options_.index) {
      if (before) by_index_[options_.index(*before)].erase(name);
      by_index_[options_.index(*after)].insert(name);
    }
  }
  // A list after a lost watch tells again of what has not changed.
  if (before && version_of(*before) == version_of(*after)) return;
  tell(before, after);
}

void Informer::drop(const ObjectName& name) {
  Shared before;
  {
    const std::scoped_lock lock(mutex_);
    const auto found = objects_.find(name);
    if (found == objects_.end()) return;
    before = found->second;
    objects_.erase(found);
    if (options_.index) {
      const auto entry = by_index_.find(options_.index(*before));
      entry->second.erase(name);
      if (entry->second.empty()) by_index_.erase(entry);
    }
  }
  tell(before, nullptr);
}

void Informer::tell(const Shared& before, const Shared& after) {
  for (const auto& handler : handlers_) handler(before, after);
}

bool Informer::wait_until_synced(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  return synced_changed_.wait(lock, stop, [this] { return synced_.load(); });
}

Informer::Shared Informer::find(const ObjectName& name) const {
  const std::scoped_lock lock(mutex_);
  const auto found = objects_.find(name);
  return found == objects_.end() ? nullptr : found->second;
}

std::vector<Informer::Shared> Informer::find_by(const std::string& index) const {
  std::vector<Shared> found;
  const std::scoped_lock lock(mutex_);
  const auto entry = by_index_.find(index);
  if (entry == by_index_.end()) return found;
  for (const auto& name : entry->second) found.push_back(objects_.at(name));
  return found;
}

std::vector<Informer::Shared> Informer::all() const {
  std::vector<Shared> objects;
  const std::scoped_lock lock(mutex_);
  for (const auto& [name, object] : objects_) objects.push_back(object);
  return objects;
}

std::size_t Informer::size() const {
  const std::scoped_lock lock(mutex_);
  return objects_.size();
}

}  // namespace orchestrator::kubernetes
