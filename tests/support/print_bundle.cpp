// SPDX-License-Identifier: Apache-2.0
// Prints the config.json of a container that runs a command as a Kubernetes pod would that asks for
// nothing: containerd's default capabilities and seccomp filter, the machine's network.
// Usage: print_bundle ROOT WORD...

#include <iostream>

#include "oci/container_bundle.hpp"

int main(int count, char** words) {
  oci::Container container;
  container.name = "pod";
  container.root = words[1];
  container.arguments.assign(words + 2, words + count);
  container.environment = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                           "HOME=/nonexistent", "SOURCE_DATE_EPOCH=1700000000"};
  container.no_new_privileges = true;
  container.add_capabilities = {"MKNOD"};
  oci::BundleOptions options;
  options.root = container.root;
  options.seccomp = true;
  std::cout << oci::bundle_config(container, options).dump(2) << std::endl;
}
