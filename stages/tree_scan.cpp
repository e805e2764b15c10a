// SPDX-License-Identifier: Apache-2.0
#include "stages/tree_scan.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <set>

#include "base/error.hpp"
#include "base/files.hpp"
#include "oci/folder_entries.hpp"
#include "stages/file_runs.hpp"
#include "stages/left_out.hpp"
#include "stages/stage.hpp"

namespace stages {
namespace {

using std::filesystem::path;

constexpr std::size_t kMostXattrBytes = 65536;  // XATTR_SIZE_MAX and XATTR_LIST_MAX.

[[noreturn]] void fail(std::string_view doing, const path& where) {
  base::throw_system_error(errno, fmt::format("cannot {} {}", doing, where.string()));
}

std::vector<std::pair<std::string, std::string>> xattrs_of(const path& file) {
  std::string names(kMostXattrBytes, '\0');
  const auto length = ::llistxattr(file.c_str(), names.data(), names.size());
  if (length < 0 && errno != ENOTSUP) fail("list the xattrs of", file);
  std::vector<std::pair<std::string, std::string>> xattrs;
  std::string value(kMostXattrBytes, '\0');
  for (std::size_t at = 0; length > 0 && at < static_cast<std::size_t>(length);) {
    const std::string name = names.c_str() + at;
    at += name.size() + 1;
    if (name.starts_with("trusted.overlay.") || name.starts_with("user.overlay.")) continue;
    const auto size = ::lgetxattr(file.c_str(), name.c_str(), value.data(), value.size());
    if (size < 0) fail(fmt::format("read the xattr {} of", name), file);
    xattrs.emplace_back(name, value.substr(0, static_cast<std::size_t>(size)));
  }
  std::sort(xattrs.begin(), xattrs.end());
  return xattrs;
}

bool is_left_out(const path& inside) {
  const auto parent = inside.parent_path().string();
  return std::find(kLeftOutFolders.begin(), kLeftOutFolders.end(), parent) != kLeftOutFolders.end();
}

/// How much of a file is no hole, to whole blocks.
std::uint64_t data_bytes(const path& file) {
  const base::FileDescriptor fd(::open(file.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) fail("open", file);
  std::uint64_t bytes = 0;
  for (const auto& run : runs_of(fd.get(), file.string())) {
    if (!run.is_hole) bytes += run.bytes + Ext2Image::kBlockBytes;
  }
  return bytes;
}

class Scanner {
 public:
  Scanner(path root, std::int64_t epoch, const std::stop_token& stop)
      : root_(std::move(root)), epoch_(epoch), stop_(stop) {}

  TreeScan scan() {
    scan_.root = node("");
    scan_.digest = hasher_.finish();
    return std::move(scan_);
  }

 private:
  TreeNode node(const path& inside) {
    check_stop(stop_);
    const auto file = inside.empty() ? root_ : root_ / inside;
    struct stat status {};
    if (::lstat(file.c_str(), &status) != 0) fail("stat", file);
    TreeNode made;
    made.name = inside.filename().string();
    made.attributes = {.mode = status.st_mode,
                       .owner = status.st_uid,
                       .group = status.st_gid,
                       .time = std::min<std::int64_t>(status.st_mtime, epoch_),
                       .xattrs = xattrs_of(file)};
    if (S_ISREG(status.st_mode) || S_ISLNK(status.st_mode)) {
      made.bytes = made.stored = static_cast<std::uint64_t>(status.st_size);
    }
    // Fewer blocks than bytes: there are holes, or the disk compresses.
    if (S_ISREG(status.st_mode) &&
        static_cast<std::uint64_t>(status.st_blocks) * 512 < made.bytes) {
      made.stored = std::min(made.bytes, data_bytes(file));
    }
    if (S_ISBLK(status.st_mode) || S_ISCHR(status.st_mode)) made.device = status.st_rdev;
    if (!S_ISDIR(status.st_mode) && status.st_nlink > 1) {
      made.hard_link = {status.st_dev, status.st_ino};
    }
    count(inside, made);
    if (S_ISDIR(status.st_mode)) {
      for (const auto& name : oci::names_in(base::open_for_reading(file).get(), inside.string())) {
        if (!is_left_out(inside / name)) made.children.push_back(node(inside / name));
      }
      scan_.bytes += folder_bytes(made);
    }
    return made;
  }

  void count(const path& inside, const TreeNode& node) {
    hasher_.update(fmt::format("{}\n{} {} {} {} {} {}\n", inside.string(), node.attributes.mode,
                               node.attributes.owner, node.attributes.group, node.attributes.time,
                               node.bytes, node.device));
    for (const auto& [name, value] : node.attributes.xattrs) {
      hasher_.update(fmt::format("{}={}\n", name, value));
    }
    if (node.hard_link.second != 0 && !seen_.insert(node.hard_link).second) return;
    ++scan_.inodes;
    scan_.bytes += ext2_blocks_for(node.stored) * Ext2Image::kBlockBytes;
    if (!node.attributes.xattrs.empty()) scan_.bytes += Ext2Image::kBlockBytes;
  }

  static std::uint64_t folder_bytes(const TreeNode& folder) {
    std::uint64_t bytes = 0;
    for (const auto& child : folder.children) bytes += child.name.size() + 12;
    // A block may stay empty by as much as the longest name takes.
    bytes += bytes / Ext2Image::kBlockBytes * 264 + 24;
    return ext2_blocks_for(bytes) * Ext2Image::kBlockBytes;
  }

  path root_;
  std::int64_t epoch_;
  const std::stop_token& stop_;
  TreeScan scan_;
  oci::Hasher hasher_;
  std::set<std::pair<std::uint64_t, std::uint64_t>> seen_;
};

class Writer {
 public:
  Writer(Ext2Image& image, const BytesSink& written, const std::stop_token& stop)
      : image_(image), written_(written), stop_(stop) {}

  void folder(const path& file, const TreeNode& node, Ext2Image::Inode inode,
              Ext2Image::Inode parent) {
    std::vector<Ext2Image::Entry> entries;
    for (const auto& child : node.children) {
      entries.push_back({.name = child.name,
                         .inode = put(file / child.name, child, inode),
                         .mode = child.attributes.mode});
    }
    image_.put_folder(inode, parent, node.attributes, std::move(entries));
  }

 private:
  Ext2Image::Inode put(const path& file, const TreeNode& node, Ext2Image::Inode parent) {
    check_stop(stop_);
    if (const auto found = links_.find(node.hard_link); found != links_.end()) {
      image_.add_link(found->second);
      return found->second;
    }
    const auto inode = image_.new_inode(node.attributes.mode);
    if (node.hard_link.second != 0) links_.emplace(node.hard_link, inode);
    if (S_ISDIR(node.attributes.mode)) {
      folder(file, node, inode, parent);
    } else if (S_ISREG(node.attributes.mode)) {
      const base::FileDescriptor fd(::open(file.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
      if (!fd) fail("open", file);
      image_.put_file(inode, node.attributes, fd.get(), stop_);
      if (written_) written_(node.stored);
    } else if (S_ISLNK(node.attributes.mode)) {
      image_.put_symlink(inode, node.attributes, std::filesystem::read_symlink(file).string());
    } else {
      image_.put_special(inode, node.attributes, node.device);
    }
    return inode;
  }

  Ext2Image& image_;
  const BytesSink& written_;
  const std::stop_token& stop_;
  std::map<std::pair<std::uint64_t, std::uint64_t>, Ext2Image::Inode> links_;
};

}  // namespace

TreeScan scan_tree(const path& root, std::int64_t epoch, const std::stop_token& stop) {
  return Scanner(root, epoch, stop).scan();
}

void put_tree(const path& root, const TreeScan& scan, Ext2Image& image, const BytesSink& written,
              const std::stop_token& stop) {
  Writer(image, written, stop).folder(root, scan.root, Ext2Image::kRoot, Ext2Image::kRoot);
}

}  // namespace stages
