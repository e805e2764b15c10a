// SPDX-License-Identifier: Apache-2.0
#include "oci/container.hpp"

namespace oci {

std::string_view name_of(Runtime runtime) {
  switch (runtime) {
    case Runtime::kRunc:
      return "runc";
    case Runtime::kCrun:
      return "crun";
    case Runtime::kChroot:
      return "chroot";
  }
  return "";
}

std::optional<Runtime> parse_runtime(std::string_view name) {
  for (const auto runtime : {Runtime::kRunc, Runtime::kCrun, Runtime::kChroot}) {
    if (name == name_of(runtime)) return runtime;
  }
  return std::nullopt;
}

}  // namespace oci
