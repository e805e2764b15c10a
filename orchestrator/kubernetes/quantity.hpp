// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace orchestrator::kubernetes {

/// A resource.Quantity in thousandths ("500m" is 500, "1Ki" 1024000), rounded up; nullopt for what
/// is none or does not fit. Source: k8s.io/apimachinery/pkg/api/resource.
std::optional<std::int64_t> parse_quantity(std::string_view text);

/// The shortest exact form without binary suffixes: "500m", "2", "4294967296".
std::string format_quantity(std::int64_t thousandths);

}  // namespace orchestrator::kubernetes
