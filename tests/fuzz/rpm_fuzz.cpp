// SPDX-License-Identifier: Apache-2.0
// Databases of rpm come with images of anybody: whatever they hold, it is packages or an Error.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/error.hpp"
#include "stages/supply_chain/rpm_header.hpp"
#include "stages/supply_chain/rpm_ndb.hpp"

namespace {

void read_header(std::string_view header) {
  try {
    const auto package = stages::supply_chain::package_of_rpm_header(header);
    if (package && package->name.empty()) std::abort();
  } catch (const base::Error& error) {
    if (error.code() != base::ErrorCode::kIntegrity) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  read_header(bytes);
  std::size_t seen = 0;
  try {
    stages::supply_chain::for_each_ndb_header(bytes, [&](std::string_view header) {
      seen += header.size();
      read_header(header);
    });
  } catch (const base::Error& error) {
    if (error.code() != base::ErrorCode::kIntegrity) std::abort();
  }
  if (seen > size) std::abort();
  return 0;
}
