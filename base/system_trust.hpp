// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

namespace base {

/// The CA certificates that count where nothing else is said: libcurl's own file, or where that is
/// not there, as on other distributions than it was built for, the one of this machine. May be
/// empty or not there.
std::filesystem::path system_ca_bundle();

}  // namespace base
