// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/http.hpp"
#include "base/temp_dir.hpp"
#include "stages/dockerfile/arguments.hpp"
#include "stages/dockerfile/content_digests.hpp"
#include "stages/dockerfile/copy.hpp"
#include "stages/dockerfile/remote_files.hpp"
#include "stages/image_engine.hpp"

namespace stages::dockerfile {

/// One COPY or ADD: files of a folder, files that the Dockerfile itself holds, and what ADD
/// fetches.
class CopyStep {
 public:
  struct Options {
    const StageContext& context;
    const ImageBuild& build;
    const CopyArguments& arguments;
    bool add = false;         ///< ADD
    std::string destination;  ///< Absolute; a slash at its end means a folder.
    std::vector<std::string> ignore;
    std::optional<std::int64_t> epoch;
    ContentDigests& digests;
    base::HttpClient* http = nullptr;  ///< For what ADD takes from elsewhere; none: nothing.
    std::stop_token stop;
  };
  /// Throws base::Error kManifest for what cannot be copied so.
  explicit CopyStep(Options options);

  /// As BuildKit writes it.
  [[nodiscard]] std::string created_by() const;
  /// What the result depends on besides `sources`: how it is copied.
  [[nodiscard]] nlohmann::json describe(const nlohmann::json& sources) const;

  /// What the sources must be by their checksums; nullopt: they must be looked at.
  [[nodiscard]] std::optional<nlohmann::json> known_sources() const;

  /// Looks at the sources, which are fetched where they lie elsewhere; `root` is the build context
  /// (may be empty), or what --from names. Throws base::Error as CopyPlan does.
  void read(const std::filesystem::path& root);
  /// Of all that would be copied. Call after read().
  [[nodiscard]] std::vector<std::string> digests() const;
  /// Copies beneath `target`. Call after read(). Throws base::Error as CopyPlan and find_owner()
  /// do.
  void apply(const std::filesystem::path& target);

 private:
  void add_heredocs();
  void add_remote(const CopySource& source);

  Options options_;
  std::vector<CopyRequest> requests_;
  std::vector<CopyPlan> plans_;  ///< One per request.
  std::optional<base::TempDir> heredocs_;
  RemoteFiles remote_;
  std::vector<std::string> identities_;  ///< Of what was fetched.
};

/// Of what a RUN --mount=type=bind of the build context shows.
oci::Digest digest_of_bind(const std::filesystem::path& context, const std::string& source,
                           const std::vector<std::string>& ignore, ContentDigests& digests,
                           const std::stop_token& stop);

}  // namespace stages::dockerfile
