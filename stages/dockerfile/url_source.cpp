// SPDX-License-Identifier: Apache-2.0
#include "stages/dockerfile/url_source.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <ctime>
#include <optional>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/handle.hpp"

namespace stages::dockerfile {
namespace {

constexpr std::uint64_t kMaxBytes = 64ULL << 30;

/// "Wed, 21 Oct 2015 07:28:00 GMT" as seconds, or 0. Source: RFC 9110, "Last-Modified".
std::int64_t time_of(const std::optional<std::string>& header) {
  if (!header) return 0;
  std::tm parts{};
  const char* const end = ::strptime(header->c_str(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  return end == nullptr ? 0 : static_cast<std::int64_t>(::timegm(&parts));
}

base::Error failure(base::ErrorCode code, const std::string& url, std::string why) {
  return base::Error({.code = code,
                      .what = fmt::format("cannot add {}", base::redacted(url)),
                      .why = std::move(why),
                      .hint = ""});
}

}  // namespace

std::string file_name_of_url(const std::string& url) {
  const auto parsed = base::Url::parse(url.substr(0, url.find('#')));
  if (!parsed) return {};
  const auto path = parsed->path();
  auto name = path.substr(path.rfind('/') + 1);
  return name == "." || name == ".." ? "" : name;
}

oci::Digest fetch_url(base::HttpClient& http, const std::string& url, const std::string& checksum,
                      const std::filesystem::path& folder, const std::string& name,
                      const std::stop_token& stop) {
  const auto parsed = base::Url::parse(url.substr(0, url.find('#')));
  if (!parsed) {
    throw failure(base::ErrorCode::kManifest, url, "it is no http or https URL, or names a user");
  }
  const auto expected = checksum.empty() ? std::nullopt : oci::Digest::parse(checksum);
  if (!checksum.empty() && !expected) {
    throw failure(
        base::ErrorCode::kManifest, url,
        fmt::format("\"{}\" is no checksum: it is sha256: or sha512: and the digest", checksum));
  }
  const auto path = folder / name;
  const base::FileDescriptor file(::open(
      path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR));
  if (!file) base::throw_system_error(errno, fmt::format("cannot write {}", path.string()));
  oci::Hasher hasher(expected ? expected->algorithm() : "sha256");
  std::uint64_t bytes = 0;
  base::HttpRequest request;
  request.url = *parsed;
  request.on_body = [&](const base::HttpResponse&, std::span<const std::byte> data) {
    bytes += data.size();
    if (bytes > kMaxBytes) throw failure(base::ErrorCode::kBuildStep, url, "it has no end");
    hasher.update(data);
    base::write_all(file.get(), data, path.string());
  };
  const auto response = http.perform(request, stop);
  if (!response.ok()) {
    throw failure(base::ErrorCode::kBuildStep, url,
                  fmt::format("the server answered {}", response.status));
  }
  auto digest = hasher.finish();
  if (expected && digest != *expected) {
    throw failure(base::ErrorCode::kBuildStep, url,
                  fmt::format("digest mismatch {}: {}", digest.text(), expected->text()));
  }
  const timespec modified{.tv_sec = time_of(response.header("Last-Modified")), .tv_nsec = 0};
  const std::array<timespec, 2> times = {modified, modified};
  if (::futimens(file.get(), times.data()) != 0) {
    base::throw_system_error(errno, fmt::format("cannot set the time of {}", path.string()));
  }
  return digest;
}

}  // namespace stages::dockerfile
