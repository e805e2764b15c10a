// SPDX-License-Identifier: Apache-2.0
#include "oci/tar_reader.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>
#include <locale.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>
#include <exception>
#include <string_view>

#include "base/error.hpp"
#include "base/handle.hpp"

namespace oci {
namespace {

constexpr std::size_t kRecordBytes = 512;
constexpr std::size_t kBufferBytes = 512 * kRecordBytes;
constexpr std::uint64_t kMaxHeaderBytes = 8U << 20;  // Extended headers and maps of sparse files.
constexpr std::size_t kTypeFlagOffset = 156;         // POSIX pax, "ustar Header Block".
constexpr std::string_view kKnownTypeFlags(
    "\0"
    "01234567S",
    10);

/// libarchive converts names between the archive's charset and that of the thread's locale, and
/// normalizes them on the way. In the "C" locale it cannot, says so, and leaves the bytes alone.
class CLocale {
 public:
  CLocale() : previous_(::uselocale(c_locale())) {}
  ~CLocale() { ::uselocale(previous_); }
  CLocale(const CLocale&) = delete;
  CLocale& operator=(const CLocale&) = delete;
  CLocale(CLocale&&) = delete;
  CLocale& operator=(CLocale&&) = delete;

 private:
  /// Lives as long as the program: making one takes a lock of all threads.
  static locale_t c_locale() {
    static const locale_t locale = ::newlocale(LC_ALL_MASK, "C", nullptr);
    return locale;
  }

  locale_t previous_;
};

bool only_charset_warning(const char* text) {
  return text != nullptr &&
         std::string_view(text).find("can't be converted from UTF-8") != std::string_view::npos;
}

std::string text_or_empty(const char* text) { return text == nullptr ? "" : text; }

EntryType type_of(::archive_entry* entry) {
  if (archive_entry_hardlink(entry) != nullptr) return EntryType::kHardlink;
  switch (archive_entry_filetype(entry)) {
    case AE_IFDIR:
      return EntryType::kDirectory;
    case AE_IFLNK:
      return EntryType::kSymlink;
    case AE_IFCHR:
      return EntryType::kCharDevice;
    case AE_IFBLK:
      return EntryType::kBlockDevice;
    case AE_IFIFO:
      return EntryType::kFifo;
    case AE_IFSOCK:
      return EntryType::kSocket;
    default:
      return EntryType::kFile;
  }
}

std::vector<std::pair<std::string, std::string>> xattrs_of(::archive_entry* entry) {
  std::vector<std::pair<std::string, std::string>> xattrs;
  archive_entry_xattr_reset(entry);
  const char* name = nullptr;
  const void* value = nullptr;
  std::size_t bytes = 0;
  while (archive_entry_xattr_next(entry, &name, &value, &bytes) == ARCHIVE_OK) {
    xattrs.emplace_back(name, std::string(static_cast<const char*>(value), bytes));
  }
  return xattrs;
}

TarEntry to_entry(::archive_entry* entry) {
  const auto type = type_of(entry);
  const char* link =
      type == EntryType::kHardlink ? archive_entry_hardlink(entry) : archive_entry_symlink(entry);
  return {.type = type,
          .path = text_or_empty(archive_entry_pathname(entry)),
          .link_target = text_or_empty(link),
          .mode = archive_entry_perm(entry),
          .uid = archive_entry_uid(entry),
          .gid = archive_entry_gid(entry),
          .mtime_seconds = archive_entry_mtime(entry),
          .mtime_nanoseconds = static_cast<std::uint32_t>(archive_entry_mtime_nsec(entry)),
          .bytes = static_cast<std::uint64_t>(archive_entry_size(entry)),
          .device_major = archive_entry_rdevmajor(entry),
          .device_minor = archive_entry_rdevminor(entry),
          .xattrs = xattrs_of(entry)};
}

}  // namespace

class TarReader::Implementation {
 public:
  Implementation(ByteSource& tar, std::string name)
      : tar_(tar), name_(std::move(name)), buffer_(kBufferBytes), archive_(archive_read_new()) {
    check(archive_ ? archive_read_support_format_tar(archive_.get()) : ARCHIVE_FATAL);
  }

  std::optional<TarEntry> next() {
    const CLocale locale;
    if (!open()) return std::nullopt;
    if (in_entry_) check(archive_read_data_skip(archive_.get()));
    ::archive_entry* entry = nullptr;
    header_ends_before_ = position() + kMaxHeaderBytes;
    const int status = archive_read_next_header(archive_.get(), &entry);
    header_ends_before_ = UINT64_MAX;
    if (status == ARCHIVE_EOF) return std::nullopt;
    check(status);
    in_entry_ = true;
    check_type_flag();
    auto result = to_entry(entry);
    if (result.type == EntryType::kSymlink && result.link_target.empty()) {
      // Also when only a pax record has it: libarchive 3.6 loses that one.
      fail(fmt::format("the symlink {} has no target in its header", result.path));
    }
    return result;
  }

  std::optional<TarBlock> next_block() {
    const void* data = nullptr;
    std::size_t bytes = 0;
    la_int64_t offset = 0;
    const int status = archive_read_data_block(archive_.get(), &data, &bytes, &offset);
    if (status == ARCHIVE_EOF) return std::nullopt;
    check(status);
    return TarBlock{.data = std::span(static_cast<const std::byte*>(data), bytes),
                    .offset = static_cast<std::uint64_t>(offset)};
  }

 private:
  /// False when there is not a single byte: some tools write no tar at all for an empty layer.
  bool open() {
    if (opened_) return true;
    if (!fill()) return false;
    pending_ = true;
    check(archive_read_open(archive_.get(), this, nullptr, &give, nullptr));
    opened_ = true;
    return true;
  }

  bool fill() {
    buffer_start_ += filled_;
    filled_ = read_fully(tar_, buffer_);
    return filled_ > 0;
  }

  static la_ssize_t give(::archive* archive, void* self, const void** data) {
    return static_cast<Implementation*>(self)->give_block(archive, data);
  }

  /// No exception may cross libarchive: it waits in failure_.
  la_ssize_t give_block(::archive* archive, const void** data) {
    try {
      if (!std::exchange(pending_, false)) fill();
      if (buffer_start_ > header_ends_before_) {
        fail(fmt::format("the headers of one entry have more than {} bytes", kMaxHeaderBytes));
      }
    } catch (...) {
      failure_ = std::current_exception();
      archive_set_error(archive, EIO, "the source failed");
      return ARCHIVE_FATAL;
    }
    *data = buffer_.data();
    return static_cast<la_ssize_t>(filled_);
  }

  /// How far libarchive has read.
  [[nodiscard]] std::uint64_t position() const {
    return static_cast<std::uint64_t>(archive_filter_bytes(archive_.get(), 0));
  }

  /// libarchive takes an unknown type for a plain file. Buffers hold whole records, so that the one
  /// just read is at hand; for sparse files it is a map and no header, and their type is known.
  void check_type_flag() const {
    const auto here = position();
    if (here < buffer_start_ + kRecordBytes || here > buffer_start_ + filled_) return;
    const auto record =
        std::span(buffer_).subspan(here - buffer_start_ - kRecordBytes, kRecordBytes);
    const auto flag = std::to_integer<char>(record[kTypeFlagOffset]);
    if (kKnownTypeFlags.find(flag) == std::string_view::npos && is_header(record)) {
      fail(fmt::format("an entry is of the unknown type 0x{:02x}",
                       static_cast<unsigned char>(flag)));
    }
  }

  /// Whether the checksum of a header record holds. Source: POSIX pax, "chksum".
  static bool is_header(std::span<const std::byte> record) {
    constexpr std::size_t kSumOffset = 148;
    constexpr std::size_t kSumBytes = 8;
    unsigned sum = 0;
    for (std::size_t i = 0; i < record.size(); ++i) {
      const bool in_sum = i >= kSumOffset && i < kSumOffset + kSumBytes;
      sum += in_sum ? ' ' : std::to_integer<unsigned>(record[i]);
    }
    unsigned stored = 0;
    for (const auto byte : record.subspan(kSumOffset, kSumBytes)) {
      const auto digit = std::to_integer<char>(byte);
      if (digit >= '0' && digit <= '7') stored = stored * 8 + static_cast<unsigned>(digit - '0');
    }
    return sum == stored;
  }

  void check(int status) const {
    if (failure_) std::rethrow_exception(failure_);
    if (status == ARCHIVE_OK) return;
    const char* text = archive_ ? archive_error_string(archive_.get()) : "out of memory";
    if (status == ARCHIVE_WARN && only_charset_warning(text)) return;
    fail(text_or_empty(text));
  }

  [[noreturn]] void fail(std::string why) const {
    throw base::Error({.code = base::ErrorCode::kIntegrity,
                       .what = fmt::format("cannot read the tar of {}", name_),
                       .why = std::move(why),
                       .hint = ""});
  }

  ByteSource& tar_;
  std::string name_;
  std::vector<std::byte> buffer_;
  std::uint64_t buffer_start_ = 0;  ///< Where in the tar the buffer begins.
  std::size_t filled_ = 0;
  bool pending_ = false;  ///< The buffer was filled and not given yet.
  bool opened_ = false;
  bool in_entry_ = false;
  std::uint64_t header_ends_before_ = UINT64_MAX;
  std::exception_ptr failure_;
  base::Handle<::archive, &::archive_read_free> archive_;
};

TarReader::TarReader(ByteSource& tar, std::string name)
    : implementation_(std::make_unique<Implementation>(tar, std::move(name))) {}

TarReader::~TarReader() = default;

std::optional<TarEntry> TarReader::next() { return implementation_->next(); }

std::optional<TarBlock> TarReader::next_block() { return implementation_->next_block(); }

}  // namespace oci
