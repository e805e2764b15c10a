// SPDX-License-Identifier: Apache-2.0
#include "oci/tar_writer.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/handle.hpp"

namespace oci {
namespace {

constexpr std::size_t kCopyBytes = 1U << 20;
constexpr mode_t kFileMode = 0444;

}  // namespace

class TarWriter::Implementation {
 public:
  explicit Implementation(std::filesystem::path file)
      : file_(std::move(file)),
        partial_(file_.string() + ".partial"),
        fd_(::open(partial_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)),
        archive_(archive_write_new()) {
    if (!fd_) base::throw_system_error(errno, fmt::format("cannot write {}", partial_.string()));
    check(archive_ ? archive_write_set_format_pax_restricted(archive_.get()) : ARCHIVE_FATAL);
    check(archive_write_set_bytes_in_last_block(archive_.get(), 1));
    check(archive_write_open_fd(archive_.get(), fd_.get()));
  }
  ~Implementation() {
    archive_.reset();
    if (fd_) ::unlink(partial_.c_str());
  }
  Implementation(const Implementation&) = delete;
  Implementation& operator=(const Implementation&) = delete;
  Implementation(Implementation&&) = delete;
  Implementation& operator=(Implementation&&) = delete;

  void begin(const std::string& path, std::uint64_t bytes) {
    const base::Handle<::archive_entry, &::archive_entry_free> entry(archive_entry_new());
    archive_entry_copy_pathname(entry.get(), path.c_str());
    archive_entry_set_filetype(entry.get(), AE_IFREG);
    archive_entry_set_perm(entry.get(), kFileMode);
    archive_entry_set_size(entry.get(), static_cast<la_int64_t>(bytes));
    archive_entry_set_mtime(entry.get(), 0, 0);
    check(archive_write_header(archive_.get(), entry.get()));
  }

  void write(std::span<const std::byte> data) {
    const auto written = archive_write_data(archive_.get(), data.data(), data.size());
    if (written < 0) check(static_cast<int>(written));
    if (static_cast<std::size_t>(written) != data.size()) fail_size();
  }

  [[noreturn]] void fail_size() const {
    throw base::Error({.code = base::ErrorCode::kIntegrity,
                       .what = fmt::format("cannot write {}", file_.string()),
                       .why = "a file that goes into it has not the size it should have",
                       .hint = ""});
  }

  void finish() {
    check(archive_write_close(archive_.get()));
    if (::fsync(fd_.get()) != 0 || ::rename(partial_.c_str(), file_.c_str()) != 0) {
      base::throw_system_error(errno, fmt::format("cannot write {}", file_.string()));
    }
    fd_.reset();
    base::sync_path(file_.has_parent_path() ? file_.parent_path() : ".");
  }

 private:
  void check(int status) const {
    if (status == ARCHIVE_OK) return;
    const int number = archive_ ? archive_errno(archive_.get()) : ENOMEM;
    base::throw_system_error(number > 0 ? number : EIO,
                             fmt::format("cannot write {}", partial_.string()));
  }

  std::filesystem::path file_;
  std::filesystem::path partial_;
  base::FileDescriptor fd_;
  base::Handle<::archive, &::archive_write_free> archive_;
};

TarWriter::TarWriter(std::filesystem::path file)
    : implementation_(std::make_unique<Implementation>(std::move(file))) {}

TarWriter::~TarWriter() = default;

void TarWriter::add(const std::string& path, ByteSource& content, std::uint64_t bytes) {
  implementation_->begin(path, bytes);
  std::vector<std::byte> buffer(kCopyBytes);
  std::uint64_t written = 0;
  while (const auto count = read_fully(content, buffer)) {
    written += count;
    implementation_->write(std::span(buffer).first(count));
  }
  if (written != bytes) implementation_->fail_size();
}

void TarWriter::add(const std::string& path, std::string_view content) {
  implementation_->begin(path, content.size());
  implementation_->write(std::as_bytes(std::span(content)));
}

void TarWriter::finish() { implementation_->finish(); }

}  // namespace oci
