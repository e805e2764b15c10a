// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/manifest/schema.hpp"

namespace orchestrator::manifest {
namespace {

constexpr Field kNodeOp[] = {{"apiVersion", "string", kRequired},
                             {"kind", "string", kRequired},
                             {"metadata", "ObjectMeta"},
                             {"spec", "NodeOpSpec", kRequired},
                             {"status", "any"}};

// targetNodes is ours; the rest is the operator's.
constexpr Field kNodeOpSpec[] = {{"backoffLimit", "int32"},
                                 {"command", "[]string", kRequired},
                                 {"concurrency", "int32"},
                                 {"cordon", "boolean"},
                                 {"drainOptions", "DrainOptions"},
                                 {"hostMountPath", "string"},
                                 {"image", "string"},
                                 {"imagePullSecrets", "[]LocalObjectReference"},
                                 {"nodeSelector", "LabelSelector"},
                                 {"preflight", "PreflightSpec"},
                                 {"rebootOnSuccess", "boolean"},
                                 {"stopOnFailure", "boolean"},
                                 {"targetNodes", "[=]string"},
                                 {"uncordonOnFailure", "boolean"}};

constexpr Field kPreflightSpec[] = {
    {"activeDeadlineSeconds", "int32"}, {"command", "[]string", kRequired}, {"image", "string"}};

constexpr Field kDrainOptions[] = {{"deleteEmptyDirData", "boolean"},
                                   {"enabled", "boolean"},
                                   {"force", "boolean"},
                                   {"gracePeriodSeconds", "int32"},
                                   {"ignoreDaemonSets", "boolean"},
                                   {"timeoutSeconds", "int32"}};

constexpr Field kNodeOpUpgrade[] = {{"apiVersion", "string", kRequired},
                                    {"kind", "string", kRequired},
                                    {"metadata", "ObjectMeta"},
                                    {"spec", "NodeOpUpgradeSpec", kRequired},
                                    {"status", "any"}};

constexpr Field kNodeOpUpgradeSpec[] = {
    {"concurrency", "int32"},          {"debug", "boolean"},
    {"excludePaths", "[]string"},      {"force", "boolean"},
    {"image", "string", kRequired},    {"imagePullSecrets", "[]LocalObjectReference"},
    {"nodeSelector", "LabelSelector"}, {"stopOnFailure", "boolean"},
    {"targetNodes", "[=]string"},      {"uncordonOnFailure", "boolean"},
    {"upgradeActive", "boolean"},      {"upgradeRecovery", "boolean"}};

constexpr TypeSchema kTypes[] = {
    {"NodeOp", kNodeOp},
    {"NodeOpSpec", kNodeOpSpec},
    {"PreflightSpec", kPreflightSpec},
    {"DrainOptions", kDrainOptions},
    {"NodeOpUpgrade", kNodeOpUpgrade},
    {"NodeOpUpgradeSpec", kNodeOpUpgradeSpec},
};

}  // namespace

std::span<const TypeSchema> node_op_types() { return kTypes; }

}  // namespace orchestrator::manifest
