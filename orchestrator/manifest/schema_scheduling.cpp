// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/manifest/schema.hpp"

namespace orchestrator::manifest {
namespace {

constexpr Field kAffinity[] = {{"nodeAffinity", "NodeAffinity"},
                               {"podAffinity", "PodAffinity"},
                               {"podAntiAffinity", "PodAffinity"}};

constexpr Field kNodeAffinity[] = {
    {"preferredDuringSchedulingIgnoredDuringExecution", "[]PreferredSchedulingTerm"},
    {"requiredDuringSchedulingIgnoredDuringExecution", "NodeSelector"}};

constexpr Field kPreferredSchedulingTerm[] = {{"preference", "NodeSelectorTerm", kRequired},
                                              {"weight", "int32", kRequired}};

constexpr Field kNodeSelectorTerm[] = {{"matchExpressions", "[]SelectorRequirement"},
                                       {"matchFields", "[]SelectorRequirement"}};

constexpr Field kSelectorRequirement[] = {
    {"key", "string", kRequired}, {"operator", "string", kRequired}, {"values", "[]string"}};

constexpr Field kNodeSelector[] = {{"nodeSelectorTerms", "[]NodeSelectorTerm", kRequired}};

constexpr Field kPodAffinity[] = {
    {"preferredDuringSchedulingIgnoredDuringExecution", "[]WeightedPodAffinityTerm"},
    {"requiredDuringSchedulingIgnoredDuringExecution", "[]PodAffinityTerm"}};

constexpr Field kWeightedPodAffinityTerm[] = {{"podAffinityTerm", "PodAffinityTerm", kRequired},
                                              {"weight", "int32", kRequired}};

constexpr Field kPodAffinityTerm[] = {
    {"labelSelector", "LabelSelector"}, {"matchLabelKeys", "[]string"},
    {"mismatchLabelKeys", "[]string"},  {"namespaceSelector", "LabelSelector"},
    {"namespaces", "[]string"},         {"topologyKey", "string", kRequired}};

constexpr Field kLabelSelector[] = {{"matchExpressions", "[]SelectorRequirement"},
                                    {"matchLabels", "{}string"}};

constexpr Field kToleration[] = {{"effect", "string"},
                                 {"key", "string"},
                                 {"operator", "string"},
                                 {"tolerationSeconds", "int64"},
                                 {"value", "string"}};

constexpr Field kTopologySpreadConstraint[] = {
    {"labelSelector", "LabelSelector"},   {"matchLabelKeys", "[]string"},
    {"maxSkew", "int32", kRequired},      {"minDomains", "int32"},
    {"nodeAffinityPolicy", "string"},     {"nodeTaintsPolicy", "string"},
    {"topologyKey", "string", kRequired}, {"whenUnsatisfiable", "string", kRequired}};

constexpr TypeSchema kTypes[] = {
    {"Affinity", kAffinity},
    {"NodeAffinity", kNodeAffinity},
    {"PreferredSchedulingTerm", kPreferredSchedulingTerm},
    {"NodeSelectorTerm", kNodeSelectorTerm},
    {"SelectorRequirement", kSelectorRequirement},
    {"NodeSelector", kNodeSelector},
    {"PodAffinity", kPodAffinity},
    {"WeightedPodAffinityTerm", kWeightedPodAffinityTerm},
    {"PodAffinityTerm", kPodAffinityTerm},
    {"LabelSelector", kLabelSelector},
    {"Toleration", kToleration},
    {"TopologySpreadConstraint", kTopologySpreadConstraint},
};

}  // namespace

std::span<const TypeSchema> scheduling_types() { return kTypes; }

}  // namespace orchestrator::manifest
