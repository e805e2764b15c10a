// SPDX-License-Identifier: Apache-2.0
#include "stages/uki/uki_image.hpp"

#include <algorithm>

#include "stages/disk_bytes.hpp"
#include "stages/stage.hpp"
#include "stages/uki/authenticode.hpp"
#include "stages/uki/pcr_policy.hpp"
#include "stages/uki/uki_writer.hpp"

namespace stages::uki {
namespace {

constexpr std::size_t kMostSections = 8;
constexpr std::size_t kBufferBytes = std::size_t{1} << 20;

void add_file(UkiWriter& writer, std::string_view name, const std::filesystem::path& file,
              const std::stop_token& stop) {
  const DiskBytes bytes(file);
  writer.begin(name);
  for (std::uint64_t done = 0; done < bytes.size();) {
    check_stop(stop);
    const auto part = std::min<std::uint64_t>(kBufferBytes, bytes.size() - done);
    const auto content = bytes.read(done, part);
    writer.write(std::as_bytes(std::span(content)));
    done += part;
  }
  writer.end();
}

/// The kernel must be an EFI program itself: the stub starts it as one.
void check_kernel(const std::filesystem::path& kernel) {
  const DiskBytes bytes(kernel);
  bytes.require(looks_like_pe(bytes),
                "it is no kernel that EFI can start (CONFIG_EFI_STUB), or it "
                "is compressed as a whole");
}

}  // namespace

InitrdFacts make_uki(const RootTree& root, const UkiContents& contents, const UkiKeys& keys,
                     const std::filesystem::path& output, const InitrdOptions& options,
                     const InitrdProgress& progress, const std::stop_token& stop) {
  check_kernel(contents.kernel);
  UkiWriter writer(contents.stub, output, kMostSections);
  writer.add(".osrel", contents.os_release);
  writer.add(".cmdline", contents.command_line);
  writer.begin(".initrd");
  const auto facts = write_initrd(
      root, [&](std::span<const std::byte> data) { writer.write(data); }, options, progress, stop);
  writer.end();
  if (contents.splash) add_file(writer, ".splash", *contents.splash, stop);
  writer.add(".uname", contents.release);
  writer.add(".pcrpkey", public_key_pem(keys.pcr.get()));
  add_file(writer, ".linux", contents.kernel, stop);
  const auto values = predict_pcrs(DiskBytes(output), writer.image(), stop);
  writer.add(".pcrsig", sign_pcr_policies(values, keys.pcr.get()));
  writer.finish();
  sign_pe(output, keys.secure_boot, options.epoch, stop);
  return facts;
}

}  // namespace stages::uki
