// SPDX-License-Identifier: Apache-2.0
#include <malloc.h>
#include <unistd.h>

#include <iostream>

#include "base/files.hpp"
#include "base/first_process.hpp"
#include "base/secret.hpp"
#include "orchestrator/run.hpp"

int main(int argc, char** argv) {
  base::forbid_core_dumps();
  base::allow_many_open_files();
  ::mallopt(M_ARENA_MAX, 2);  // Else every thread keeps memory of its own that others can't use.
  orchestrator::Environment environment{std::cin, std::cout, std::cerr, base::Environment(),
                                        "/dev/termination-log"};
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const auto equals = text.find('=');
    environment.variables.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  base::work_below_first_process([&](int signal, bool out_of_memory) {
    orchestrator::show_killed(signal, out_of_memory, environment);
  });
  return orchestrator::run({argv + 1, argv + argc}, environment);
}
