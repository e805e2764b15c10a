// SPDX-License-Identifier: Apache-2.0
#include "stages/dockerfile/copy_selection.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <stdexcept>

#include "base/error.hpp"
#include "base/files.hpp"
#include "oci/folder_entries.hpp"
#include "stages/dockerfile/archive_source.hpp"
#include "stages/stage.hpp"

namespace stages::dockerfile {
namespace {

std::string below(const std::string& folder, const std::string& name) {
  return folder.empty() ? name : folder + "/" + name;
}

[[noreturn]] void fail(const std::string& path) {
  base::throw_system_error(errno, fmt::format("cannot read {}", path));
}

std::string path_of_descriptor(int fd) {
  std::array<char, PATH_MAX> path{};
  const auto length =
      ::readlink(fmt::format("/proc/self/fd/{}", fd).c_str(), path.data(), path.size() - 1);
  return {path.data(), static_cast<std::size_t>(std::max<ssize_t>(length, 0))};
}

IgnorePatterns patterns_of(const std::vector<std::string>& patterns, std::string_view what) {
  try {
    return IgnorePatterns(patterns);
  } catch (const base::Error& error) {
    throw base::Error({.code = base::ErrorCode::kManifest,
                       .what = fmt::format("{}: {}", what, error.facts().what),
                       .why = "",
                       .hint = error.facts().hint});
  }
}

}  // namespace

/// Where a walk is, seen from the source root and from what is copied.
struct CopySelection::Position {
  std::string source;
  std::string target{};
  IgnorePatterns::Matched ignored{};
  IgnorePatterns::Matched excluded{};
  IgnorePatterns::Matched included{};
};

struct CopySelection::Walk {
  SelectedSource& result;
  const IgnorePatterns* include = nullptr;  ///< None: everything.
  /// Folders on the way that are copied only for what is in them.
  std::vector<SelectedFile> pending;
};

CopySelection::CopySelection(const CopyRequest& request, std::stop_token stop)
    : request_(request),
      stop_(std::move(stop)),
      ignore_(patterns_of(request.ignore, "the ignore file")),
      exclude_(patterns_of(request.exclude, "--exclude")),
      root_fd_(::open(request.source_root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)),
      root_path_(root_fd_ ? path_of_descriptor(root_fd_.get()) : ""),
      rooted_(root_fd_.get(), request.source_root.string()) {
  if (!root_fd_) fail(request.source_root.string());
}

void CopySelection::not_found(const std::string& source, bool ignored) const {
  throw base::Error({.code = base::ErrorCode::kBuildStep,
                     .what = fmt::format("\"/{}\": not found", oci::join(oci::clean_path(source))),
                     .why = ignored ? "the ignore file leaves it out" : "",
                     .hint = ignored                ? "take it back with a line !PATTERN"
                             : request_.keep_owners ? ""
                                                    : "paths are relative to the build context"});
}

/// Whether the patterns hide a path of the source root that exists.
bool CopySelection::is_left_out(const std::string& path, bool is_folder) const {
  if (ignore_.empty() || path.empty()) return false;
  return ignore_.matches(path) && !(is_folder && ignore_.has_exceptions());
}

std::string CopySelection::real_path(int fd, const std::string& asked) const {
  const auto path = path_of_descriptor(fd);
  if (path == root_path_) return {};
  const auto prefix = root_path_ == "/" ? root_path_ : root_path_ + "/";
  if (path.starts_with(prefix)) return path.substr(prefix.size());
  not_found(asked, false);  // Moved away meanwhile.
}

std::vector<SelectedSource> CopySelection::find(const std::string& source) {
  if (request_.parents) return find_parents(source);
  const auto names = oci::clean_path(source);
  const bool is_pattern = has_wildcards(oci::join(names));
  std::vector<SelectedSource> found;
  const auto paths = is_pattern ? expand_wildcards(names) : std::vector{oci::join(names)};
  for (const auto& path : paths) {
    if (auto one = open_source(path, source)) found.push_back(std::move(*one));
  }
  return found;
}

std::vector<std::string> CopySelection::expand_wildcards(const oci::PathNames& names) {
  const auto first = static_cast<std::size_t>(
      std::find_if(names.begin(), names.end(), &has_wildcards) - names.begin());
  const auto base = oci::join({names.begin(), names.begin() + static_cast<std::ptrdiff_t>(first)});
  const auto folder = rooted_.try_open(base.empty() ? "." : base, O_PATH | O_DIRECTORY);
  if (!folder) not_found(base, false);
  std::vector<std::string> found;
  match_below(real_path(folder.get(), base), names, first, found);
  return found;
}

void CopySelection::match_below(const std::string& base, const oci::PathNames& patterns,
                                std::size_t at, std::vector<std::string>& found) {
  check_stop(stop_);
  const auto folder = rooted_.try_open(base.empty() ? "." : base, O_RDONLY | O_DIRECTORY);
  if (!folder) fail(base);
  const auto pattern = PathPattern::go_match(patterns[at]);
  const bool is_last = at + 1 == patterns.size();
  for (const auto& name : oci::names_in(folder.get(), base)) {
    if (!pattern.matches(name)) continue;
    struct stat status {};
    if (::fstatat(folder.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) fail(name);
    const auto path = below(base, name);
    if (is_last) {
      if (!is_left_out(path, S_ISDIR(status.st_mode)) && !exclude_.matches(name)) {
        found.push_back(path);
      }
    } else if (S_ISDIR(status.st_mode)) {
      match_below(path, patterns, at + 1, found);
    }
  }
}

/// What the patterns say of the folders above counts for what is in `folder`.
CopySelection::Position CopySelection::start_at(const std::string& folder) const {
  Position start{.source = folder};
  for (std::size_t end = 0; !folder.empty() && end != std::string::npos;) {
    end = folder.find('/', end + 1);
    IgnorePatterns::Matched here;
    ignore_.matches(folder.substr(0, end), start.ignored, here);
    start.ignored = std::move(here);
  }
  return start;
}

/// The symlink that a source may be is followed; those in it are not.
std::optional<SelectedSource> CopySelection::open_source(const std::string& path,
                                                         const std::string& asked) {
  const auto entry = rooted_.try_open(path.empty() ? "." : path, O_PATH);
  if (!entry) {
    if (errno != ENOENT && errno != ENOTDIR && errno != ELOOP) fail(path);
    not_found(asked, false);
  }
  SelectedSource source;
  if (::fstat(entry.get(), &source.status) != 0) fail(path);
  const auto names = oci::clean_path(path);
  source.name = names.empty() ? "" : names.back();
  source.source = real_path(entry.get(), asked);
  source.is_folder = S_ISDIR(source.status.st_mode);
  if (is_left_out(path, source.is_folder) || is_left_out(source.source, source.is_folder)) {
    not_found(asked, true);
  }
  if (!source.is_folder && exclude_.matches(source.name)) return std::nullopt;
  Walk all{.result = source, .pending = {}};
  if (source.is_folder) {
    const auto folder =
        rooted_.try_open(source.source.empty() ? "." : source.source, O_RDONLY | O_DIRECTORY);
    if (!folder) fail(path);
    walk(all, folder.get(), start_at(source.source));
    return source;
  }
  if (!S_ISREG(source.status.st_mode) && !request_.keep_owners) {
    throw base::Error({.code = base::ErrorCode::kBuildStep,
                       .what = fmt::format("cannot copy \"/{}\"", source.source),
                       .why = "it is no file, folder or symlink",
                       .hint = "leave devices, pipes and sockets out of the build context"});
  }
  source.files.push_back(
      {.target = {}, .source = source.source, .status = source.status, .link = {}});
  if (request_.unpack && S_ISREG(source.status.st_mode)) {
    const auto file = rooted_.try_open(source.source, O_RDONLY | O_NONBLOCK);
    source.is_archive = file && is_archive(file.get());
  }
  return source;
}

/// `a/./b/*`: what the pattern after the pivot matches beneath what stands before it, with the
/// folders on the way.
std::vector<SelectedSource> CopySelection::find_parents(const std::string& source) {
  constexpr std::string_view kPivot = "/./";
  const auto pivot = source.find(kPivot);
  const auto base = pivot == std::string::npos ? "" : source.substr(0, pivot);
  const auto rest = pivot == std::string::npos ? source : source.substr(pivot + kPivot.size());
  const auto pattern = oci::join(oci::clean_path(rest));
  const auto names = oci::clean_path(base);
  const bool base_is_pattern = has_wildcards(base);
  const auto bases = base_is_pattern ? expand_wildcards(names) : std::vector{oci::join(names)};
  const auto include = pattern.empty() ? IgnorePatterns({}) : patterns_of({pattern}, source);
  std::vector<SelectedSource> found;
  for (const auto& path : bases) {
    const auto folder = rooted_.try_open(path.empty() ? "." : path, O_RDONLY | O_DIRECTORY);
    if (!folder && base_is_pattern && errno == ENOTDIR) continue;  // A file holds nothing.
    if (!folder) not_found(source, false);
    SelectedSource one;
    one.is_folder = true;
    if (::fstat(folder.get(), &one.status) != 0) fail(path);
    one.source = real_path(folder.get(), source);
    Walk matching{.result = one, .include = pattern.empty() ? nullptr : &include, .pending = {}};
    walk(matching, folder.get(), start_at(one.source));
    const bool required = !base_is_pattern && !has_wildcards(pattern);
    if (one.files.empty() && required && !pattern.empty()) not_found(base + "/" + pattern, false);
    if (!one.files.empty()) found.push_back(std::move(one));
  }
  return found;
}

void CopySelection::walk(Walk& walk, int folder, const Position& position) {
  check_stop(stop_);
  for (const auto& name : oci::names_in(folder, position.source)) {
    walk_one(walk, folder, name, position);
  }
}

void CopySelection::walk_one(Walk& walk, int folder, const std::string& name,
                             const Position& position) {
  Position here{.source = below(position.source, name), .target = below(position.target, name)};
  const bool ignored = ignore_.matches(here.source, position.ignored, here.ignored);
  const bool excluded = exclude_.matches(here.target, position.excluded, here.excluded);
  const bool included = walk.include == nullptr ||
                        walk.include->matches(here.target, position.included, here.included);
  if ((ignored && !ignore_.has_exceptions()) || (excluded && !exclude_.has_exceptions())) return;

  SelectedFile file{.target = here.target, .source = here.source, .status = {}, .link = {}};
  if (::fstatat(folder, name.c_str(), &file.status, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return;  // Gone meanwhile.
    fail(here.source);
  }
  const bool is_folder = S_ISDIR(file.status.st_mode);
  const bool selected = !ignored && !excluded && included;
  if (!selected && !is_folder) return;
  if (S_ISLNK(file.status.st_mode)) {
    auto target = oci::link_target(folder, name);
    if (!target) fail(here.source);
    file.link = std::move(*target);
  } else if (!is_folder && !S_ISREG(file.status.st_mode) && !request_.keep_owners) {
    throw base::Error({.code = base::ErrorCode::kBuildStep,
                       .what = fmt::format("cannot copy \"/{}\"", here.source),
                       .why = "it is no file, folder or symlink",
                       .hint = "leave it out with a line in .dockerignore"});
  }
  walk.pending.push_back(std::move(file));
  if (selected) {
    auto& files = walk.result.files;
    files.insert(files.end(), std::make_move_iterator(walk.pending.begin()),
                 std::make_move_iterator(walk.pending.end()));
    walk.pending.clear();
  }
  if (!is_folder) return;
  const base::FileDescriptor inner(
      ::openat(folder, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!inner) fail(here.source);
  this->walk(walk, inner.get(), here);
  // Nothing in it was wanted.
  if (!walk.pending.empty()) walk.pending.pop_back();
}

}  // namespace stages::dockerfile
