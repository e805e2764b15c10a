// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/session.hpp"

#include <fmt/format.h>
#include <spdlog/sinks/base_sink.h>

#include <algorithm>
#include <charconv>
#include <mutex>

#include "auth/keychain.hpp"
#include "base/resource_limits.hpp"
#include "base/user_namespace.hpp"
#include "oci/container_runtimes.hpp"
#include "oci/mirrored_registry.hpp"
#include "oci/registries_conf.hpp"
#include "oci/registry_client.hpp"
#include "oci/verified_registry.hpp"
#include "orchestrator/display.hpp"
#include "orchestrator/journal_display.hpp"
#include "orchestrator/service_manager.hpp"

namespace orchestrator {
namespace {

constexpr const char* kContainersFolder = "/etc/containers";
/// Two layers on their way, with windows of zstd of 8 MiB and more, and what compresses others.
constexpr std::uint64_t kMemoryPerJob = 128ULL << 20U;

/// A mirror has others behind it: it is not waited for as long as the registry.
oci::RegistryClientOptions mirror_options() {
  oci::RegistryClientOptions options;
  options.retry.tries = 2;
  options.retry.unreachable_tries = 1;
  options.retry.longest_wait = std::chrono::seconds(2);
  options.longest_stall = std::chrono::seconds(15);
  return options;
}

/// Passes on what the libraries log as events, so that nothing writes over the progress bars.
class EventLogSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit EventLogSink(EventSink& events) : events_(events) {}

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    events_.take(
        {.kind = message.level >= spdlog::level::warn ? EventKind::kWarning : EventKind::kFact,
         .artifact = "",
         .stage = "",
         .text = std::string(message.payload.data(), message.payload.size()),
         .done = 0,
         .total = 0,
         .elapsed = {}});
  }
  void flush_() override {}

 private:
  EventSink& events_;
};

/// Lets through what `--log-level` asks for; failures always pass.
class LevelFilter final : public EventSink {
 public:
  LevelFilter(std::unique_ptr<EventSink> next, const std::string& level)
      : next_(std::move(next)),
        warnings_(level != "error"),
        facts_(warnings_ && level != "warning") {}

  void take(const Event& event) override {
    const bool failed = event.kind == EventKind::kFailed;
    const bool warning = event.kind == EventKind::kWarning;
    if (failed || (warning && warnings_) || facts_) next_->take(event);
  }

 private:
  std::unique_ptr<EventSink> next_;
  bool warnings_;
  bool facts_;
};

ProgressMode progress_mode(const CommonOptions& options) {
  if (options.log_format == "json" || options.progress == "json") return ProgressMode::kJson;
  if (options.progress == "tty") return ProgressMode::kTty;
  if (options.progress == "plain") return ProgressMode::kPlain;
  return automatic_progress_mode();
}

/// The journal gets fields where it would get plain lines.
std::unique_ptr<EventSink> display_for(const CommonOptions& options, Environment& environment) {
  const auto mode = progress_mode(options);
  if (mode == ProgressMode::kPlain) {
    auto journal = make_journal_display(base::value_of(environment.variables, "JOURNAL_STREAM"));
    if (journal) return journal;
  }
  return make_display(mode, environment.err, colours_wanted());
}

}  // namespace

Session::Session(const CommonOptions& options, Environment& environment, std::stop_token stop,
                 bool may_mount)
    : options_(options),
      environment_(environment),
      stop_(std::move(stop)),
      may_mount_(may_mount),
      events_(tell_service_manager(
          std::make_unique<LevelFilter>(display_for(options, environment), options.log_level),
          environment.variables)) {
  auto sink = std::make_shared<EventLogSink>(*events_);
  log_ = std::make_shared<spdlog::logger>("osartifact", std::move(sink));
  log_->set_level(options.log_level == "debug" ? spdlog::level::debug : spdlog::level::info);
  if (options.offline && !options.verify_keys.empty()) {
    throw base::Error({.code = base::ErrorCode::kUsage,
                       .what = "--verify-key does not go with --offline",
                       .why = "the registry has the signatures",
                       .hint = "leave one of them out"});
  }
}

unsigned Session::jobs() const {
  if (options_.jobs != 0) return options_.jobs;
  const auto limits = base::resource_limits();
  if (limits.memory_bytes == 0) return limits.processors;
  const auto fit = std::max<std::uint64_t>(limits.memory_bytes / kMemoryPerJob, 1);
  return static_cast<unsigned>(std::min<std::uint64_t>(limits.processors, fit));
}

oci::LayerFormat Session::layer_format() const {
  return options().compression == "zstd" ? oci::LayerFormat::kZstd : oci::LayerFormat::kGzip;
}

oci::LayerOptions Session::layer_options() const {
  return {.keep_owners = base::possible_owners() != base::Owners::kNone,
          .skip_devices = options_.no_devices};
}

oci::Store& Session::store() {
  if (!store_) store_ = std::make_unique<oci::Store>(std::filesystem::absolute(options_.store));
  return *store_;
}

std::shared_ptr<auth::Keychain> Session::keychain(std::vector<auth::SecretText> secrets) {
  auth::KeychainOptions options;
  options.credentials = options_.credentials;
  options.secrets = std::move(secrets);
  options.environment = environment_.variables;
  options.user_id = base::calling_user();
  options.processes = &process_;
  options.warn = [this](const std::string& text) { warn_once(text); };
  return std::make_shared<auth::Keychain>(auth::default_sources(options));
}

oci::SessionContext Session::registry_context(std::shared_ptr<auth::Keychain> keychain,
                                              const std::set<std::string>& insecure,
                                              const std::vector<std::filesystem::path>& ca_dirs,
                                              const base::Environment& proxies) {
  base::HttpClientOptions options;
  options.user_agent = fmt::format("osartifact/{}", OSARTIFACT_VERSION);
  options.trust = tls_trust(insecure, ca_dirs);
  auto variables = environment_.variables;
  for (const auto& [name, value] : proxies) variables.insert_or_assign(name, value);
  options.proxy = base::ProxySettings(variables);
  auto http = std::make_shared<base::HttpClient>(std::move(options));
  const base::RetryPolicy retry;
  return {.http = http,
          .keychain = std::move(keychain),
          .tokens = std::make_shared<auth::TokenServer>(*http, retry),
          .log = log_,
          .retry = retry,
          .longest_stall = std::nullopt};
}

std::shared_ptr<oci::Registry> Session::registry(
    std::vector<auth::SecretText> secrets, const std::set<std::string>& insecure,
    const std::vector<std::filesystem::path>& ca_dirs) {
  return access({.secrets = std::move(secrets),
                 .insecure = insecure,
                 .ca_dirs = ca_dirs,
                 .proxies = {}})
      .registry;
}

Session::Access Session::access(const AccessWish& wish) {
  const auto context =
      registry_context(keychain(wish.secrets), wish.insecure, wish.ca_dirs, wish.proxies);
  std::shared_ptr<oci::Registry> registry =
      oci::make_registry_client({}, context.keychain, context.http, context.log);
  if (!registry_rules().empty()) {
    registry = oci::make_mirrored_registry(
        registry_rules(), registry,
        oci::make_registry_client(mirror_options(), context.keychain, context.http, context.log),
        context.log);
  }
  if (wish.verify && !options_.verify_keys.empty()) {
    std::vector<oci::SigningKey> keys;
    for (const auto& file : options_.verify_keys) {
      keys.push_back(oci::SigningKey::read_public(file));
    }
    registry = oci::make_verified_registry(std::move(registry), std::move(keys));
  }
  return {.registry = std::move(registry),
          .keychain = context.keychain,
          .context = context,
          .trust = tls_trust(wish.insecure, wish.ca_dirs)};
}

base::TlsTrustOptions Session::tls_trust(const std::set<std::string>& insecure,
                                         const std::vector<std::filesystem::path>& ca_dirs) {
  base::TlsTrustOptions trust;
  trust.add_environment(environment_.variables);
  trust.ca_dirs = ca_dirs;
  if (!options_.ca_dir.empty()) trust.ca_dirs.push_back(options_.ca_dir);
  trust.insecure_hosts.insert(options_.insecure_registries.begin(),
                              options_.insecure_registries.end());
  trust.insecure_hosts.insert(insecure.begin(), insecure.end());
  registry_rules().add_trust(trust);
  return trust;
}

const oci::RegistryRules& Session::registry_rules() {
  if (rules_) return *rules_;
  auto conf = oci::read_registries_conf(
      oci::find_registries_conf(environment_.variables, kContainersFolder));
  for (const auto& text : conf.warnings) warn_once(text);
  constexpr std::string_view kBetween = ", \t\n";
  for (const std::string_view flags : options_.registry_mirrors) {
    for (auto start = flags.find_first_not_of(kBetween); start != std::string_view::npos;) {
      const auto end = std::min(flags.find_first_of(kBetween, start), flags.size());
      oci::add_mirror_flag(flags.substr(start, end - start), conf.rules);
      start = flags.find_first_not_of(kBetween, end);
    }
  }
  return rules_.emplace(std::move(conf.rules));
}

std::vector<oci::PullPlace> Session::places_for(const oci::Reference& reference) {
  return registry_rules().places_for(reference, reference.digest.has_value());
}

std::unique_ptr<oci::ContainerRunner> Session::make_container_runner() {
  const std::scoped_lock lock(mutex_);
  if (!scratch_) scratch_ = store().make_temp_dir("runtime");
  return oci::choose_runtime({.runtime = oci::parse_runtime(options_.runtime),
                              .scratch = scratch_->path(),
                              .may_mount = may_mount_},
                             process_);
}

std::optional<std::int64_t> Session::source_date_epoch() const {
  const auto text = base::value_of(environment_.variables, "SOURCE_DATE_EPOCH");
  if (text.empty()) return std::nullopt;
  std::int64_t value = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (status == std::errc() && end == text.data() + text.size() && value >= 0) return value;
  throw base::Error({.code = base::ErrorCode::kUsage,
                     .what = fmt::format("SOURCE_DATE_EPOCH is '{}'", text),
                     .why = "it is not a number of seconds since 1970",
                     .hint = "set it with: export SOURCE_DATE_EPOCH=$(date +%s)"});
}

std::shared_ptr<const oci::SigningKey> Session::signing_key() {
  if (!signing_key_ && !options_.sign_key.empty()) {
    signing_key_ =
        std::make_shared<const oci::SigningKey>(oci::SigningKey::read_private(options_.sign_key));
  }
  return signing_key_;
}

void Session::warn(const std::string& text) { log_->warn("{}", text); }

void Session::warn_once(const std::string& text) {
  const std::scoped_lock lock(mutex_);
  if (warned_.insert(text).second) log_->warn("{}", text);
}

}  // namespace orchestrator
