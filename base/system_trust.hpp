// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

namespace base {

/// The CA certificates that libcurl takes where nothing else is said; may be empty or not there.
std::filesystem::path system_ca_bundle();

}  // namespace base
