// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <nlohmann/json.hpp>

#include "oci/reference.hpp"
#include "oci/signing_key.hpp"
#include "stages/stage.hpp"

namespace stages::supply_chain {

/// Signs an image that was pushed and attaches to it what is known about it. It asks the registry
/// each time; what is there already is not sent again.
/// Record: {"signed" (bool), "attached" (digests)}.
class AttestStage final : public Stage {
 public:
  struct Options {
    oci::Reference destination;
    std::shared_ptr<const oci::SigningKey> key;  ///< Null: nothing is signed.
    bool sbom = false;                           ///< The input "sbom" is attached.
    nlohmann::json provenance;                   ///< A predicate; null: none is attached.
  };
  explicit AttestStage(Options options) : options_(std::move(options)) {}

  [[nodiscard]] std::string_view name() const override { return "attest"; }
  [[nodiscard]] int version() const override { return 1; }
  [[nodiscard]] std::vector<std::string> inputs() const override;
  [[nodiscard]] nlohmann::json parameters() const override;
  [[nodiscard]] bool still_valid(const Record& record, const oci::Store& store) const override;
  [[nodiscard]] Record run(const StageContext& context, const Inputs& inputs,
                           const oci::Digest& fingerprint) const override;

 private:
  Options options_;
};

}  // namespace stages::supply_chain
