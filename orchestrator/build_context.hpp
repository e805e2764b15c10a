// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/temp_dir.hpp"
#include "orchestrator/session.hpp"

namespace orchestrator {

/// What `image build` builds from: the context and the Dockerfile.
struct BuildContext {
  std::filesystem::path folder;           ///< Empty: there is none.
  std::string digest;                     ///< Says whether it is another than before.
  std::string dockerfile;                 ///< Its text.
  std::string dockerfile_name;            ///< For messages.
  std::filesystem::path dockerfile_path;  ///< Empty: it was on standard input.
  std::optional<base::TempDir> made;      ///< Where the context came from elsewhere.
};

/// Opens CONTEXT: a folder; - for a tar on standard input (plain, gzip, zstd), or a Dockerfile
/// there and no context; the URL of a git repository, with #REF:FOLDER. `file` is -f: a path, or -
/// for standard input; empty is Dockerfile or Containerfile in the context. Throws base::Error.
BuildContext open_build_context(Session& session, const std::string& context,
                                const std::string& file);

/// What is left out of a context: the patterns of its ignore file (find_ignore_lines()), and in
/// front of them registry credentials, which they can let in.
std::vector<std::string> ignore_lines(const std::filesystem::path& folder,
                                      const std::filesystem::path& dockerfile);

/// Says so where a context holds registry credentials that a COPY could take along.
void warn_of_credentials(Session& session, const std::filesystem::path& folder);

}  // namespace orchestrator
