// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <stop_token>
#include <string>
#include <vector>

#include "base/http.hpp"
#include "base/process.hpp"
#include "stages/dockerfile/git_source.hpp"

namespace stages {

struct GitCheckout {
  std::filesystem::path folder;   ///< New: for what the repository holds.
  std::filesystem::path scratch;  ///< Private, for what git reads of us.
  bool keep_git_dir = false;
  std::vector<std::string> environment;  ///< Besides ours: proxies, SSH_AUTH_SOCK.
  base::HttpClient* http = nullptr;      ///< What it trusts git trusts too; none: the system's CAs.
};

/// Fetches a git repository, one commit deep where the server allows that, submodules included,
/// and returns the commit. User and password of the URL go to git in a private file, never in an
/// argument. Throws base::Error: kNetwork with git's words, kManifest when the checksum or
/// subfolder is not what was asked for, kUsage for CA certificates that cannot be used,
/// kInterrupted. No text of it holds the password.
std::string check_out(base::ProcessRunner& process, const dockerfile::GitSource& source,
                      const GitCheckout& options, const std::stop_token& stop);

}  // namespace stages
