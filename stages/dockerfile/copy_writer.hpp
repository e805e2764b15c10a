// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/stat.h>

#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "base/handle.hpp"
#include "oci/rooted_directory.hpp"
#include "stages/dockerfile/copy_selection.hpp"
#include "stages/dockerfile/file_mode.hpp"

namespace stages::dockerfile {

/// Puts selected files down beneath a folder that stands for "/". Paths are found there by the
/// kernel (openat2, in root); files are made new, never written through. Throws base::Error
/// kBuildStep, kIo, kNoSpace, kInterrupted.
class CopyWriter {
 public:
  struct Options {
    const CopyRequest& request;
    const std::optional<ModeChange>& mode;
    std::stop_token stop;
  };
  /// `from` is the open source root; `root` is where it is written. Neither is owned.
  CopyWriter(int from, int root, Options options);

  /// `one_of_many`: the destination must be a folder.
  void write(const SelectedSource& source, bool one_of_many);
  /// Gives folders their times, when all is in them. Call once, at the end.
  void finish();

 private:
  oci::PathNames resolve(const oci::PathNames& path);
  void make_folders(const oci::PathNames& path);
  bool is_folder(const oci::PathNames& path);
  void write_file(const SelectedFile& file, const oci::PathNames& target);
  void write_folder(const SelectedFile& file, const oci::PathNames& target);
  void write_special(const SelectedFile& file, int parent, const std::string& name);
  void make_way(int parent, const std::string& name, const oci::PathNames& target);
  bool write_link(const SelectedFile& file, int parent, const std::string& name,
                  const oci::PathNames& target);
  void write_contents(const SelectedFile& file, int parent, const std::string& name);
  void unpack(const SelectedSource& source, const oci::PathNames& target);
  int open_parent(const oci::PathNames& target);
  void remember_time(const std::string& folder);
  void own(int parent, const std::string& name, const struct stat& status);
  [[nodiscard]] mode_t mode_of(const struct stat& status) const;
  [[nodiscard]] timespec time_of(const struct stat& status) const;
  [[noreturn]] void fail(const std::string& doing, const oci::PathNames& path) const;

  int from_;
  int root_;
  Options options_;
  oci::RootedDirectory source_;
  oci::RootedDirectory target_;
  std::string parent_path_;
  base::FileDescriptor parent_;
  std::map<std::string, timespec> folder_times_;
  std::map<std::pair<dev_t, ino_t>, oci::PathNames> links_;  ///< Of files with several names.
};

}  // namespace stages::dockerfile
