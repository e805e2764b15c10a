// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "base/error.hpp"
#include "base/handle.hpp"
#include "base/temp_dir.hpp"
#include "oci/layer_writer.hpp"
#include "tests/support/text_source.hpp"

namespace tests {

/// A folder to apply layers into, and beside it what no layer may read, change or move.
class ScratchRoot {
 public:
  ScratchRoot() {
    std::filesystem::create_directories(folder_.path() / "outside/etc");
    std::ofstream(folder_.path() / "outside/etc/passwd") << "host";
    std::ofstream(folder_.path() / "passwd") << "host";
    std::filesystem::create_directory(path());
    root_.reset(::open(path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    before_ = outside();
  }

  [[nodiscard]] std::filesystem::path path() const { return folder_.path() / "root"; }

  /// Applies one layer. False when it was refused. Aborts when anything outside changed, or when it
  /// failed in another way than hostile layers may.
  bool apply(const std::string& tar, bool keep_owners = true) {
    TextSource source(tar);
    oci::TarReader reader(source, "it");
    bool taken = true;
    try {
      oci::apply_layer(reader, root_.get(), "it",
                       {.keep_owners = keep_owners,
                        .skip_devices = true,
                        .max_bytes = 1U << 20,
                        .max_entries = 300},
                       usage_, [](const std::string& /*text*/) {}, {});
    } catch (const base::Error& error) {
      if (error.code() != base::ErrorCode::kIntegrity) {
        std::fputs((base::render(error) + "\n").c_str(), stderr);
        std::abort();
      }
      taken = false;
    }
    if (outside() != before_) std::abort();
    return taken;
  }

 private:
  /// Everything stat tells of what lies beside the root: also that it was not written and put back.
  [[nodiscard]] std::string outside() const {
    std::string text;
    const auto add = [&text](const std::filesystem::path& path) {
      struct stat status {};
      if (::lstat(path.c_str(), &status) != 0) std::abort();
      text += path.string() + ' ' + std::to_string(status.st_ino) + ' ' +
              std::to_string(status.st_mode) + ' ' + std::to_string(status.st_uid) + ' ' +
              std::to_string(status.st_nlink) + ' ' + std::to_string(status.st_size) + ' ' +
              std::to_string(status.st_ctim.tv_sec) + '.' +
              std::to_string(status.st_ctim.tv_nsec) + '\n';
    };
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) {
      if (entry.path() != path()) add(entry.path());
    }
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator(folder_.path() / "outside")) {
      add(entry.path());
    }
    return text;
  }

  base::TempDir folder_{base::temp_root(), "layer_fuzz"};
  base::FileDescriptor root_;
  oci::LayerUsage usage_;
  std::string before_;
};

}  // namespace tests
