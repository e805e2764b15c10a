// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

#include "stages/architecture.hpp"
#include "stages/stage.hpp"

namespace stages {

/// The files that a machine boots from a network with.
enum class NetbootPart { kKernel, kInitrd, kSquashfs, kScript };

/// Makes one of the four netboot files: kernel and initrd from the tree, the squashfs from the
/// store (an ISO's is the same one), or the iPXE script; and checks it.
/// Record: {"type": "netboot-kernel"..., "path", "size", "digest", "identity"}.
class NetbootStage final : public Stage {
 public:
  struct Options {
    NetbootPart part = NetbootPart::kKernel;
    std::filesystem::path output;  ///< Absolute path of the file.
    Architecture architecture = Architecture::kAmd64;
    std::string script;      ///< kScript: all of it.
    bool from_tool = false;  ///< Kernel, initrd and squashfs are what AuroraBoot's "netboot" gave.
  };
  explicit NetbootStage(Options options) : options_(std::move(options)) {}

  [[nodiscard]] std::string_view name() const override;
  [[nodiscard]] int version() const override { return 1; }
  [[nodiscard]] std::vector<std::string> inputs() const override;
  [[nodiscard]] nlohmann::json parameters() const override;
  [[nodiscard]] bool still_valid(const Record& record, const oci::Store& store) const override;
  [[nodiscard]] Record run(const StageContext& context, const Inputs& inputs,
                           const oci::Digest& fingerprint) const override;

 private:
  void write(const StageContext& context, const Inputs& inputs,
             const std::filesystem::path& file) const;

  Options options_;
};

}  // namespace stages
