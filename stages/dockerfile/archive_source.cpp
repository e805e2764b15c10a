// SPDX-License-Identifier: Apache-2.0
#include "stages/dockerfile/archive_source.hpp"

#include <bzlib.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <lzma.h>

#include <array>
#include <cerrno>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/files.hpp"
#include "oci/decompressor.hpp"
#include "oci/layer_writer.hpp"
#include "oci/tar_reader.hpp"

namespace stages::dockerfile {
namespace {

constexpr std::size_t kBufferBytes = 256U << 10;
constexpr std::uint64_t kMaxXzBytes = 256ULL << 20;  ///< `xz -9` needs 65 MiB.
constexpr std::string_view kBzipMagic = "BZh";
constexpr std::string_view kXzMagic("\xfd\x37zXZ\0", 6);

[[noreturn]] void damaged(const std::string& name, std::string_view why) {
  throw base::Error({.code = base::ErrorCode::kIntegrity,
                     .what = fmt::format("cannot unpack {}", name),
                     .why = std::string(why),
                     .hint = ""});
}

/// Reads a file by position: others may read from it too.
class FilePart final : public oci::ByteSource {
 public:
  FilePart(int fd, std::string name) : fd_(fd), name_(std::move(name)) {}
  std::size_t read(std::span<std::byte> buffer) override {
    while (true) {
      const auto count = ::pread(fd_, buffer.data(), buffer.size(), at_);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) base::throw_system_error(errno, fmt::format("cannot read {}", name_));
      at_ += count;
      return static_cast<std::size_t>(count);
    }
  }

 private:
  int fd_;
  std::string name_;
  off_t at_ = 0;
};

/// All streams of an xz file (liblzma).
class XzSource final : public oci::ByteSource {
 public:
  XzSource(int fd, std::string name) : packed_(fd, name), name_(std::move(name)) {
    if (::lzma_stream_decoder(&stream_, kMaxXzBytes, LZMA_CONCATENATED) != LZMA_OK) {
      damaged(name_, "liblzma does not start");
    }
  }
  ~XzSource() override { ::lzma_end(&stream_); }
  XzSource(const XzSource&) = delete;
  XzSource& operator=(const XzSource&) = delete;
  XzSource(XzSource&&) = delete;
  XzSource& operator=(XzSource&&) = delete;

  std::size_t read(std::span<std::byte> buffer) override {
    stream_.next_out = reinterpret_cast<std::uint8_t*>(buffer.data());
    stream_.avail_out = buffer.size();
    while (!ended_ && stream_.avail_out == buffer.size()) {
      if (stream_.avail_in == 0 && !input_ended_) {
        stream_.avail_in = packed_.read(input_);
        stream_.next_in = reinterpret_cast<const std::uint8_t*>(input_.data());
        input_ended_ = stream_.avail_in == 0;
      }
      const auto status = ::lzma_code(&stream_, input_ended_ ? LZMA_FINISH : LZMA_RUN);
      ended_ = status == LZMA_STREAM_END;
      if (status == LZMA_MEMLIMIT_ERROR) damaged(name_, "it needs more than 256 MiB of memory");
      if (!ended_ && status != LZMA_OK) damaged(name_, "the xz data are damaged or cut off");
    }
    return buffer.size() - stream_.avail_out;
  }

 private:
  FilePart packed_;
  std::string name_;
  lzma_stream stream_ = LZMA_STREAM_INIT;
  std::vector<std::byte> input_ = std::vector<std::byte>(kBufferBytes);
  bool input_ended_ = false;
  bool ended_ = false;
};

/// All streams of a bzip2 file (libbz2).
class BzipSource final : public oci::ByteSource {
 public:
  BzipSource(int fd, std::string name) : packed_(fd, name), name_(std::move(name)) { start(); }
  ~BzipSource() override { ::BZ2_bzDecompressEnd(&stream_); }
  BzipSource(const BzipSource&) = delete;
  BzipSource& operator=(const BzipSource&) = delete;
  BzipSource(BzipSource&&) = delete;
  BzipSource& operator=(BzipSource&&) = delete;

  std::size_t read(std::span<std::byte> buffer) override {
    const auto wanted = static_cast<unsigned>(std::min<std::size_t>(buffer.size(), 1U << 30));
    stream_.next_out = reinterpret_cast<char*>(buffer.data());
    stream_.avail_out = wanted;
    while (stream_.avail_out == wanted) {
      if (stream_.avail_in == 0) {
        stream_.avail_in = static_cast<unsigned>(packed_.read(input_));
        stream_.next_in = reinterpret_cast<char*>(input_.data());
        if (stream_.avail_in == 0) {
          if (between_streams_) return 0;
          damaged(name_, "the bzip2 data are cut off");
        }
      }
      between_streams_ = false;
      const auto status = ::BZ2_bzDecompress(&stream_);
      if (status == BZ_STREAM_END) {
        start_again();
      } else if (status != BZ_OK) {
        damaged(name_, "the bzip2 data are damaged");
      }
    }
    return wanted - stream_.avail_out;
  }

 private:
  void start() {
    if (::BZ2_bzDecompressInit(&stream_, 0, 0) != BZ_OK) damaged(name_, "libbz2 does not start");
  }
  void start_again() {
    const auto before = stream_;
    ::BZ2_bzDecompressEnd(&stream_);
    stream_ = {};
    start();
    stream_.next_in = before.next_in;
    stream_.avail_in = before.avail_in;
    stream_.next_out = before.next_out;
    stream_.avail_out = before.avail_out;
    between_streams_ = true;
  }

  FilePart packed_;
  std::string name_;
  bz_stream stream_{};
  std::vector<std::byte> input_ = std::vector<std::byte>(kBufferBytes);
  bool between_streams_ = false;
};

/// gzip, zstd or nothing, as layers are packed.
class LayerSource final : public oci::ByteSource {
 public:
  LayerSource(int fd, const std::string& name) : packed_(fd, name), unpacked_(packed_, name) {}
  std::size_t read(std::span<std::byte> buffer) override { return unpacked_.read(buffer); }

 private:
  FilePart packed_;
  oci::Decompressor unpacked_;
};

/// What every tar of a build is unpacked as: whiteouts are for layers.
oci::LayerOptions options_of_archive() {
  auto options = oci::layer_options_of_caller();
  options.whiteouts = false;
  return options;
}

void unpack(oci::ByteSource& source, const std::string& name, int to,
            const oci::LayerOptions& options, const oci::Warning& warn,
            const std::stop_token& stop) {
  oci::TarReader tar(source, name);
  oci::LayerUsage usage;
  oci::apply_layer(tar, to, name, options, usage, warn, stop);
}

}  // namespace

std::unique_ptr<oci::ByteSource> open_archive(int fd, const std::string& name) {
  std::array<char, kXzMagic.size()> start{};
  const auto bytes = ::pread(fd, start.data(), start.size(), 0);
  if (bytes < 0) base::throw_system_error(errno, fmt::format("cannot read {}", name));
  const std::string_view magic(start.data(), static_cast<std::size_t>(bytes));
  if (magic.starts_with(kXzMagic)) return std::make_unique<XzSource>(fd, name);
  if (magic.starts_with(kBzipMagic)) return std::make_unique<BzipSource>(fd, name);
  return std::make_unique<LayerSource>(fd, name);
}

bool is_archive(int fd) {
  try {
    const auto source = open_archive(fd, "it");
    return oci::TarReader(*source, "it").next().has_value();
  } catch (const base::Error& error) {
    if (error.code() != base::ErrorCode::kIntegrity) throw;
    return false;
  }
}

void unpack_archive(int fd, const std::string& name, int to,
                    std::optional<std::pair<std::uint32_t, std::uint32_t>> owner,
                    const std::stop_token& stop) {
  auto options = options_of_archive();
  options.owner = owner;
  unpack(
      *open_archive(fd, name), name, to, options, [](const std::string&) {}, stop);
}

void unpack_context(oci::ByteSource& tar, const std::string& name, const std::filesystem::path& to,
                    const oci::Warning& warn, const std::stop_token& stop) {
  auto options = options_of_archive();
  options.skip_devices = true;
  unpack(tar, name, base::open_for_reading(to).get(), options, warn, stop);
}

}  // namespace stages::dockerfile
