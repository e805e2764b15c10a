// SPDX-License-Identifier: Apache-2.0
#include "stages/dockerfile/remote_files.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/url.hpp"
#include "stages/build_image_stage.hpp"
#include "stages/dockerfile/git_source.hpp"
#include "stages/dockerfile/url_source.hpp"
#include "stages/git_checkout.hpp"

namespace stages::dockerfile {
namespace {

constexpr const char* kNameless = "__unnamed__";  // Source: BuildKit, dockerfile2llb.
constexpr std::array<std::size_t, 2> kWholeCommits = {40, 64};

/// With what the flags of ADD say besides.
GitSource repository_of(const CopySource& source, const CopyArguments& arguments) {
  auto repository = parse_git_source(source.text);
  const auto& checksum = arguments.checksum;
  if (checksum.empty()) return repository;
  if (!repository.checksum.empty() && repository.checksum != checksum) {
    throw base::Error({.code = base::ErrorCode::kManifest,
                       .what = fmt::format("--checksum contradicts {}", shown_source(source)),
                       .why = fmt::format("{} and {}", checksum, repository.checksum),
                       .hint = "leave one of them out"});
  }
  if (checksum.find_first_not_of("0123456789abcdefABCDEF") != std::string::npos) {
    throw base::Error({.code = base::ErrorCode::kManifest,
                       .what = fmt::format("\"{}\" is no commit", checksum),
                       .why = "",
                       .hint = "the checksum of a git source is the hexadecimal name of its "
                               "commit"});
  }
  repository.checksum = checksum;
  return repository;
}

}  // namespace

std::optional<std::string> known_identity(const CopySource& source,
                                          const CopyArguments& arguments) {
  if (source.kind == CopySource::Kind::kUrl) {
    if (arguments.checksum.empty()) return std::nullopt;
    return arguments.checksum;
  }
  if (source.kind != CopySource::Kind::kGit) return std::nullopt;
  const auto checksum = repository_of(source, arguments).checksum;
  const bool whole =
      std::find(kWholeCommits.begin(), kWholeCommits.end(), checksum.size()) != kWholeCommits.end();
  return whole ? std::optional(checksum) : std::nullopt;
}

std::string shown_source(const CopySource& source) {
  const bool remote =
      source.kind == CopySource::Kind::kUrl || source.kind == CopySource::Kind::kGit;
  return remote && source.text.starts_with("http") ? base::redacted(source.text) : source.text;
}

RemoteFiles::Fetched RemoteFiles::fetch(const CopySource& source, const CopyArguments& arguments) {
  if (options_.http == nullptr) {
    throw base::Error({.code = base::ErrorCode::kNotFound,
                       .what = fmt::format("cannot add {}", shown_source(source)),
                       .why = "nothing may be fetched",
                       .hint = "build once with the network; with --checksum the result is kept"});
  }
  return source.kind == CopySource::Kind::kUrl ? fetch_file(source, arguments)
                                               : fetch_repository(source, arguments);
}

std::filesystem::path RemoteFiles::new_folder() {
  if (!folder_) folder_ = options_.context.store.make_temp_dir("remote");
  auto folder = folder_->path() / std::to_string(count_++);
  base::make_directories(folder);
  return folder;
}

RemoteFiles::Fetched RemoteFiles::fetch_file(const CopySource& source,
                                             const CopyArguments& arguments) {
  const auto folder = new_folder();
  auto name = file_name_of_url(source.text);
  if (name.empty()) name = kNameless;
  const auto digest =
      fetch_url(*options_.http, source.text, arguments.checksum, folder, name, options_.stop);
  options_.context.observer.fact(
      fmt::format("fetched {}, {}", shown_source(source), digest.text()));
  return {.root = folder, .source = "/" + name, .identity = digest.text()};
}

RemoteFiles::Fetched RemoteFiles::fetch_repository(const CopySource& source,
                                                   const CopyArguments& arguments) {
  const auto repository = repository_of(source, arguments);
  const bool keep = arguments.keep_git_dir.value_or(repository.keep_git_dir.value_or(false));
  std::vector<std::string> environment;
  for (const auto& [name, value] : options_.build.build_args) {
    if (is_proxy_argument(name)) environment.push_back(fmt::format("{}={}", name, value));
  }
  if (const auto agent = options_.build.ssh.find("default"); agent != options_.build.ssh.end()) {
    environment.push_back("SSH_AUTH_SOCK=" + agent->second);
  }
  const auto scratch = new_folder();
  const auto folder = scratch / "checkout";
  auto commit = check_out(options_.context.process, repository,
                          {.folder = folder,
                           .scratch = scratch,
                           .keep_git_dir = keep,
                           .environment = std::move(environment),
                           .http = options_.http},
                          options_.stop);
  options_.context.observer.fact(
      fmt::format("fetched {}, commit {}", shown_source(source), commit));
  return {.root = folder, .source = "/" + repository.subdir, .identity = std::move(commit)};
}

}  // namespace stages::dockerfile
