// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/build_context.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <istream>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/url.hpp"
#include "oci/decompressor.hpp"
#include "stages/dockerfile/archive_source.hpp"
#include "stages/dockerfile/git_source.hpp"
#include "stages/dockerfile/ignore_patterns.hpp"
#include "stages/file_digest.hpp"
#include "stages/git_checkout.hpp"

namespace orchestrator {
namespace {

constexpr std::size_t kMaxDockerfileBytes = 4U << 20;
constexpr std::size_t kMaxConfigBytes = 1U << 20;
constexpr std::string_view kStandardInput = "(standard input)";
/// What a tar begins with: the magic of its header, or of gzip or zstd around it.
constexpr std::size_t kUstarOffset = 257;
constexpr std::size_t kHeaderBytes = 512;
constexpr std::array<const char*, 2> kCredentialFiles = {".docker/config.json", ".dockercfg"};

[[noreturn]] void fail(std::string what, std::string why, std::string hint) {
  throw base::Error({.code = base::ErrorCode::kUsage,
                     .what = std::move(what),
                     .why = std::move(why),
                     .hint = std::move(hint)});
}

/// Standard input as a source of bytes, the first of which may be looked at.
class StreamSource final : public oci::ByteSource {
 public:
  explicit StreamSource(std::istream& in) : in_(in) {}

  std::size_t read(std::span<std::byte> buffer) override {
    if (at_ < start_.size()) {
      const auto count = std::min(buffer.size(), start_.size() - at_);
      std::copy_n(start_.begin() + static_cast<std::ptrdiff_t>(at_), count,
                  reinterpret_cast<char*>(buffer.data()));
      at_ += count;
      return count;
    }
    in_.read(reinterpret_cast<char*>(buffer.data()), static_cast<std::streamsize>(buffer.size()));
    return static_cast<std::size_t>(in_.gcount());
  }

  const std::string& start() {
    start_.resize(kHeaderBytes);
    in_.read(start_.data(), static_cast<std::streamsize>(start_.size()));
    start_.resize(static_cast<std::size_t>(in_.gcount()));
    return start_;
  }

 private:
  std::istream& in_;
  std::string start_;
  std::size_t at_ = 0;
};

bool is_tar(std::string_view start) {
  const auto packing = oci::detect_compression(std::as_bytes(std::span(start)));
  const bool plain = start.size() > kUstarOffset && start.substr(kUstarOffset).starts_with("ustar");
  return plain || packing != oci::Compression::kNone;
}

std::string read_rest(oci::ByteSource& source) {
  std::string text(kMaxDockerfileBytes + 1, '\0');
  text.resize(oci::read_fully(source, std::as_writable_bytes(std::span(text))));
  if (text.size() <= kMaxDockerfileBytes) return text;
  fail("the Dockerfile on standard input is too large", "it has more than 4 MiB", "");
}

class Opener {
 public:
  Opener(Session& session, const std::string& file) : session_(session), file_(file) {}

  BuildContext open(const std::string& context) {
    if (context == "-") {
      open_standard_input();
    } else if (stages::dockerfile::is_git_source(context)) {
      open_git(context);
    } else {
      open_folder(context);
    }
    if (context_.dockerfile_name.empty()) read_dockerfile();
    return std::move(context_);
  }

 private:
  void open_standard_input() {
    if (file_ == "-") fail("standard input cannot be both", "CONTEXT and -f are -", "");
    StreamSource source(session_.environment().in);
    if (is_tar(source.start())) return unpack(source);
    if (!file_.empty()) {
      fail("standard input holds no tar", "with -f it is taken for the context",
           "leave -f out if it is the Dockerfile itself");
    }
    context_.dockerfile = read_rest(source);
    context_.dockerfile_name = kStandardInput;
  }

  void unpack(oci::ByteSource& source) {
    make_folder();
    oci::Decompressor tar(source, std::string(kStandardInput));
    stages::dockerfile::unpack_context(
        tar, std::string(kStandardInput), context_.folder,
        [this](const std::string& text) { session_.warn(text); }, session_.stop());
    context_.digest = stages::digest_of_folder(context_.folder).text();
  }

  void open_git(const std::string& text) {
    make_folder();
    const auto source = stages::dockerfile::parse_git_source(text);
    const auto checkout = context_.folder;
    const auto http = session_.access({}).context.http;
    const auto commit = stages::check_out(session_.process(), source,
                                          {.folder = checkout,
                                           .scratch = context_.made->path(),
                                           .keep_git_dir = source.keep_git_dir.value_or(false),
                                           .environment = {},
                                           .http = http.get()},
                                          session_.stop());
    context_.folder = checkout / source.subdir;
    std::error_code error;
    if (!std::filesystem::is_directory(context_.folder, error)) {
      fail(fmt::format("{} has no folder {}", base::redacted(source.remote), source.subdir), "",
           "");
    }
    context_.digest = fmt::format("git {}:{}", commit, source.subdir);
  }

  void open_folder(const std::string& context) {
    std::error_code error;
    if (!std::filesystem::is_directory(context, error)) {
      fail(fmt::format("{} cannot be the context", context), "it is not a folder here",
           "name a folder, - for a tar on standard input, or the URL of a git repository");
    }
    context_.folder = std::filesystem::canonical(context);
    context_.digest = stages::digest_of_metadata(context_.folder).text();
  }

  void make_folder() {
    context_.made = session_.store().make_temp_dir("context");
    context_.folder = context_.made->path() / "files";
    base::make_directories(context_.folder);
  }

  void read_dockerfile() {
    if (file_ == "-") {
      StreamSource source(session_.environment().in);
      context_.dockerfile = read_rest(source);
      context_.dockerfile_name = kStandardInput;
      return;
    }
    const auto path = find_dockerfile();
    context_.dockerfile = base::read_file(path, kMaxDockerfileBytes);
    context_.dockerfile_path = path;
    context_.dockerfile_name = file_.empty() ? path.filename().string() : file_;
  }

  std::filesystem::path find_dockerfile() const {
    std::error_code error;
    std::vector<std::filesystem::path> places;
    if (file_.empty()) {
      places = {context_.folder / "Dockerfile", context_.folder / "Containerfile"};
    } else {
      // Of a context from elsewhere, only what came with it.
      if (!context_.made) places.emplace_back(file_);
      places.push_back(context_.folder / file_);
    }
    for (const auto& place : places) {
      if (!std::filesystem::is_regular_file(place, error)) continue;
      if (!context_.made || is_inside(place)) return place;
    }
    fail(fmt::format("there is no {} in the context", file_.empty() ? "Dockerfile" : file_), "",
         "name it with -f FILE");
  }

  /// A link in a context from elsewhere could name any file of the host.
  bool is_inside(const std::filesystem::path& file) const {
    const auto real = std::filesystem::canonical(file).lexically_relative(
        std::filesystem::canonical(context_.folder));
    return !real.empty() && *real.begin() != "..";
  }

  Session& session_;
  const std::string& file_;
  BuildContext context_;
};

}  // namespace

BuildContext open_build_context(Session& session, const std::string& context,
                                const std::string& file) {
  return Opener(session, file).open(context);
}

std::vector<std::string> ignore_lines(const std::filesystem::path& folder,
                                      const std::filesystem::path& dockerfile) {
  if (folder.empty()) return {};
  std::vector<std::string> lines(kCredentialFiles.begin(), kCredentialFiles.end());
  const auto own = stages::dockerfile::find_ignore_lines(folder, dockerfile);
  lines.insert(lines.end(), own.begin(), own.end());
  return lines;
}

void warn_of_credentials(Session& session, const std::filesystem::path& folder) {
  if (folder.empty()) return;
  for (const auto* name : kCredentialFiles) {
    std::error_code error;
    if (!std::filesystem::exists(folder / name, error)) continue;
    session.warn(
        fmt::format("the build context holds {}: it is left out unless an ignore file "
                    "lets it in with !{}",
                    name, name));
  }
  const auto text = base::read_file_if_exists(folder / "config.json", kMaxConfigBytes);
  if (text && text->find("\"auths\"") != std::string::npos) {
    session.warn(
        "the build context holds a config.json with registry credentials: a COPY can take it into "
        "the image");
  }
}

}  // namespace orchestrator
