// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>

#include "base/http.hpp"
#include "base/temp_dir.hpp"
#include "stages/dockerfile/arguments.hpp"
#include "stages/image_engine.hpp"

namespace stages::dockerfile {

/// What ADD takes from elsewhere, by http or git, in a folder of its own until this dies.
class RemoteFiles {
 public:
  struct Options {
    const StageContext& context;
    const ImageBuild& build;
    base::HttpClient* http;  ///< None: nothing may be fetched.
    std::stop_token stop;
  };
  explicit RemoteFiles(Options options) : options_(std::move(options)) {}

  struct Fetched {
    std::filesystem::path root;  ///< Nothing above it is to be read.
    std::string source;          ///< Beneath it: "/file", "/subfolder" or "/".
    std::string identity;        ///< A digest or commit, by which it is the same again.
  };
  /// A file or repository that `arguments`, an ADD, names. Throws base::Error as fetch_url() and
  /// check_out() do, and kNotFound where nothing may be fetched.
  Fetched fetch(const CopySource& source, const CopyArguments& arguments);

 private:
  Fetched fetch_file(const CopySource& source, const CopyArguments& arguments);
  Fetched fetch_repository(const CopySource& source, const CopyArguments& arguments);
  std::filesystem::path new_folder();

  Options options_;
  std::optional<base::TempDir> folder_;
  int count_ = 0;
};

/// What a source of ADD must turn out to be by its checksum, so that it need not be fetched to know
/// that it is the same; nullopt: only fetching tells.
std::optional<std::string> known_identity(const CopySource& source, const CopyArguments& arguments);

/// A source of ADD as it may be shown: no password, no signature of a URL.
std::string shown_source(const CopySource& source);

}  // namespace stages::dockerfile
