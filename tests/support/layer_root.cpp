// SPDX-License-Identifier: Apache-2.0
#include "tests/support/layer_root.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <fstream>
#include <stdexcept>

#include "base/files.hpp"
#include "oci/layer_writer.hpp"
#include "tests/support/text_source.hpp"

namespace tests {
namespace {

namespace fs = std::filesystem;

std::string state_of(const fs::path& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) return path.string() + " is gone\n";
  return fmt::format("{} {} {:o} {}:{} {} {} {}.{}\n", path.string(), status.st_ino, status.st_mode,
                     status.st_uid, status.st_gid, status.st_nlink, status.st_size,
                     status.st_ctim.tv_sec, status.st_ctim.tv_nsec);
}

}  // namespace

LayerRoot::LayerRoot() : folder_(base::temp_root(), "layer_root") {
  fs::create_directories(outside() / "etc");
  std::ofstream(outside() / "etc/passwd") << "host";
  std::ofstream(folder_.path() / "passwd") << "host";
  fs::permissions(folder_.path(), fs::perms(0755));  // For tests that become somebody else.
  clear();
}

void LayerRoot::clear() {
  base::remove_tree(path());
  fs::create_directory(path());
  open_root();
  usage = {};
}

void LayerRoot::open_root() {
  root_.reset(::open(path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

std::string LayerRoot::outside_state() const {
  std::string state;
  for (const auto& entry : fs::directory_iterator(folder_.path())) {
    if (entry.path() != path()) state += state_of(entry.path());
  }
  for (const auto& entry : fs::recursive_directory_iterator(outside())) {
    state += state_of(entry.path());
  }
  struct stat parent {};  // Its times change with the root's being made.
  if (::lstat(folder_.path().c_str(), &parent) != 0) throw std::runtime_error("the folder is gone");
  return state + fmt::format("{:o} {}:{}\n", parent.st_mode, parent.st_uid, parent.st_gid);
}

void LayerRoot::apply_bytes(const std::string& tar) {
  TextSource source(tar);
  oci::TarReader reader(source, "layer 1");
  oci::apply_layer(reader, root_.get(), "layer 1", options, usage,
                   [this](std::string text) { warnings.push_back(std::move(text)); }, {});
}

std::string LayerRoot::reason_of(const std::vector<ZooEntry>& layer) {
  try {
    apply(layer);
  } catch (const base::Error& error) {
    if (error.code() != base::ErrorCode::kIntegrity) throw;
    return error.facts().why;
  }
  return "nothing was thrown";
}

std::string LayerRoot::read(const std::string& name) const {
  return base::read_file(path() / name, 1U << 20);
}

bool LayerRoot::exists(const std::string& name) const {
  return fs::exists(fs::symlink_status(path() / name));
}

struct stat LayerRoot::status(const std::string& name) const {
  struct stat result {};
  if (::lstat((path() / name).c_str(), &result) != 0) {
    throw std::runtime_error("there is no " + name);
  }
  return result;
}

}  // namespace tests
