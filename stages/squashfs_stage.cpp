// SPDX-License-Identifier: Apache-2.0
#include "stages/squashfs_stage.hpp"

#include <fmt/format.h>

#include "base/files.hpp"
#include "base/format.hpp"
#include "stages/file_digest.hpp"
#include "stages/unpack_stage.hpp"

namespace stages {
namespace {

constexpr const char* kFileName = "rootfs.squashfs";

/// What mksquashfs has written of `file`, which it knows by another name until it is complete.
std::uint64_t bytes_so_far(const std::filesystem::path& file) {
  std::error_code error;
  const auto bytes = std::filesystem::file_size(file.string() + ".partial", error);
  return error ? 0 : bytes;
}

}  // namespace

nlohmann::json SquashfsStage::parameters() const {
  return {{"level", options_.compression_level}, {"epoch", options_.epoch}};
}

bool SquashfsStage::still_valid(const Record& record, const oci::Store& store) const {
  return is_same_file(store.root() / record.at("path").get<std::string>(), record.at("identity"));
}

Record SquashfsStage::run(const StageContext& context, const Inputs& inputs,
                          const oci::Digest& fingerprint) const {
  const auto tree = open_tree(context.store, inputs.at("unpack"));
  const auto folder = context.store.result_folder(fingerprint);
  base::make_directories(folder);
  const auto file = folder / kFileName;
  make_squashfs(
      context.process, tree.path(), file, options_,
      [&](double /*fraction*/) { context.observer.progress(bytes_so_far(file), 0); }, context.stop);
  const auto size = std::filesystem::file_size(file);
  context.observer.fact(fmt::format("{} compressed with zstd", base::format_bytes(size)));
  return {{"path", std::filesystem::relative(file, context.store.root()).string()},
          {"size", size},
          {"digest", digest_of_file(file, context.stop).text()},
          {"identity", identity_of_file(file)}};
}

}  // namespace stages
