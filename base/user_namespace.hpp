// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

namespace base {

/// Whose files a process can make.
enum class Owners {
  kAll,   ///< Anybody's: root with CAP_CHOWN, where every number is known.
  kSome,  ///< Those of the numbers that its user namespace knows, root's among them.
  kNone,  ///< Its own.
};

/// Gives an ordinary user what the kernel allows: makes this process root of a user namespace of
/// its own, where its user is root and the numbers that /etc/subuid and /etc/subgid give that user
/// (through newuidmap and newgidmap) follow from 1 on; where there are none, root is all there is.
/// Does nothing for root, and nothing where the kernel refuses. Called once, before any thread is
/// started. Source: user_namespaces(7), newuidmap(1).
void enter_user_namespace() noexcept;

/// What this process may give away. Source: capabilities(7), CAP_CHOWN.
Owners possible_owners();

/// Whether this process is in a user namespace that is not the machine's own.
bool in_user_namespace();

/// The effective user that the program was started by, also after enter_user_namespace().
uid_t calling_user();

}  // namespace base
