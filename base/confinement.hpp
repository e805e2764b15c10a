// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace base {

/// Keeps a program, and all it starts, from outliving us and from what is not its business. Between
/// us and the program stands a keeper, a process of ours that waits for it and ends the rest.
struct Confinement {
  enum class Kind {
    /// Processes and mounts of its own: the kernel ends all that it started when it, the keeper or
    /// we end, also by SIGKILL. Needs CAP_SYS_ADMIN. Source: pid_namespaces(7).
    kNamespaces,
    /// A root folder of its own and nothing else: the keeper adopts what the program leaves behind
    /// and kills it. Needs CAP_SYS_CHROOT. Source: PR_SET_CHILD_SUBREAPER of prctl(2).
    kChroot,
  };
  Kind kind = Kind::kNamespaces;

  // kNamespaces:
  std::vector<std::string> read_only;  ///< Mounts that it sees read-only.
  std::vector<std::string> hidden;     ///< Folders that it sees empty and read-only.

  // kChroot; the command's program is a path inside, its environment the whole environment:
  std::string root;
  std::string working_directory = "/";  ///< Inside.
  std::uint32_t user = 0;
  std::uint32_t group = 0;
  std::vector<std::uint32_t> groups;
  std::uint64_t capabilities = 0;  ///< Kept where we have them; bit numbers as in capability(7).
  bool no_new_privileges = true;
};

/// Called in the child between fork and exec. Returns in the process that is to become the program
/// with 0, or an errno when it must not; in the keeper it does not return. Async-signal-safe.
int enter(const Confinement& confinement) noexcept;

}  // namespace base
