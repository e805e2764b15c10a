// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/kubernetes/merge_patch.hpp"
#include "orchestrator/kubernetes/node_op_controller.hpp"
#include "orchestrator/kubernetes/node_op_upgrade_reconcile.hpp"

namespace orchestrator::kubernetes {
namespace {

using Again = std::optional<std::chrono::milliseconds>;

class NodeOpUpgradeController final : public Controller {
 public:
  explicit NodeOpUpgradeController(ControllerContext& context)
      : Controller(context),
        upgrades_(add_informer(kNodeOpUpgrades, {.selection = everything()})),
        node_ops_(add_informer(kNodeOps, {.selection = everything()})) {
    // A NodeOp has the name of the upgrade that made it.
    for (auto* informer : {&upgrades_, &node_ops_}) {
      informer->add_handler([this](const Informer::Shared& before, const Informer::Shared& after) {
        queue().add(name_of(after ? *after : *before));
      });
    }
  }
  [[nodiscard]] std::string_view name() const override { return "nodeopupgrade"; }

  Again reconcile(const ObjectName& name) override {
    const auto found = upgrades_.find(name);
    if (!found || is_being_deleted(*found)) return std::nullopt;
    auto upgrade = *found;
    upgrade["apiVersion"] = kNodeOpUpgrades.api_version();
    upgrade["kind"] = kNodeOpUpgrades.kind;
    const auto decision =
        decide_upgrade(upgrade, node_ops_.find(name), std::chrono::system_clock::now());
    if (decision.create) {
      try {
        context().client.create(kNodeOps, *decision.create);
      } catch (const ApiError& error) {
        if (!error.already_exists()) throw;
      }
    }
    write(upgrade, decision);
    return std::nullopt;
  }

 private:
  void write(const Object& upgrade, const NodeOpUpgradeDecision& decision) {
    const auto* before = find_at(upgrade, "/status");
    const auto patch =
        merge_patch_between(before == nullptr ? Object::object() : *before, decision.status);
    if (patch.empty()) return;
    context().client.merge_status(
        kNodeOpUpgrades, name_of(upgrade),
        {{"metadata", {{"resourceVersion", version_of(upgrade)}}}, {"status", patch}});
    for (const auto& event : decision.events) context().events.record(upgrade, event);
  }

  Informer& upgrades_;
  Informer& node_ops_;
};

}  // namespace

std::unique_ptr<Controller> make_node_op_upgrade_controller(ControllerContext& context) {
  return std::make_unique<NodeOpUpgradeController>(context);
}

}  // namespace orchestrator::kubernetes
