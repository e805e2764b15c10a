// SPDX-License-Identifier: Apache-2.0
#include "oci/layer_writer.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <functional>
#include <limits>
#include <utility>

#include "base/error.hpp"
#include "base/files.hpp"
#include "oci/layer_folders.hpp"
#include "oci/layer_xattrs.hpp"
#include "oci/rooted_directory.hpp"
#include "oci/small_files.hpp"
#include "oci/whiteouts.hpp"

namespace oci {
namespace {

constexpr std::uint64_t kSmallBytes = 256U << 10;    // What goes to SmallFiles.
constexpr std::uint64_t kMaxMajor = (1U << 12) - 1;  // Of dev_t in the kernel, see kdev_t.h.
constexpr std::uint64_t kMaxMinor = (1U << 20) - 1;
constexpr std::uint32_t kSameId = std::numeric_limits<std::uint32_t>::max();  // See chown(2).
constexpr std::int64_t kMaxOwner = std::int64_t{kSameId} - 1;

timespec mtime_of(const TarEntry& entry) {
  return {.tv_sec = entry.mtime_seconds, .tv_nsec = entry.mtime_nanoseconds};
}

bool is_device(EntryType type) {
  return type == EntryType::kCharDevice || type == EntryType::kBlockDevice;
}

mode_t type_bits(EntryType type) {
  if (type == EntryType::kCharDevice) return S_IFCHR;
  if (type == EntryType::kBlockDevice) return S_IFBLK;
  return S_IFIFO;
}

class LayerWriter {
 public:
  LayerWriter(int root, std::string name, const LayerOptions& options, LayerUsage& usage,
              const Warning& warn)
      : name_(std::move(name)),
        options_(options),
        usage_(usage),
        warn_(warn),
        root_(root),
        folders_(RootedDirectory(root, name_), options.keep_owners, contents_),
        xattrs_(name_, warn),
        small_files_([this](const SmallFile& file) { finish_small(file); }) {}

  void write(const TarEntry& entry, TarReader& tar) {
    count(entry);
    if (entry.path.empty()) refuse(entry, "its name is empty");
    auto path = clean_path(entry.path);
    if (path.empty()) return write_root(entry);
    const auto file = std::move(path.back());
    path.pop_back();
    switch (options_.whiteouts ? whiteout_kind(file) : WhiteoutKind::kNone) {
      case WhiteoutKind::kInvalid:
        refuse(entry, "it is a whiteout of nothing");
      case WhiteoutKind::kOpaque:
        return hide_lower_children(path);
      case WhiteoutKind::kWhiteout:
        if (entry.type != EntryType::kDirectory) return hide_lower(path, file);
        break;
      case WhiteoutKind::kNone:
        break;
    }
    write_entry(entry, path, file, tar);
    count_implied_folders(entry);
  }

  void finish() {
    small_files_.wait();
    folders_.finish();
    if (has_unknown_owner_) warn_(unknown_owner_);
  }

 private:
  void count_entries(const TarEntry& entry, std::uint64_t more) {
    usage_.entries += more;
    if (usage_.entries <= options_.max_entries) return;
    refuse(entry, fmt::format("the image has more than {} entries", options_.max_entries));
  }

  /// One name can make two thousand folders.
  void count_implied_folders(const TarEntry& entry) {
    const auto made = folders_.implied();
    count_entries(entry, made - std::exchange(counted_folders_, made));
  }

  void count(const TarEntry& entry) {
    count_entries(entry, 1);
    if (entry.type != EntryType::kFile) return;
    if (entry.bytes > options_.max_bytes - usage_.bytes) {
      refuse(entry, fmt::format("the image unpacks to more than {} bytes", options_.max_bytes));
    }
    usage_.bytes += entry.bytes;
  }

  void write_root(const TarEntry& entry) {
    if (entry.type != EntryType::kDirectory) refuse(entry, "the root can only be a folder");
    const auto folder = folders_.make({}, mtime_of(entry));
    set_folder_attributes(entry, root_, {}, /*existed=*/true);
  }

  void hide_lower_children(const PathNames& path) {
    const auto folder = folders_.find(path);
    if (!folder || contents_.made_folder(folder->inode)) return;
    remove_children(folder->fd.get(), &contents_);
    folders_.forget();
  }

  void hide_lower(const PathNames& path, const std::string& file) {
    const auto folder = folders_.find(path);
    if (!folder) return;
    remove_below(folder->fd.get(), file.substr(kWhiteoutPrefix.size()), &contents_);
    folders_.forget();
  }

  void write_entry(const TarEntry& entry, const PathNames& path, const std::string& file,
                   TarReader& tar) {
    const auto folder = folders_.make(path, mtime_of(entry));
    const int parent = folder->fd.get();
    switch (entry.type) {
      case EntryType::kFile:
        write_file(entry, parent, file, tar);
        break;
      case EntryType::kDirectory:
        write_folder(entry, parent, path, file);
        break;
      case EntryType::kSymlink:
        replace(entry, parent, file,
                [&] { return ::symlinkat(entry.link_target.c_str(), parent, file.c_str()); });
        set_attributes_no_follow(entry, parent, file);
        break;
      case EntryType::kHardlink:
        write_hardlink(entry, *folder, file);
        break;
      case EntryType::kCharDevice:
      case EntryType::kBlockDevice:
      case EntryType::kFifo:
        if (!write_special(entry, parent, file)) return;
        break;
      case EntryType::kSocket:
        warn_(fmt::format("{} of {} is a socket and left out", entry.path, name_));
        return;
    }
    contents_.add(folder->inode, file);
  }

  /// Calls `make`, once more after removing what was in the way.
  template <typename Make>
  int replace(const TarEntry& entry, int parent, const std::string& file, const Make& make) {
    int result = make();
    if (result < 0 && errno == EEXIST) {
      remove(parent, file);
      result = make();
    }
    if (result < 0) fail(entry);
    return result;
  }

  /// The common case, a file of a lower layer, leaves the open folders as they are.
  void remove(int parent, const std::string& file) {
    struct stat status {};
    const bool plain = ::fstatat(parent, file.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 &&
                       S_ISREG(status.st_mode);
    remove_below(parent, file, nullptr);
    if (!plain) folders_.forget();
  }

  void write_file(const TarEntry& entry, int parent, const std::string& file, TarReader& tar) {
    constexpr int kFlags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    base::FileDescriptor fd(replace(entry, parent, file, [&] {
      return ::openat(parent, file.c_str(), kFlags, S_IRUSR | S_IWUSR);
    }));
    if (entry.bytes <= kSmallBytes && entry.xattrs.empty()) {
      auto pieces = read_pieces(entry, tar);
      return small_files_.add({.fd = std::move(fd), .entry = entry, .pieces = std::move(pieces)});
    }
    copy_contents(entry, fd.get(), [&tar] { return tar.next_block(); });
    set_file_attributes(entry, fd.get());
    xattrs_.set(fd.get(), entry.path, entry.xattrs);
    set_times(entry, fd.get());
  }

  /// Of a size that need not be believed.
  std::vector<SmallFile::Piece> read_pieces(const TarEntry& entry, TarReader& tar) const {
    std::vector<SmallFile::Piece> pieces;
    std::uint64_t bytes = 0;
    while (const auto block = tar.next_block()) {
      if (block->data.empty()) continue;
      bytes += block->data.size();
      if (bytes > entry.bytes) refuse_excess(entry);
      pieces.push_back({.data = {block->data.begin(), block->data.end()}, .offset = block->offset});
    }
    return pieces;
  }

  /// In the thread of small_files_.
  void finish_small(const SmallFile& file) const {
    auto piece = file.pieces.begin();
    copy_contents(file.entry, file.fd.get(), [&]() -> std::optional<TarBlock> {
      if (piece == file.pieces.end()) return std::nullopt;
      const auto& [data, offset] = *piece++;
      return TarBlock{.data = data, .offset = offset};
    });
    set_file_attributes(file.entry, file.fd.get());
    set_times(file.entry, file.fd.get());
  }

  /// A change of owner takes setuid and capabilities away: so it comes first.
  void set_file_attributes(const TarEntry& entry, int fd) const {
    own(entry, [&](uid_t uid, gid_t gid) { return ::fchown(fd, uid, gid); });
    if (::fchmod(fd, entry.mode) != 0) fail(entry);
  }

  void set_times(const TarEntry& entry, int fd) const {
    const std::array<timespec, 2> times = {mtime_of(entry), mtime_of(entry)};
    if (::futimens(fd, times.data()) != 0) fail(entry);
  }

  template <typename NextBlock>
  void copy_contents(const TarEntry& entry, int fd, const NextBlock& next_block) const {
    std::uint64_t end = 0;
    while (const auto block = next_block()) {
      if (block->data.empty()) continue;
      if (block->offset != end && ::lseek(fd, static_cast<off_t>(block->offset), SEEK_SET) < 0) {
        fail(entry);
      }
      end = block->offset + block->data.size();
      if (end > entry.bytes) refuse_excess(entry);
      base::write_all(fd, block->data, fmt::format("{} of {}", entry.path, name_));
    }
    const bool hole_at_end = end < entry.bytes;
    if (hole_at_end && ::ftruncate(fd, static_cast<off_t>(entry.bytes)) != 0) fail(entry);
  }

  void write_folder(const TarEntry& entry, int parent, const PathNames& path,
                    const std::string& file) {
    bool existed = false;
    if (::mkdirat(parent, file.c_str(), S_IRWXU) != 0) {
      struct stat status {};
      if (errno != EEXIST || ::fstatat(parent, file.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
        fail(entry);
      }
      existed = S_ISDIR(status.st_mode);
      if (!existed)
        replace(entry, parent, file, [&] { return ::mkdirat(parent, file.c_str(), S_IRWXU); });
    }
    auto whole = path;
    whole.push_back(file);
    constexpr int kFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    base::FileDescriptor fd(::openat(parent, file.c_str(), kFlags));
    if (!fd && errno == EACCES && chmod_no_follow(parent, file, S_IRWXU) == 0) {
      fd.reset(::openat(parent, file.c_str(), kFlags));
    }
    if (!fd) fail(entry);
    set_folder_attributes(entry, fd.get(), whole, existed);
  }

  void set_folder_attributes(const TarEntry& entry, int fd, const PathNames& path, bool existed) {
    struct stat status {};
    if (::fstat(fd, &status) != 0) fail(entry);
    if (!existed) contents_.add_folder(status.st_ino);
    folders_.set_mtime(status.st_ino, path, mtime_of(entry));
    own(entry, [&](uid_t uid, gid_t gid) { return ::fchown(fd, uid, gid); });
    const mode_t opened = options_.keep_owners ? 0 : S_IRWXU;
    if (::fchmod(fd, entry.mode | opened) != 0) fail(entry);
    if (opened != 0) folders_.set_mode(status.st_ino, entry.mode);
    if (existed) xattrs_.clear_stale(fd, entry.path, entry.xattrs);
    xattrs_.set(fd, entry.path, entry.xattrs);
  }

  /// The target is found inside the root and never followed if it is a symlink; the link shares its
  /// attributes, so that none are set through it.
  void write_hardlink(const TarEntry& entry, const Folder& folder, const std::string& file) {
    auto target = clean_path(entry.link_target);
    if (target.empty()) refuse(entry, "it is a link to the root");
    const auto name = std::move(target.back());
    target.pop_back();
    const auto from = folders_.find(target);
    struct stat status {};
    if (!from || ::fstatat(from->fd.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
      refuse(entry, fmt::format("it is a link to {}, which does not exist", entry.link_target));
    }
    if (S_ISDIR(status.st_mode)) {
      refuse(entry, fmt::format("it is a link to the folder {}", entry.link_target));
    }
    if (from->inode == folder.inode && name == file) return;
    replace(entry, folder.fd.get(), file, [&] {
      return ::linkat(from->fd.get(), name.c_str(), folder.fd.get(), file.c_str(), 0);
    });
  }

  /// False when it was left out.
  bool write_special(const TarEntry& entry, int parent, const std::string& file) {
    const bool device = is_device(entry.type);
    if (device && options_.skip_devices) {
      warn_(fmt::format("{} of {} is a device and left out", entry.path, name_));
      return false;
    }
    if (device && (entry.device_major > kMaxMajor || entry.device_minor > kMaxMinor)) {
      refuse(entry,
             fmt::format("device {}:{} is out of range", entry.device_major, entry.device_minor));
    }
    if (entry.type == EntryType::kCharDevice && entry.device_major == 0 &&
        entry.device_minor == 0) {
      refuse(entry, "it is the device 0:0, by which overlayfs hides files");
    }
    const auto number = device ? ::makedev(static_cast<unsigned>(entry.device_major),
                                           static_cast<unsigned>(entry.device_minor))
                               : dev_t{0};
    const auto make = [&] {
      return ::mknodat(parent, file.c_str(), type_bits(entry.type) | S_IRUSR | S_IWUSR, number);
    };
    replace(entry, parent, file, make);
    set_attributes_no_follow(entry, parent, file);
    if (chmod_no_follow(parent, file, entry.mode) != 0) fail(entry);
    return true;
  }

  void set_attributes_no_follow(const TarEntry& entry, int parent, const std::string& file) {
    own(entry, [&](uid_t uid, gid_t gid) {
      return ::fchownat(parent, file.c_str(), uid, gid, AT_SYMLINK_NOFOLLOW);
    });
    xattrs_.set_no_follow(parent, file, entry.path, entry.xattrs);
    const std::array<timespec, 2> times = {mtime_of(entry), mtime_of(entry)};
    if (::utimensat(parent, file.c_str(), times.data(), AT_SYMLINK_NOFOLLOW) != 0) fail(entry);
  }

  template <typename Chown>
  void own(const TarEntry& entry, const Chown& chown) const {
    if (!options_.keep_owners) return;
    if (options_.owner) {
      if (chown(options_.owner->first, options_.owner->second) != 0) fail(entry);
      return;
    }
    const auto in_range = [](std::int64_t id) { return id >= 0 && id <= kMaxOwner; };
    if (!in_range(entry.uid) || !in_range(entry.gid)) {
      refuse(entry, fmt::format("its owner {}:{} is out of range", entry.uid, entry.gid));
    }
    const auto uid = static_cast<uid_t>(entry.uid);
    const auto gid = static_cast<gid_t>(entry.gid);
    if (chown(uid, gid) == 0) return;
    if (errno != EINVAL) fail(entry);
    // One of the two may be known here. The rest stays with root, as all that we make.
    const bool user = chown(uid, kSameId) == 0 || errno == EINVAL;
    const bool group = user && (chown(kSameId, gid) == 0 || errno == EINVAL);
    if (!group) fail(entry);
    if (has_unknown_owner_.exchange(true)) return;
    unknown_owner_ = fmt::format(
        "{} of {} and perhaps others stay with root: this user namespace knows no "
        "owner {}:{}",
        entry.path, name_, uid, gid);
  }

  [[noreturn]] void fail(const TarEntry& entry) const {
    const int number = errno;
    auto what = fmt::format("cannot write {} of {}", entry.path, name_);
    if (number == ENAMETOOLONG) refuse(entry, "its name is too long");
    if (number == EPERM) {
      throw base::Error({.code = base::ErrorCode::kIo,
                         .what = std::move(what),
                         .why = "not permitted",
                         .hint = is_device(entry.type)
                                     ? "run as root, or leave devices out with --no-devices"
                                     : "run as root, with the capability CHOWN"});
    }
    base::throw_system_error(number, std::move(what));
  }

  [[noreturn]] void refuse_excess(const TarEntry& entry) const {
    refuse(entry, "it has more contents than its size says");
  }

  [[noreturn]] void refuse(const TarEntry& entry, std::string why) const {
    throw base::Error({.code = base::ErrorCode::kIntegrity,
                       .what = fmt::format("cannot unpack '{}' of {}", entry.path, name_),
                       .why = std::move(why),
                       .hint = ""});
  }

  std::string name_;
  const LayerOptions& options_;
  LayerUsage& usage_;
  const Warning& warn_;
  int root_;
  LayerContents contents_;
  LayerFolders folders_;
  XattrWriter xattrs_;
  std::uint64_t counted_folders_ = 0;  ///< Of folders_.implied(), in usage_.
  mutable std::atomic<bool> has_unknown_owner_ = false;
  mutable std::string unknown_owner_;  ///< The first; told of at the end, by one thread.
  SmallFiles small_files_;
};

}  // namespace

void apply_layer(TarReader& tar, int root, const std::string& name, const LayerOptions& options,
                 LayerUsage& usage, const Warning& warn, const std::stop_token& stop) {
  LayerWriter writer(root, name, options, usage, warn);
  while (const auto entry = tar.next()) {
    if (stop.stop_requested()) {
      throw base::Error({.code = base::ErrorCode::kInterrupted,
                         .what = fmt::format("stopped while unpacking {}", name),
                         .why = "",
                         .hint = ""});
    }
    writer.write(*entry, tar);
  }
  writer.finish();
}

}  // namespace oci
