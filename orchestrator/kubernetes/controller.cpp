// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/kubernetes/controller.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <thread>

namespace orchestrator::kubernetes {

Informer& Controller::add_informer(const ResourceKind& kind, Informer::Options options) {
  informers_.push_back(
      std::make_unique<Informer>(context_.client, kind, std::move(options), context_.log));
  return *informers_.back();
}

Selection Controller::everything(std::string label_selector) const {
  return {.space = context_.space, .label_selector = std::move(label_selector)};
}

bool Controller::is_synced() const {
  return std::all_of(informers_.begin(), informers_.end(),
                     [](const auto& informer) { return informer->is_synced(); });
}

void Controller::run(const std::stop_token& stop) {
  for (const auto& informer : informers_) informer->start();
  bool synced = true;
  for (const auto& informer : informers_) synced = synced && informer->wait_until_synced(stop);
  if (synced) {
    context_.log->info("{}: working with {} workers", name(), context_.workers);
    std::vector<std::jthread> workers;
    for (unsigned i = 0; i < context_.workers; ++i) {
      workers.emplace_back([this, &stop] { work(stop); });
    }
  }
  for (const auto& informer : informers_) informer->stop();
}

void Controller::work(const std::stop_token& stop) {
  while (const auto object = queue_.take(stop)) {
    handle(*object);
    queue_.done(*object);
    context_.client.metrics().set("osartifact_queue_depth", static_cast<double>(queue_.size()),
                                  fmt::format(R"(controller="{}")", name()));
  }
}

void Controller::handle(const ObjectName& object) {
  const auto count = [this](const char* result) {
    context_.client.metrics().count("osartifact_reconciles_total",
                                    fmt::format(R"(controller="{}",result="{}")", name(), result));
  };
  try {
    const auto again = reconcile(object);
    queue_.forget(object);
    if (again) queue_.add_after(object, *again);
    count("done");
  } catch (const ApiError& error) {
    // Somebody was faster; what they did is on its way to us.
    const bool usual = error.is_conflict() || error.is_not_found();
    context_.log->log(usual ? spdlog::level::debug : spdlog::level::warn, "{} {}: {}: {}", name(),
                      object.text(), error.facts().what, error.facts().why);
    queue_.add_failed(object);
    count(usual ? "conflict" : "failed");
  } catch (const base::Error& error) {
    if (error.code() != base::ErrorCode::kInterrupted) {
      context_.log->warn("{} {}: {}: {}", name(), object.text(), error.facts().what,
                         error.facts().why);
    }
    queue_.add_failed(object);
    count("failed");
  } catch (const std::exception& error) {
    context_.log->error("{} {}: a bug: {}", name(), object.text(), error.what());
    queue_.add_failed(object);
    count("failed");
  }
}

}  // namespace orchestrator::kubernetes
