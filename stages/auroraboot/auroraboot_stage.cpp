// SPDX-License-Identifier: Apache-2.0
#include "stages/auroraboot/auroraboot_stage.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <vector>

#include "base/error.hpp"
#include "base/files.hpp"
#include "oci/copy_tree.hpp"
#include "stages/copy_file.hpp"
#include "stages/file_digest.hpp"
#include "stages/iso_check.hpp"
#include "stages/iso_padding.hpp"
#include "stages/partial_file.hpp"
#include "stages/raw_disk_check.hpp"
#include "stages/raw_disk_stage.hpp"
#include "stages/root_tree.hpp"
#include "stages/uki/authenticode.hpp"
#include "stages/uki/boot_folder.hpp"
#include "stages/uki/openssl.hpp"
#include "stages/uki/systemd_boot.hpp"
#include "stages/uki/uki_check.hpp"
#include "stages/uki/uki_stage.hpp"
#include "stages/unpack_stage.hpp"

namespace stages {
namespace {

namespace fs = std::filesystem;

constexpr const char* kName = "artifact";  // Of what it makes, in a folder of this run alone.

/// Files come with the tool's own names: there must be one, and only one.
fs::path only_file(const fs::path& folder, std::string_view ending) {
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.is_regular_file() && entry.path().string().ends_with(ending)) {
      found.push_back(entry.path());
    }
  }
  if (found.size() == 1) return found.front();
  throw base::Error({.code = base::ErrorCode::kArtifactTool,
                     .what = fmt::format("AuroraBoot made {} *{} files where one was expected",
                                         found.size(), ending),
                     .why = "",
                     .hint = "what it said stands above"});
}

/// Renames, or copies where the output lies elsewhere.
void put_in_place(const fs::path& made, const fs::path& output, const std::stop_token& stop) {
  base::make_directories(output.parent_path());
  PartialFile partial(output);
  if (std::rename(made.c_str(), partial.path().c_str()) != 0) {
    if (errno != EXDEV) {
      base::throw_system_error(errno, fmt::format("cannot move {} into place", made.string()));
    }
    copy_file(made, partial.path(), stop);
  }
  fs::permissions(partial.path(), fs::perms(0644));
  partial.commit();
}

/// One run of the tool, and the folders that it sees.
class AuroraBootRun {
 public:
  AuroraBootRun(const StageContext& context, const AuroraBootStage::Options& options)
      : context_(context), options_(options), work_(context.store.make_temp_dir("auroraboot")) {
    base::make_directories(made());
  }

  /// What it made lies there.
  [[nodiscard]] fs::path made() const { return work_.path() / "made"; }

  void make_iso(const fs::path& tree) {
    std::vector<std::string> words = {"build-iso", "--override-name",
                                      kName,       "--date=false",
                                      "--output",  writable(made(), "/artifacts")};
    if (options_.overlay || options_.grub_config) {
      words.insert(words.end(), {"--overlay-iso", shown(overlay(), "/overlay-iso")});
    }
    if (!options_.cloud_config.empty()) {
      words.insert(words.end(), {"--cloud-config", cloud_config()});
    }
    words.insert(words.end(), {"--arch", std::string(name_of(options_.architecture)),
                               "dir:" + shown(tree, "/rootfs")});
    run(std::move(words));
  }

  void make_disk(const fs::path& tree) {
    const bool bios = options_.firmware == DiskFirmware::kBios;
    std::vector<std::string> settings = {"disable_netboot=true", "disable_http_server=true",
                                         "state_dir=" + writable(made(), "/artifacts"),
                                         "container_image=dir:" + shown(tree, "/rootfs"),
                                         fmt::format("arch={}", name_of(options_.architecture))};
    // disk.raw is what disk.efi was called before.
    settings.emplace_back(bios ? "disk.bios=true" : "disk.efi=true");
    if (!bios) settings.emplace_back("disk.raw=true");
    if (options_.disk_mib) settings.push_back(fmt::format("disk.size={}", *options_.disk_mib));
    std::vector<std::string> words;
    for (const auto& setting : settings) words.insert(words.end(), {"--set", setting});
    if (!options_.cloud_config.empty()) {
      words.insert(words.end(), {"--cloud-config", cloud_config()});
    }
    run(std::move(words));
  }

  void make_uki(const fs::path& tree) {
    const auto keys = shown(options_.keys_folder, "/uki-keys");
    run({"build-uki", "--name", kName, "--output-dir", writable(made(), "/artifacts"),
         "--output-type", "uki", "--public-keys", keys, "--tpm-pcr-private-key",
         keys + "/tpm2-pcr-private.pem", "--sb-key", keys + "/db.key", "--sb-cert",
         keys + "/db.pem", "dir:" + shown(tree, "/rootfs")});
  }

  void take_netboot(const fs::path& iso) {
    const auto folder = shown(iso.parent_path(), "/iso");
    run({"netboot", folder + "/" + iso.filename().string(), writable(made(), "/artifacts"), kName});
  }

 private:
  std::string shown(const fs::path& folder, const char* name) {
    folders_.push_back({.folder = folder, .name = name, .read_only = true});
    return options_.tool->place_of(folders_.back());
  }
  std::string writable(const fs::path& folder, const char* name) {
    folders_.push_back({.folder = folder, .name = name, .read_only = false});
    return options_.tool->place_of(folders_.back());
  }

  std::string cloud_config() {
    const auto folder = work_.path() / "config";
    base::make_directories(folder);
    base::write_file_atomically(folder / "cloud-config.yaml", options_.cloud_config.reveal(), 0600);
    return shown(folder, "/config") + "/cloud-config.yaml";
  }

  /// The menu is a file of the overlay: AuroraBoot knows no other way.
  fs::path overlay() {
    if (!options_.grub_config) return options_.overlay->folder;
    auto folder = work_.path() / "overlay";
    base::make_directories(folder);
    if (options_.overlay) oci::copy_tree(options_.overlay->folder, folder);
    base::make_directories(folder / "boot/grub2");
    base::write_file_atomically(folder / "boot/grub2/grub.cfg", *options_.grub_config);
    return folder;
  }

  void run(std::vector<std::string> words) {
    words.insert(words.begin(), "--debug");
    options_.tool->run(context_, words, folders_);
  }

  const StageContext& context_;
  const AuroraBootStage::Options& options_;
  base::TempDir work_;
  std::vector<ToolFolder> folders_;
};

fs::path output_of(const AuroraBootStage::Options& options, const oci::Store& store,
                   const oci::Digest& fingerprint, const char* name) {
  return options.output.empty() ? store.result_folder(fingerprint) / name : options.output;
}

Record describe(const AuroraBootStage::Options& options, const StageContext& context,
                std::string_view type, const fs::path& output) {
  if (!options.output.empty()) return describe_artifact(type, output, context.stop);
  return {{"path", fs::relative(output, context.store.root()).string()},
          {"size", fs::file_size(output)},
          {"identity", identity_of_file(output)}};
}

Record finish_iso(const AuroraBootStage::Options& options, const StageContext& context,
                  const fs::path& made, const fs::path& output) {
  const auto iso = only_file(made, ".iso");
  if (const auto bytes = cut_padding(iso); bytes > 0) {
    context.observer.fact(
        fmt::format("{} bytes behind the backup GPT are cut off: it belongs at the end", bytes));
  }
  check_iso(context.process, iso, options.architecture, context.stop);
  put_in_place(iso, output, context.stop);
  return describe(options, context, "iso", output);
}

Record finish_disk(const AuroraBootStage::Options& options, const StageContext& context,
                   const fs::path& made, const fs::path& output) {
  const auto disk = only_file(made, ".raw");
  check_raw_disk(context.process, disk, options.firmware, options.architecture, context.stop);
  put_in_place(disk, output, context.stop);
  return describe(options, context, "raw-disk", output);
}

/// Moves a finished folder to where results are kept.
void keep(const fs::path& made, const fs::path& folder) {
  base::remove_tree(folder);
  base::make_directories(folder.parent_path());
  if (std::rename(made.c_str(), folder.c_str()) != 0) {
    base::throw_system_error(errno, fmt::format("cannot move {} into place", folder.string()));
  }
}

Record finish_uki(const AuroraBootStage::Options& options, const StageContext& context,
                  const fs::path& made, const fs::path& folder) {
  const auto certificate = uki::fingerprint_of(options.keys->secure_boot.certificate.get());
  uki::check_uki(uki::uki_place(made), options.architecture, certificate, context.stop);
  uki::check_signed_pe(made / "EFI/BOOT" / uki::fallback_name(options.architecture),
                       options.architecture, certificate, context.stop);
  keep(made, folder);
  return {{"folder", fs::relative(folder, context.store.root()).string()},
          {"files", uki::describe_files(folder, context.stop)},
          {"certificate", certificate}};
}

Record finish_netboot(const StageContext& context, const fs::path& made, const fs::path& folder) {
  const std::string name = kName;
  for (const auto& [ending, part] :
       {std::pair{"-kernel", "kernel"}, {"-initrd", "initrd"}, {".squashfs", "squashfs"}}) {
    fs::rename(only_file(made, name + ending), made / part);
  }
  keep(made, folder);
  return {{"folder", fs::relative(folder, context.store.root()).string()},
          {"files", uki::describe_files(folder, context.stop)}};
}

}  // namespace

std::string_view AuroraBootStage::name() const {
  switch (options_.task) {
    case AuroraBootTask::kIso:
      return "iso";
    case AuroraBootTask::kRawDisk:
      return "raw-disk";
    case AuroraBootTask::kUki:
      return "uki";
    case AuroraBootTask::kNetboot:
      return "netboot";
  }
  return "";
}

std::vector<std::string> AuroraBootStage::inputs() const {
  std::vector<std::string> names = {options_.task == AuroraBootTask::kNetboot ? "iso" : "unpack"};
  if (options_.tool_is_pulled) names.emplace_back("tool");
  return names;
}

nlohmann::json AuroraBootStage::parameters() const {
  nlohmann::json parameters = {
      {"engine", "auroraboot"},
      {"tool", options_.tool->identity()},
      {"output", options_.output.string()},
      {"architecture", name_of(options_.architecture)},
      {"firmware", name_of(options_.firmware)},
      {"cloudConfig", oci::Digest::of(options_.cloud_config.reveal()).text()}};
  if (options_.disk_mib) parameters["diskSize"] = *options_.disk_mib;
  if (options_.grub_config) parameters["grubConfig"] = *options_.grub_config;
  if (options_.overlay) parameters["overlay"] = options_.overlay->digest.text();
  if (options_.keys) parameters["keys"] = uki::identify(*options_.keys);
  return parameters;
}

bool AuroraBootStage::still_valid(const Record& record, const oci::Store& store) const {
  if (record.contains("files")) {
    return uki::are_same_files(uki::boot_folder_of(store, record), record.at("files"));
  }
  return is_same_file(raw_disk_file(store, record), record.at("identity"));
}

Record AuroraBootStage::run(const StageContext& context, const Inputs& inputs,
                            const oci::Digest& fingerprint) const {
  AuroraBootRun auroraboot(context, options_);
  if (options_.task == AuroraBootTask::kNetboot) {
    auroraboot.take_netboot(raw_disk_file(context.store, inputs.at("iso")));
    return finish_netboot(context, auroraboot.made(), context.store.result_folder(fingerprint));
  }
  const auto tree = open_tree(context.store, inputs.at("unpack"));
  switch (options_.task) {
    case AuroraBootTask::kIso:
      auroraboot.make_iso(tree.path());
      return finish_iso(options_, context, auroraboot.made(),
                        output_of(options_, context.store, fingerprint, "disk.iso"));
    case AuroraBootTask::kRawDisk:
      auroraboot.make_disk(tree.path());
      return finish_disk(options_, context, auroraboot.made(),
                         output_of(options_, context.store, fingerprint, "disk.raw"));
    case AuroraBootTask::kUki:
      for (const auto& warning : options_.keys->warnings) context.observer.warning(warning);
      auroraboot.make_uki(tree.path());
      return finish_uki(options_, context, auroraboot.made(),
                        context.store.result_folder(fingerprint));
    case AuroraBootTask::kNetboot:
      break;
  }
  return {};
}

void check_auroraboot(base::ProcessRunner& process, const fs::path& program) {
  const auto said = base::run_or_throw(process,
                                       {.program = program.string(),
                                        .arguments = {"--help"},
                                        .environment = {},
                                        .working_directory = {},
                                        .input = {}},
                                       base::ErrorCode::kArtifactTool, {}, {})
                        .standard_output;
  for (const char* command : {"build-iso", "build-uki", "netboot"}) {
    if (said.find(command) != std::string::npos) continue;
    throw base::Error({.code = base::ErrorCode::kArtifactTool,
                       .what = fmt::format("{} does not know {}", program.string(), command),
                       .why = "it is too old, or another program of that name",
                       .hint = "install AuroraBoot 0.20 or newer, or name its image with "
                               "--artifact-engine-image"});
  }
}

}  // namespace stages
