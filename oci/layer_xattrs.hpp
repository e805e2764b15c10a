// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "oci/layer_options.hpp"

namespace oci {

using Xattrs = std::vector<std::pair<std::string, std::string>>;

/// Sets the extended attributes of a layer's entries, by this policy: `security.selinux` is the
/// host's business and left out; `trusted.overlay.*` and `user.overlay.*` would steer overlayfs and
/// are left out with a warning; what the file system cannot hold, or we may not set, is left out
/// with one warning for all of it. Binary values are kept as they are.
class XattrWriter {
 public:
  /// `name` is for messages.
  XattrWriter(std::string name, Warning warn) : name_(std::move(name)), warn_(std::move(warn)) {}

  /// To an open file or folder; `entry` is for messages. Throws base::Error kIo or kNoSpace.
  void set(int fd, const std::string& entry, const Xattrs& xattrs);
  /// To what must not be opened or followed: `file` in the folder `parent`.
  void set_no_follow(int parent, const std::string& file, const std::string& entry,
                     const Xattrs& xattrs);
  /// Removes from the folder `fd` what a lower layer gave it and `kept` does not name.
  void clear_stale(int fd, const std::string& entry, const Xattrs& kept);

 private:
  bool accepts(const std::string& xattr);
  void judge(int error_number, const std::string& entry, const std::string& xattr,
             std::size_t bytes = 0);
  void warn_once(const std::string& kind, std::string text);

  std::string name_;
  Warning warn_;
  std::set<std::string> warned_;
};

}  // namespace oci
