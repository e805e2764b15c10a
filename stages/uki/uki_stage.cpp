// SPDX-License-Identifier: Apache-2.0
#include "stages/uki/uki_stage.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/format.hpp"
#include "stages/file_digest.hpp"
#include "stages/uki/authenticode.hpp"
#include "stages/uki/boot_folder.hpp"
#include "stages/uki/systemd_boot.hpp"
#include "stages/uki/uki_check.hpp"
#include "stages/uki/uki_image.hpp"
#include "stages/unpack_stage.hpp"

namespace stages::uki {
namespace {

constexpr std::size_t kMostOsReleaseBytes = 65536;
// Firmware reads the image whole, from slow media, into memory.
constexpr std::uint64_t kLargeBytes = std::uint64_t{1} << 30;

/// The first picture of the distribution for a boot menu, if any.
std::optional<std::filesystem::path> find_splash(const RootTree& root) {
  const std::filesystem::path folder = "/usr/share/systemd/bootctl";
  for (const auto& name : root.names(folder)) {
    if (!name.ends_with(".bmp")) continue;
    if (const auto inside = root.file(folder / name)) return root.on_host(*inside);
  }
  return std::nullopt;
}

/// Finds what the image is made of in the tree, and says where it comes from.
UkiContents find_contents(const RootTree& root, const SystemdBoot& systemd_boot,
                          Architecture architecture, StageObserver& observer) {
  const auto kernel = find_kernel_alone(root);
  const auto inside = std::filesystem::relative(kernel.file.file, root.path()).string();
  check_architecture(root, root.head(inside, kKernelHeadBytes).value_or(""), architecture);
  observer.fact(fmt::format("kernel {}", kernel.file.origin));
  observer.fact(fmt::format("stub {} (systemd {})", systemd_boot.stub.origin,
                            systemd_version(systemd_boot.stub.file)));
  observer.fact(fmt::format("boot menu {}", systemd_boot.loader.origin));
  UkiContents contents;
  contents.stub = systemd_boot.stub.file;
  contents.kernel = kernel.file.file;
  contents.release = kernel_release(kernel.file.file, kernel.version);
  contents.os_release = root.head("/etc/os-release", kMostOsReleaseBytes).value_or("");
  contents.splash = find_splash(root);
  return contents;
}

void tell(const InitrdFacts& facts, std::uint64_t uki_bytes, StageObserver& observer) {
  observer.fact(fmt::format("initrd: {} names, {}; the whole image is {}", facts.entries,
                            base::format_bytes(facts.bytes), base::format_bytes(uki_bytes)));
  if (facts.replaced_init) observer.warning("the image's own /init is not in the initrd");
  if (facts.with_capabilities > 0) {
    observer.warning(
        fmt::format("{} files lose their capabilities: an initrd has no place for "
                    "extended attributes",
                    facts.with_capabilities));
  }
  if (uki_bytes > kLargeBytes) {
    observer.warning("much firmware does not start an image of more than 1 GiB");
  }
}

}  // namespace

nlohmann::json UkiStage::parameters() const {
  return {{"keys", identify(*options_.keys)},
          {"architecture", name_of(options_.architecture)},
          {"commandLine", kCommandLine},
          {"epoch", options_.epoch}};
}

bool UkiStage::still_valid(const Record& record, const oci::Store& store) const {
  return are_same_files(boot_folder_of(store, record), record.at("files"));
}

Record UkiStage::run(const StageContext& context, const Inputs& inputs,
                     const oci::Digest& fingerprint) const {
  const auto& keys = *options_.keys;
  for (const auto& warning : keys.warnings) context.observer.warning(warning);
  const auto tree = open_tree(context.store, inputs.at("unpack"));
  const RootTree root(tree.path());
  const auto systemd_boot = find_systemd_boot(root, options_.architecture);
  const auto contents = find_contents(root, systemd_boot, options_.architecture, context.observer);
  const auto folder = context.store.result_folder(fingerprint);
  base::remove_tree(folder);  // Of an earlier, killed run.
  const auto uki = uki_place(folder);
  base::make_directories(uki.parent_path());
  const auto facts = make_uki(
      root, contents, keys, uki, {.epoch = options_.epoch, .threads = options_.threads},
      [&](std::uint64_t bytes) { context.observer.progress(bytes, 0); }, context.stop);
  tell(facts, std::filesystem::file_size(uki), context.observer);
  write_boot_folder(folder, systemd_boot, keys, options_.epoch, context.stop);
  const auto certificate = fingerprint_of(keys.secure_boot.certificate.get());
  check_uki(uki, options_.architecture, certificate, context.stop);
  check_signed_pe(folder / "EFI/BOOT" / systemd_boot.fallback_name, options_.architecture,
                  certificate, context.stop);
  return {{"folder", std::filesystem::relative(folder, context.store.root()).string()},
          {"files", describe_files(folder, context.stop)},
          {"certificate", certificate}};
}

std::filesystem::path boot_folder_of(const oci::Store& store, const Record& uki_record) {
  return store.root() / uki_record.at("folder").get<std::string>();
}

nlohmann::json describe_files(const std::filesystem::path& folder, const std::stop_token& stop) {
  auto files = nlohmann::json::array();
  for (const auto& name : files_below(folder)) {
    const auto file = folder / name;
    base::sync_path(file);
    files.push_back({{"path", name},
                     {"size", std::filesystem::file_size(file)},
                     {"digest", digest_of_file(file, stop).text()},
                     {"identity", identity_of_file(file)}});
  }
  return files;
}

bool are_same_files(const std::filesystem::path& folder, const nlohmann::json& files) {
  return std::all_of(files.begin(), files.end(), [&](const nlohmann::json& file) {
    return is_same_file(folder / file.at("path").get<std::string>(), file.at("identity"));
  });
}

}  // namespace stages::uki
