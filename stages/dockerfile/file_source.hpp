// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>

#include "stages/dockerfile/image_draft.hpp"
#include "stages/dockerfile/stage_tree.hpp"

namespace stages::dockerfile {

/// The files of a finished stage or of an image, unpacked when somebody first wants them and not
/// before. Thread-safe.
class FileSource {
 public:
  /// An empty tree; `image`'s layers are in the store when it is called.
  using MakeTree = std::function<std::unique_ptr<StageTree>()>;

  FileSource(ImageDraft image, MakeTree make_tree)
      : image_(std::move(image)), make_tree_(std::move(make_tree)) {}
  /// As above, for files that are there already.
  FileSource(ImageDraft image, MakeTree make_tree, std::unique_ptr<StageTree> tree)
      : image_(std::move(image)), make_tree_(std::move(make_tree)), tree_(std::move(tree)) {}

  [[nodiscard]] const ImageDraft& image() const { return image_; }
  /// The root folder; nobody writes there. Throws base::Error as StageTree::catch_up().
  const std::filesystem::path& files();
  /// The same files, to go on from. Throws likewise.
  std::unique_ptr<StageTree> continue_from();

 private:
  std::unique_ptr<StageTree> unpack();

  ImageDraft image_;
  MakeTree make_tree_;
  std::mutex mutex_;
  std::unique_ptr<StageTree> tree_;
};

}  // namespace stages::dockerfile
