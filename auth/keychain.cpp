// SPDX-License-Identifier: Apache-2.0
#include "auth/keychain.hpp"

#include <fmt/format.h>

#include <array>

#include "base/error.hpp"

namespace auth {
namespace {

namespace fs = std::filesystem;
using Sources = std::vector<std::unique_ptr<CredentialSource>>;

/// What every file source is made with.
struct Making {
  std::shared_ptr<const CredentialHelper> helper;
  std::function<void(const std::string&)> warn;
  uid_t user_id;

  [[nodiscard]] std::optional<base::Secret> read(const fs::path& file, bool required) const {
    auto text = read_credentials(file, required);
    if (!text || !warn) return text;
    if (const auto exposure = exposure_of(file, user_id)) warn(*exposure);
    return text;
  }
};

/// What helpers of clouds and of password stores need to see.
std::vector<std::string> helper_environment(const base::Environment& environment) {
  constexpr std::array<std::string_view, 9> kPrefixes = {"HOME=",   "XDG_",         "AWS_",
                                                         "GOOGLE_", "CLOUDSDK_",    "AZURE_",
                                                         "GNUPG",   "HTTPS_PROXY=", "NO_PROXY="};
  std::vector<std::string> result;
  for (const auto& [name, value] : environment) {
    const auto line = name + "=" + value;
    for (const auto prefix : kPrefixes) {
      if (line.starts_with(prefix)) result.push_back(line);
    }
  }
  return result;
}

std::unique_ptr<CredentialSource> file_source(const fs::path& file, const Making& making,
                                              bool required, bool ends_search = false) {
  return std::make_unique<ConfigSource>(ConfigSource::Options{
      .name = file.string(),
      .read = [file, making, required] { return making.read(file, required); },
      .ends_search = ends_search,
      .form = DockerConfig::Form::kFile,
      .helper = making.helper});
}

[[noreturn]] void refuse_path(const fs::path& path, std::string why) {
  throw base::Error({.code = base::ErrorCode::kUsage,
                     .what = fmt::format("cannot take credentials from {}", path.string()),
                     .why = std::move(why),
                     .hint = "name a docker config.json or a folder that holds one"});
}

void add_named(const fs::path& path, const Making& making, Sources& sources) {
  std::error_code error;
  const auto status = fs::status(path, error);
  if (status.type() == fs::file_type::not_found) refuse_path(path, "there is no such file");
  if (error) refuse_path(path, error.message());
  if (!fs::is_directory(status)) {
    sources.push_back(file_source(path, making, true));
    return;
  }
  const auto files = credential_files_in(path);
  if (files.empty()) refuse_path(path, "it holds no config.json, .dockerconfigjson or .dockercfg");
  for (const auto& file : files) sources.push_back(file_source(file, making, true));
}

/// Helpers are not run for a Secret's text: it comes from whoever wrote the manifest.
void add_secrets(const KeychainOptions& options, Sources& sources) {
  Sources parts;
  for (const auto& secret : options.secrets) {
    parts.push_back(
        std::make_unique<ConfigSource>(ConfigSource::Options{.name = secret.origin,
                                                             .read = secret.read,
                                                             .ends_search = false,
                                                             .form = DockerConfig::Form::kFile,
                                                             .helper = nullptr}));
  }
  if (!parts.empty()) sources.push_back(std::make_unique<CombinedSource>(std::move(parts)));
}

/// DOCKER_AUTH_CONFIG, for CI systems that have no file. Children never see it: they get a fixed
/// environment.
void add_variable(const std::string& text, Sources& sources) {
  if (text.empty()) return;
  sources.push_back(std::make_unique<ConfigSource>(
      ConfigSource::Options{.name = "DOCKER_AUTH_CONFIG",
                            .read = [secret = base::Secret(text)] { return std::optional(secret); },
                            .ends_search = false,
                            .form = DockerConfig::Form::kVariable,
                            .helper = nullptr}));
}

/// $DOCKER_CONFIG is a folder; the operator mounts a Secret there, under its own key or as
/// config.json.
void add_docker_folder(const fs::path& folder, const Making& making, Sources& sources) {
  std::error_code error;
  if (fs::is_regular_file(folder, error)) {
    refuse_path(folder, "DOCKER_CONFIG is a file; it must be the folder that holds config.json");
  }
  auto files = credential_files_in(folder);
  if (files.empty()) files.push_back(folder / "config.json");
  for (const auto& file : files) sources.push_back(file_source(file, making, false));
}

void add_home(const KeychainOptions& options, const Making& making, Sources& sources) {
  const auto& environment = options.environment;
  const auto optional_file = [&](const fs::path& file) {
    sources.push_back(file_source(file, making, false));
  };
  const fs::path home = base::value_of(environment, "HOME");
  const fs::path runtime = base::value_of(environment, "XDG_RUNTIME_DIR");
  const fs::path config = base::value_of(environment, "XDG_CONFIG_HOME");
  const fs::path fallback = fmt::format("/run/containers/{}", options.user_id);
  optional_file((runtime.empty() ? fallback : runtime / "containers") / "auth.json");
  if (!config.empty()) optional_file(config / "containers/auth.json");
  if (home.empty()) return;
  if (config.empty()) optional_file(home / ".config/containers/auth.json");
  optional_file(home / ".docker/config.json");
  optional_file(home / ".dockercfg");
}

}  // namespace

std::vector<Credential> Keychain::candidates(std::string_view registry,
                                             std::string_view repository) {
  for (const auto& source : sources_) {
    auto found = source->find(registry, repository);
    if (!found.empty() || source->ends_search()) return found;
  }
  return {};
}

std::vector<SourceAnswer> Keychain::trace(std::string_view registry, std::string_view repository) {
  std::vector<SourceAnswer> answers;
  bool ended = false;
  for (const auto& source : sources_) {
    SourceAnswer answer{.source = source->name(), .asked = !ended, .exists = false, .matches = 0};
    if (answer.asked) {
      answer.matches = source->find(registry, repository).size();
      answer.exists = source->exists();
      ended = answer.matches != 0 || source->ends_search();
    }
    answers.push_back(std::move(answer));
  }
  return answers;
}

void Keychain::refresh() {
  for (const auto& source : sources_) source->refresh();
}

std::vector<std::string> Keychain::source_names() const {
  std::vector<std::string> names;
  for (const auto& source : sources_) names.push_back(source->name());
  return names;
}

Sources default_sources(const KeychainOptions& options) {
  Sources sources;
  Making making{.helper = nullptr, .warn = options.warn, .user_id = options.user_id};
  if (options.processes != nullptr) {
    making.helper = std::make_shared<const CredentialHelper>(
        *options.processes, helper_environment(options.environment));
  }
  for (const auto& path : options.credentials) add_named(path, making, sources);
  add_secrets(options, sources);
  const auto value = [&](const char* name) { return base::value_of(options.environment, name); };
  if (const fs::path folder = value("CREDENTIALS_DIRECTORY"); !folder.empty()) {
    sources.push_back(file_source(folder / "config.json", making, false));
  }
  add_variable(value("DOCKER_AUTH_CONFIG"), sources);
  if (const fs::path folder = value("DOCKER_CONFIG"); !folder.empty()) {
    add_docker_folder(folder, making, sources);
  }
  if (const fs::path file = value("REGISTRY_AUTH_FILE"); !file.empty()) {
    sources.push_back(file_source(file, making, true, true));
    return sources;
  }
  add_home(options, making, sources);
  return sources;
}

}  // namespace auth
