// SPDX-License-Identifier: Apache-2.0
#include "stages/uki/uki_files_stage.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/temp_dir.hpp"
#include "stages/copy_file.hpp"
#include "stages/uki/boot_folder.hpp"
#include "stages/uki/uki_stage.hpp"

namespace stages::uki {
namespace {

void put_in_place(const std::filesystem::path& made, const std::filesystem::path& output) {
  base::remove_tree(output);
  if (std::rename(made.c_str(), output.c_str()) != 0) {
    base::throw_system_error(errno, fmt::format("cannot move {} into place", output.string()));
  }
}

/// What `sha256sum` would say of the folder's files.
std::string listing(const nlohmann::json& files) {
  std::string text;
  for (const auto& file : files) {
    const auto digest = oci::Digest::parse(file.at("digest").get<std::string>()).value();
    text += fmt::format("{}  {}\n", digest.hex(), file.at("path").get<std::string>());
  }
  return text;
}

}  // namespace

nlohmann::json UkiFilesStage::parameters() const { return {{"output", options_.output.string()}}; }

bool UkiFilesStage::still_valid(const Record& record, const oci::Store& /*store*/) const {
  return are_same_files(options_.output, record.at("files"));
}

Record UkiFilesStage::run(const StageContext& context, const Inputs& inputs,
                          const oci::Digest& /*fingerprint*/) const {
  const auto folder = boot_folder_of(context.store, inputs.at("uki"));
  base::make_directories(options_.output.parent_path());
  const std::filesystem::path partial = options_.output.string() + ".partial";
  base::remove_tree(partial);
  for (const auto& name : files_below(folder)) {
    base::make_directories((partial / name).parent_path());
    copy_file(folder / name, partial / name, context.stop);
  }
  put_in_place(partial, options_.output);
  const auto files = describe_files(options_.output, context.stop);
  std::uint64_t size = 0;
  for (const auto& file : files) size += file.at("size").get<std::uint64_t>();
  return {{"type", "uki-files"},
          {"path", options_.output.string()},
          {"size", size},
          {"digest", oci::Digest::of(listing(files)).text()},
          {"files", files}};
}

}  // namespace stages::uki
