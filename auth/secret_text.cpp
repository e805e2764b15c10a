// SPDX-License-Identifier: Apache-2.0
#include "auth/secret_text.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/format.hpp"

namespace auth {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxFileBytes = 4U << 20;
constexpr std::array<const char*, 3> kFileNames = {"config.json", ".dockerconfigjson",
                                                   ".dockercfg"};

bool is_file(const fs::path& path) {
  std::error_code error;
  const auto status = fs::status(path, error);
  // One that may not be looked at is there all the same: reading it tells why.
  return fs::is_regular_file(status) || error == std::errc::permission_denied;
}

/// Kubernetes keeps the files of a Secret in ..<time> folders behind links.
bool is_projected(const fs::path& file) {
  std::error_code error;
  const auto real = fs::canonical(file, error);
  return std::any_of(real.begin(), real.end(),
                     [](const fs::path& part) { return part.string().starts_with(".."); });
}

[[noreturn]] void refuse(const fs::path& file, std::string why, std::string hint) {
  throw base::Error({.code = base::ErrorCode::kUnauthorized,
                     .what = fmt::format("cannot read the credentials in {}", file.string()),
                     .why = std::move(why),
                     .hint = std::move(hint)});
}

}  // namespace

std::optional<base::Secret> read_credentials(const fs::path& file, bool required) {
  std::optional<std::string> text;
  try {
    text = base::read_file_if_exists(file, kMaxFileBytes);
  } catch (const base::Error& error) {
    refuse(file, error.facts().why, "it must be a readable file");
  }
  if (text) return base::Secret(*std::move(text));
  if (required) refuse(file, "there is no such file", "");
  return std::nullopt;
}

std::optional<std::string> exposure_of(const fs::path& file, uid_t user_id) {
  struct stat status {};
  if (::stat(file.c_str(), &status) != 0) return std::nullopt;
  std::string problem;
  if (status.st_uid != user_id && status.st_uid != 0) {
    problem = "belongs to another user";
  } else if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    problem = "may be changed by others";
  } else if ((status.st_mode & S_IROTH) != 0 && !is_projected(file)) {
    problem = "may be read by every user";
  } else {
    return std::nullopt;
  }
  return fmt::format(
      "{} holds credentials and {} (owner {}, mode {:04o}); it should be yours, 0600",
      file.string(), problem, status.st_uid, status.st_mode & 07777U);
}

std::vector<fs::path> credential_files_in(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto* name : kFileNames) {
    if (is_file(folder / name)) files.push_back(folder / name);
  }
  return files;
}

SecretText fixed_secret(std::string origin, base::Secret text) {
  return {.origin = std::move(origin),
          .read = [text = std::move(text)] { return std::optional(text); }};
}

std::optional<SecretText> find_secret(const fs::path& folder, const std::string& name) {
  if (name.empty() || name.front() == '.' || name.find('/') != std::string::npos) {
    throw base::Error(
        {.code = base::ErrorCode::kUsage,
         .what = fmt::format("'{}' is not the name of a secret", base::printable(name)),
         .why = "",
         .hint = ""});
  }
  auto files = credential_files_in(folder / name);
  for (const auto* key : kFileNames) files.push_back(folder / (name + "_" + key));
  files.push_back(folder / name);
  for (const auto& file : files) {
    if (!is_file(file)) continue;
    return SecretText{.origin = fmt::format("secret '{}' ({})", name, file.string()),
                      .read = [file] { return read_credentials(file, true); }};
  }
  return std::nullopt;
}

}  // namespace auth
