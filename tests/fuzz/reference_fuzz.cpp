// SPDX-License-Identifier: Apache-2.0
// Names of images and platforms as people type them: what is taken is in one form that reads the
// same.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/error.hpp"
#include "oci/image_location.hpp"
#include "oci/platform.hpp"
#include "oci/reference.hpp"

namespace {

template <typename Call>
void refuse_or(Call call) {
  try {
    call();
  } catch (const base::Error& error) {
    if (error.code() != base::ErrorCode::kUsage) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  refuse_or([&] {
    const auto reference = oci::Reference::parse(text);
    const auto canonical = reference.text();
    if (oci::Reference::parse(canonical).text() != canonical) std::abort();
    if (reference.repository.find("..") != std::string::npos) std::abort();
    if (canonical.find_first_of(" \t\r\n\"'`$;|&<>\\%?#") != std::string::npos) std::abort();
  });
  refuse_or([&] {
    const auto location = oci::ImageLocation::parse(text);
    if (location && oci::ImageLocation::parse(location->text())->text() != location->text()) {
      std::abort();
    }
  });
  refuse_or([&] {
    const auto platform = oci::Platform::parse(text);
    if (!platform.accepts(oci::Platform::parse(platform.text()))) std::abort();
  });
  return 0;
}
