// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/stat.h>

#include <filesystem>

namespace oci {

/// Gives the folder `to` the mode, owner, time and extended attributes of the folder `from` (but
/// those of overlayfs): what shows at the root of an overlay are its upper folder's.
/// Throws base::Error kIo. Owners that are not ours to give stay.
void copy_folder_attributes(const std::filesystem::path& from, const std::filesystem::path& to);

/// The same for the extended attributes of an open file or folder alone; `name` is for messages.
void copy_xattrs(int from, int to, const std::filesystem::path& name);

/// Gives an open folder, of which a name was made, moved or removed, the times it had `before`, as
/// far as it lets us.
void restore_folder_times(int folder, const struct stat& before);

/// A new folder as the root of an image that says nothing about it: 0755, time 0.
void make_root_folder(const std::filesystem::path& folder);

}  // namespace oci
