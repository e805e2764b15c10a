// SPDX-License-Identifier: Apache-2.0
#include "oci/layer_options.hpp"

#include <unistd.h>

namespace oci {

LayerOptions layer_options_of_caller() {
  const bool root = ::geteuid() == 0;
  return {.keep_owners = root, .skip_devices = !root};
}

}  // namespace oci
