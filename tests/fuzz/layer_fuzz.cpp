// SPDX-License-Identifier: Apache-2.0
// Two layers of foreign origin, one over the other: applied or refused, and nothing outside the
// root is touched. kSeparator divides the input.
#include <cstdint>
#include <string>

#include "tests/fuzz/hostile_root.hpp"
#include "tests/fuzz/tar_repair.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::string_view kSeparator = "--layer--";
  const std::string input(reinterpret_cast<const char*>(data), size);
  const auto border = input.find(kSeparator);
  tests::HostileRoot root(/*keep_owners=*/size % 2 == 0);
  root.apply(tests::with_right_checksums(input.substr(0, border)));
  if (border == std::string::npos) return 0;
  root.apply(tests::with_right_checksums(input.substr(border + kSeparator.size())));
  return 0;
}
