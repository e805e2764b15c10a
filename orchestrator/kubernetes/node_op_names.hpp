// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

// How what belongs to a NodeOp is called. Source: kairos-operator v0.1.3, whose users look for
// these labels and names.

namespace orchestrator::kubernetes {

inline constexpr const char* kNodeOpLabel = "kairos.io/nodeop";
inline constexpr const char* kNodeLabel = "kairos.io/node";
inline constexpr const char* kPreflightLabel = "kairos.io/preflight";
inline constexpr const char* kRebootLabel = "kairos.io/reboot";
/// On a node: which NodeOp cordoned it, NAMESPACE/NAME@UID.
inline constexpr const char* kCordonedBy = "operator.kairos.io/cordoned-by";
/// On a reboot pod: the boot that it is to end.
inline constexpr const char* kBootIdAnnotation = "operator.kairos.io/boot-id";

/// A name as the value of a label, 63 bytes at most.
std::string label_value(const std::string& name);

/// NAME-KEY: the same for the same NodeOp (`uid`) and node, so that nothing is made twice.
std::string name_for_node(const std::string& name, std::string_view uid, std::string_view node);

}  // namespace orchestrator::kubernetes
