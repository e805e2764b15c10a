// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <stop_token>
#include <string>
#include <vector>

#include "base/process.hpp"
#include "stages/dockerfile/git_source.hpp"

namespace stages {

/// Fetches a git repository, one commit deep where the server allows that, into the new folder
/// `folder`, submodules included, and returns the commit. User and password of the URL go to git in
/// a private file, never in an argument. `scratch` is a private folder; `environment` is what git
/// gets besides: proxies, SSH_AUTH_SOCK. Throws base::Error:
/// kNetwork with git's words, kManifest when the checksum or subfolder is not what was asked for,
/// kInterrupted. No text of it holds the password.
std::string check_out(base::ProcessRunner& process, const dockerfile::GitSource& source,
                      const std::filesystem::path& folder, const std::filesystem::path& scratch,
                      bool keep_git_dir, const std::vector<std::string>& environment,
                      const std::stop_token& stop);

}  // namespace stages
