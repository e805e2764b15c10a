// SPDX-License-Identifier: Apache-2.0
#include "oci/tar_stream.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <exception>

#include "base/error.hpp"
#include "base/handle.hpp"

namespace oci {
namespace {

constexpr int kBlockBytes = 64 << 10;

mode_t file_type(EntryType type) {
  switch (type) {
    case EntryType::kFile:
    case EntryType::kHardlink:
      return AE_IFREG;
    case EntryType::kDirectory:
      return AE_IFDIR;
    case EntryType::kSymlink:
      return AE_IFLNK;
    case EntryType::kCharDevice:
      return AE_IFCHR;
    case EntryType::kBlockDevice:
      return AE_IFBLK;
    case EntryType::kFifo:
      return AE_IFIFO;
    case EntryType::kSocket:
      return AE_IFSOCK;
  }
  return AE_IFREG;
}

base::Handle<::archive_entry, &::archive_entry_free> to_archive(const TarEntry& entry) {
  base::Handle<::archive_entry, &::archive_entry_free> made(archive_entry_new());
  auto* raw = made.get();
  archive_entry_copy_pathname(raw, entry.path.c_str());
  archive_entry_set_filetype(raw, file_type(entry.type));
  archive_entry_set_perm(raw, entry.mode);
  archive_entry_set_uid(raw, entry.uid);
  archive_entry_set_gid(raw, entry.gid);
  archive_entry_set_mtime(raw, entry.mtime_seconds, static_cast<long>(entry.mtime_nanoseconds));
  archive_entry_set_size(raw,
                         entry.type == EntryType::kFile ? static_cast<la_int64_t>(entry.bytes) : 0);
  if (entry.type == EntryType::kHardlink) {
    archive_entry_copy_hardlink(raw, entry.link_target.c_str());
  } else if (entry.type == EntryType::kSymlink) {
    archive_entry_copy_symlink(raw, entry.link_target.c_str());
  }
  archive_entry_set_rdevmajor(raw, static_cast<dev_t>(entry.device_major));
  archive_entry_set_rdevminor(raw, static_cast<dev_t>(entry.device_minor));
  for (const auto& [name, value] : entry.xattrs) {
    archive_entry_xattr_add_entry(raw, name.c_str(), value.data(), value.size());
  }
  return made;
}

}  // namespace

class TarStream::Implementation {
 public:
  explicit Implementation(ByteOutput output)
      : output_(std::move(output)), archive_(archive_write_new()) {
    check(archive_ ? archive_write_set_format_pax_restricted(archive_.get()) : ARCHIVE_FATAL);
    // Names are bytes: nothing is converted, whatever the locale.
    check(archive_write_set_format_option(archive_.get(), "pax", "hdrcharset", "BINARY"));
    check(archive_write_set_format_option(archive_.get(), "pax", "xattrheader", "SCHILY"));
    check(archive_write_set_bytes_per_block(archive_.get(), kBlockBytes));
    check(archive_write_set_bytes_in_last_block(archive_.get(), 1));
    check(archive_write_open(archive_.get(), this, nullptr, &take, nullptr));
  }

  void add(const TarEntry& entry) {
    check(archive_write_header(archive_.get(), to_archive(entry).get()));
    left_ = entry.type == EntryType::kFile ? entry.bytes : 0;
  }

  void write(std::span<const std::byte> data) {
    if (data.size() > left_) fail("a file has more contents than its size says");
    const auto written = archive_write_data(archive_.get(), data.data(), data.size());
    if (written < 0) check(static_cast<int>(written));
    left_ -= data.size();
  }

  void finish() {
    if (left_ != 0) fail("a file has less contents than its size says");
    check(archive_write_close(archive_.get()));
  }

 private:
  static la_ssize_t take(::archive* archive, void* self, const void* data, std::size_t bytes) {
    auto* that = static_cast<Implementation*>(self);
    if (that->failure_) return -1;
    try {
      that->output_(std::span(static_cast<const std::byte*>(data), bytes));
      return static_cast<la_ssize_t>(bytes);
    } catch (...) {  // No exception may cross libarchive.
      that->failure_ = std::current_exception();
      archive_set_error(archive, EIO, "the output failed");
      return -1;
    }
  }

  void check(int status) const {
    if (failure_) std::rethrow_exception(failure_);
    if (status == ARCHIVE_OK) return;
    const char* text = archive_ ? archive_error_string(archive_.get()) : "out of memory";
    fail(text == nullptr ? "" : text);
  }

  [[noreturn]] static void fail(std::string why) {
    throw base::Error({.code = base::ErrorCode::kIo,
                       .what = "cannot write a layer",
                       .why = std::move(why),
                       .hint = ""});
  }

  ByteOutput output_;
  std::uint64_t left_ = 0;  ///< Of the contents of the file added last.
  std::exception_ptr failure_;
  base::Handle<::archive, &::archive_write_free> archive_;
};

TarStream::TarStream(ByteOutput output)
    : implementation_(std::make_unique<Implementation>(std::move(output))) {}

TarStream::~TarStream() = default;

void TarStream::add(const TarEntry& entry) { implementation_->add(entry); }

void TarStream::write(std::span<const std::byte> data) { implementation_->write(data); }

void TarStream::finish() { implementation_->finish(); }

}  // namespace oci
