// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/files.hpp"
#include "base/temp_dir.hpp"
#include "oci/container.hpp"
#include "oci/overlay_mount.hpp"
#include "stages/dockerfile/arguments.hpp"
#include "stages/image_engine.hpp"

namespace stages::dockerfile {

/// The root folder that `from=` names; for "" an error.
using RootOf = std::function<std::filesystem::path(const std::string& from)>;

/// What a RUN sees besides the image, and the host's things behind it: mounted or copied where
/// nobody who runs in a container can put something else in their place, gone when this dies.
class RunMounts {
 public:
  struct Options {
    const StageContext& context;
    const ImageBuild& build;
    bool may_mount = false;
    RootOf root_of;
    std::filesystem::path build_context;  ///< Without what .dockerignore leaves out.
    std::string working_directory;        ///< Relative targets begin there.
    std::stop_token stop;
  };
  explicit RunMounts(Options options);

  /// Throws base::Error: kBuildStep for what is not there (a source, a required secret), kManifest
  /// for a target that cannot be one, kIo, kNoSpace, kInterrupted while a locked cache is waited
  /// for.
  void add(const RunMount& mount);
  /// A program of a heredoc, to be run as /dev/pipes/NAME.
  void add_program(const Heredoc& program);

  [[nodiscard]] const std::vector<oci::ContainerMount>& mounts() const { return mounts_; }
  /// Variables that hold secrets or name sockets.
  [[nodiscard]] const std::vector<std::string>& environment() const { return environment_; }

 private:
  [[nodiscard]] std::string target_of(const RunMount& mount, const std::string& fallback) const;
  void add_bind(const RunMount& mount);
  void add_cache(const RunMount& mount);
  void add_secret(const RunMount& mount);
  void add_ssh(const RunMount& mount);
  /// What `path` means beneath `root`, held so that nothing else can come into its place.
  std::filesystem::path hold(const std::filesystem::path& root, const std::string& path);
  std::filesystem::path writable_copy(const std::filesystem::path& source);
  /// The folder of a cache, made unless it is there, and locked where `mount` says so.
  std::filesystem::path open_cache(const RunMount& mount);
  std::filesystem::path secret_folder();
  std::filesystem::path new_folder(std::string_view name);

  Options options_;
  base::TempDir folder_;  ///< Of all that is made here.
  int count_ = 0;
  std::vector<base::FileLock> locks_;
  std::vector<oci::Mount> held_;  ///< Go before the folder.
  std::filesystem::path secrets_;
  std::vector<oci::ContainerMount> mounts_;
  std::vector<std::string> environment_;
};

}  // namespace stages::dockerfile
