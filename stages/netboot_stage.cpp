// SPDX-License-Identifier: Apache-2.0
#include "stages/netboot_stage.hpp"

#include <algorithm>

#include "base/files.hpp"
#include "stages/boot_files.hpp"
#include "stages/copy_file.hpp"
#include "stages/disk_bytes.hpp"
#include "stages/file_digest.hpp"
#include "stages/partial_file.hpp"
#include "stages/unpack_stage.hpp"

namespace stages {
namespace {

std::filesystem::path squashfs_file(const StageContext& context, const Inputs& inputs) {
  return context.store.root() / inputs.at("squashfs").at("path").get<std::string>();
}

void check_kernel(const RootTree& root, const std::filesystem::path& kernel,
                  Architecture architecture) {
  const DiskBytes bytes(kernel);
  check_architecture(root, bytes.read(0, std::min<std::uint64_t>(bytes.size(), kKernelHeadBytes)),
                     architecture);
}

/// What AuroraBoot took out of its ISO.
std::filesystem::path tool_file(const StageContext& context, const Inputs& inputs,
                                const char* name) {
  return context.store.root() / inputs.at("netboot").at("folder").get<std::string>() / name;
}

void copy_kernel(const RootTree& root, const std::filesystem::path& file, Architecture architecture,
                 const StageContext& context) {
  const auto kernel = find_kernel(root).kernel;
  check_kernel(root, kernel.file, architecture);
  context.observer.fact("kernel " + kernel.origin);
  copy_file(kernel.file, file, context.stop);
}

void copy_squashfs(const std::filesystem::path& source, const std::filesystem::path& file,
                   const StageContext& context) {
  copy_file(source, file, context.stop);
  constexpr std::size_t kSuperblockBytes = 96;
  const DiskBytes copy(file);
  const auto superblock = copy.read(0, kSuperblockBytes);
  copy.require(superblock.starts_with("hsqs"), "it is no squashfs");
  copy.require(little_endian(superblock, 40, 8) <= copy.size(), "it is cut off");
}

}  // namespace

std::string_view NetbootStage::name() const {
  switch (options_.part) {
    case NetbootPart::kKernel:
      return "netboot-kernel";
    case NetbootPart::kInitrd:
      return "netboot-initrd";
    case NetbootPart::kSquashfs:
      return "netboot-squashfs";
    case NetbootPart::kScript:
      return "netboot-script";
  }
  return "";
}

std::vector<std::string> NetbootStage::inputs() const {
  const bool is_script = options_.part == NetbootPart::kScript;
  if (options_.from_tool && !is_script) return {"unpack", "netboot"};
  switch (options_.part) {
    case NetbootPart::kKernel:
    case NetbootPart::kInitrd:
      return {"unpack"};
    case NetbootPart::kSquashfs:
      return {"squashfs"};
    case NetbootPart::kScript:
      return {};
  }
  return {};
}

nlohmann::json NetbootStage::parameters() const {
  nlohmann::json parameters = {{"output", options_.output.string()}};
  if (options_.part == NetbootPart::kKernel) {
    parameters["architecture"] = name_of(options_.architecture);
  }
  if (options_.part == NetbootPart::kScript) parameters["script"] = options_.script;
  return parameters;
}

bool NetbootStage::still_valid(const Record& record, const oci::Store& /*store*/) const {
  return is_same_file(options_.output, record.at("identity"));
}

void NetbootStage::write(const StageContext& context, const Inputs& inputs,
                         const std::filesystem::path& file) const {
  switch (options_.part) {
    case NetbootPart::kKernel: {
      const auto tree = open_tree(context.store, inputs.at("unpack"));
      if (options_.from_tool) {
        const auto kernel = tool_file(context, inputs, "kernel");
        check_kernel(RootTree(tree.path()), kernel, options_.architecture);
        copy_file(kernel, file, context.stop);
        return;
      }
      copy_kernel(RootTree(tree.path()), file, options_.architecture, context);
      return;
    }
    case NetbootPart::kInitrd: {
      if (options_.from_tool) {
        copy_file(tool_file(context, inputs, "initrd"), file, context.stop);
        return;
      }
      const auto tree = open_tree(context.store, inputs.at("unpack"));
      copy_file(find_kernel(RootTree(tree.path())).initrd.file, file, context.stop);
      return;
    }
    case NetbootPart::kSquashfs:
      copy_squashfs(options_.from_tool ? tool_file(context, inputs, "squashfs")
                                       : squashfs_file(context, inputs),
                    file, context);
      return;
    case NetbootPart::kScript:
      base::write_file_atomically(file, options_.script);
      return;
  }
}

Record NetbootStage::run(const StageContext& context, const Inputs& inputs,
                         const oci::Digest& /*fingerprint*/) const {
  base::make_directories(options_.output.parent_path());
  PartialFile partial(options_.output);
  write(context, inputs, partial.path());
  partial.commit();
  return describe_artifact(name(), options_.output, context.stop);
}

}  // namespace stages
