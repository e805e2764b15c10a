// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace stages {

/// The iPXE script that boots NAME-kernel, NAME-initrd and NAME.squashfs from the folder `url`.
/// With an empty `url` whoever chains the script sets ${base} to that folder before, with a slash
/// at its end; the script says so otherwise. ${config_url} and ${cmdline} may be set too: the
/// address of a cloud-config and more words for the kernel. Throws base::Error kManifest when `url`
/// is not http, https, ftp or tftp, or when it or `name` holds what iPXE would not take as one
/// word.
std::string ipxe_script(std::string_view name, std::string_view url);

}  // namespace stages
