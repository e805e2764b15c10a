// SPDX-License-Identifier: Apache-2.0
#include "stages/dockerfile/file_source.hpp"

namespace stages::dockerfile {

std::unique_ptr<StageTree> FileSource::unpack() {
  auto tree = make_tree_();
  tree->catch_up(image_);
  return tree;
}

const std::filesystem::path& FileSource::files() {
  const std::lock_guard lock(mutex_);
  if (!tree_) tree_ = unpack();
  return tree_->files();
}

std::unique_ptr<StageTree> FileSource::continue_from() {
  const std::lock_guard lock(mutex_);
  return tree_ ? tree_->copy() : unpack();
}

}  // namespace stages::dockerfile
