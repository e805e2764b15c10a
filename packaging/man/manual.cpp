// SPDX-License-Identifier: Apache-2.0
// Prints what is made from the program's own tables: "1" and "5" are the manual pages osartifact(1)
// and osartifact(5), "flags.md" and "manifest.md" pages of docs/. Runs while the program is built.
#include <iostream>
#include <string_view>

#include "orchestrator/manual_page.hpp"
#include "orchestrator/reference_pages.hpp"

int main(int argc, char** argv) {
  const std::string_view page = argc == 2 ? argv[1] : "";
  if (page == "1") {
    std::cout << orchestrator::manual_page(orchestrator::describe_command_line(),
                                           OSARTIFACT_VERSION);
  } else if (page == "5") {
    std::cout << orchestrator::manifest_manual_page(OSARTIFACT_VERSION);
  } else if (page == "flags.md") {
    std::cout << orchestrator::flags_page(orchestrator::describe_command_line());
  } else if (page == "manifest.md") {
    std::cout << orchestrator::manifest_page();
  } else {
    std::cerr << "usage: manual 1|5|flags.md|manifest.md\n";
    return 2;
  }
  return 0;
}
