// SPDX-License-Identifier: Apache-2.0
#include "stages/supply_chain/sbom_stage.hpp"

#include <fmt/format.h>

#include "base/files.hpp"
#include "stages/file_digest.hpp"
#include "stages/root_tree.hpp"
#include "stages/supply_chain/installed_packages.hpp"
#include "stages/supply_chain/spdx.hpp"
#include "stages/unpack_stage.hpp"

namespace stages::supply_chain {
namespace {

constexpr int kIndent = 2;

/// Databases have texts that are not UTF-8: a name of 1998 does not end the build.
std::string text_of(const nlohmann::json& document) {
  return document.dump(kIndent, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace

nlohmann::json SbomStage::parameters() const {
  return {{"output", options_.output.string()},
          {"name", options_.name},
          {"tool", options_.tool},
          {"epoch", options_.epoch}};
}

bool SbomStage::still_valid(const Record& record, const oci::Store& /*store*/) const {
  return is_same_file(options_.output, record.at("identity"));
}

Record SbomStage::run(const StageContext& context, const Inputs& inputs,
                      const oci::Digest& /*fingerprint*/) const {
  const auto tree = open_tree(context.store, inputs.at("unpack"));
  const auto contents = contents_of(RootTree(tree.path()));
  for (const auto& database : contents.unread) {
    context.observer.warning(fmt::format("packages are missing in the SBOM: {} cannot be read ({})",
                                         database.path, database.reason));
  }
  // The same contents have the same name, so that no two documents share one.
  SpdxSubject subject{
      .name = options_.name, .fingerprint = "", .epoch = options_.epoch, .tool = options_.tool};
  subject.fingerprint = oci::Digest::of(text_of(spdx_document(contents, subject))).hex();
  base::make_directories(options_.output.parent_path());
  base::write_file_atomically(options_.output, text_of(spdx_document(contents, subject)));
  context.observer.fact(fmt::format("{} packages", contents.packages.size()));
  return describe_artifact("sbom", options_.output, context.stop);
}

}  // namespace stages::supply_chain
