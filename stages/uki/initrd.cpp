// SPDX-License-Identifier: Apache-2.0
#include "stages/uki/initrd.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "oci/folder_entries.hpp"
#include "oci/zstd_compressor.hpp"
#include "stages/left_out.hpp"
#include "stages/stage.hpp"
#include "stages/uki/cpio.hpp"

namespace stages::uki {
namespace {

constexpr std::size_t kBufferBytes = std::size_t{1} << 20;
constexpr std::string_view kInit = "init";
constexpr const char* kInitTarget = "/usr/bin/immucore";
constexpr std::array<std::string_view, 3> kAddedFolders = {"efi", "oem", "usr/local/cloud-config"};

[[noreturn]] void fail(std::string_view doing, const std::string& path) {
  base::throw_system_error(errno, fmt::format("cannot {} /{}", doing, path));
}

/// Goes through a tree once and writes what it meets.
class InitrdWriter {
 public:
  InitrdWriter(CpioWriter& cpio, const InitrdOptions& options, const InitrdProgress& progress,
               const std::stop_token& stop)
      : cpio_(cpio), options_(options), progress_(progress), stop_(stop), buffer_(kBufferBytes) {}

  void write_tree(const RootTree& root) {
    const auto top = root.open("/", O_RDONLY | O_DIRECTORY);
    if (!top) fail("open", "");
    put({.path = ".", .mode = S_IFDIR | 0755, .user = 0, .group = 0, .modified = epoch()});
    facts_.replaced_init = root.has_name(kInit);
    write_folder(top->get(), "");
    put({.path = std::string(kInit),
         .mode = S_IFLNK | 0777,
         .user = 0,
         .group = 0,
         .modified = epoch()},
        kInitTarget);
    for (const auto folder : kAddedFolders) {
      if (root.has_name(folder)) continue;
      put({.path = std::string(folder),
           .mode = S_IFDIR | 0755,
           .user = 0,
           .group = 0,
           .modified = epoch()});
    }
  }

  [[nodiscard]] const InitrdFacts& facts() const { return facts_; }

 private:
  static bool is_left_out(const std::string& path) { return path == "boot" || path == kInit; }

  static bool is_left_empty(const std::string& path) {
    return std::find(kLeftOutFolders.begin(), kLeftOutFolders.end(), path) != kLeftOutFolders.end();
  }

  [[nodiscard]] std::uint32_t epoch() const { return time_of(options_.epoch); }

  [[nodiscard]] std::uint32_t time_of(std::int64_t seconds) const {
    const auto most =
        std::min<std::int64_t>(options_.epoch, std::numeric_limits<std::uint32_t>::max());
    return static_cast<std::uint32_t>(
        std::clamp<std::int64_t>(seconds, 0, std::max<std::int64_t>(most, 0)));
  }

  void write_folder(int folder, const std::string& path) {
    for (const auto& name : oci::names_in(folder, path)) {
      check_stop(stop_);
      const auto inside = path.empty() ? name : path + "/" + name;
      if (!is_left_out(inside)) write_name(folder, name, inside);
    }
  }

  void write_name(int folder, const std::string& name, const std::string& path) {
    struct stat status {};
    if (::fstatat(folder, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) fail("look at", path);
    CpioEntry entry{.path = path,
                    .mode = status.st_mode,
                    .user = status.st_uid,
                    .group = status.st_gid,
                    .modified = time_of(status.st_mtim.tv_sec)};
    switch (status.st_mode & S_IFMT) {
      case S_IFDIR: {
        put(entry);
        if (is_left_empty(path)) return;
        const base::FileDescriptor child(
            ::openat(folder, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
        if (!child) fail("open folder", path);
        write_folder(child.get(), path);
        return;
      }
      case S_IFREG:
        write_file(folder, name, entry, status);
        return;
      case S_IFLNK:
        put(entry, target_of(folder, name, path));
        return;
      default:
        entry.device_major = ::major(status.st_rdev);
        entry.device_minor = ::minor(status.st_rdev);
        put(entry);
    }
  }

  static std::string target_of(int folder, const std::string& name, const std::string& path) {
    auto target = oci::link_target(folder, name);
    if (!target) fail("read the link", path);
    return std::move(*target);
  }

  void write_file(int folder, const std::string& name, CpioEntry& entry,
                  const struct stat& status) {
    if (status.st_nlink > 1) {
      entry.links = static_cast<std::uint32_t>(status.st_nlink);
      const auto [known, fresh] =
          linked_.try_emplace({status.st_dev, status.st_ino}, facts_.entries + 1);
      if (!fresh) {
        put_as(entry, static_cast<std::uint32_t>(known->second), 0);
        return;
      }
    }
    const base::FileDescriptor file(
        ::openat(folder, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (!file) fail("open", entry.path);
    if (::fgetxattr(file.get(), "security.capability", nullptr, 0) > 0) ++facts_.with_capabilities;
    const auto bytes = static_cast<std::uint64_t>(status.st_size);
    put_as(entry, next_inode(), bytes);
    copy(file.get(), entry.path, bytes);
  }

  void copy(int file, const std::string& path, std::uint64_t bytes) {
    while (bytes > 0) {
      check_stop(stop_);
      const auto count =
          ::read(file, buffer_.data(), std::min<std::uint64_t>(buffer_.size(), bytes));
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) fail("read", path);
      if (count == 0) {
        errno = EIO;
        fail("read all of", path);
      }
      const auto part = static_cast<std::size_t>(count);
      cpio_.write(std::span(buffer_.data(), part));
      bytes -= part;
      facts_.bytes += part;
    }
    if (progress_) progress_(facts_.bytes);
  }

  std::uint32_t next_inode() const { return static_cast<std::uint32_t>(facts_.entries + 1); }

  void put_as(CpioEntry& entry, std::uint32_t inode, std::uint64_t bytes) {
    entry.inode = inode;
    cpio_.begin(entry, bytes);
    ++facts_.entries;
  }

  void put(CpioEntry entry, std::string_view content = {}) {
    entry.inode = next_inode();
    cpio_.add(entry, content);
    ++facts_.entries;
  }

  CpioWriter& cpio_;
  const InitrdOptions& options_;
  const InitrdProgress& progress_;
  const std::stop_token& stop_;
  std::vector<std::byte> buffer_;
  std::map<std::pair<dev_t, ino_t>, std::uint64_t> linked_;
  InitrdFacts facts_;
};

}  // namespace

InitrdFacts write_initrd(const RootTree& root, const oci::ByteOutput& output,
                         const InitrdOptions& options, const InitrdProgress& progress,
                         const std::stop_token& stop) {
  if (!root.file(kInitTarget)) {
    throw base::Error({.code = base::ErrorCode::kArtifactTool,
                       .what = "cannot make a unified kernel image of this image",
                       .why = fmt::format("it has no {}, which such an image starts", kInitTarget),
                       .hint = "use a Kairos image that was built for trusted boot"});
  }
  oci::ZstdCompressor zstd(output, options.compression_level, options.threads);
  CpioWriter cpio([&](std::span<const std::byte> data) { zstd.write(data); });
  InitrdWriter writer(cpio, options, progress, stop);
  writer.write_tree(root);
  cpio.finish();
  zstd.finish();
  return writer.facts();
}

}  // namespace stages::uki
