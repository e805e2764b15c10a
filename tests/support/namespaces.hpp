// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <stdexcept>
#include <string>

namespace tests {

/// Puts this process, a child of a test that is root, into a user namespace whose users and groups
/// are mapped by `lines` ("0 1000 1"), as somebody outside does who may.
inline void enter_user_namespace(const std::string& lines) {
  std::array<int, 2> go{};
  if (::pipe(go.data()) != 0) throw std::runtime_error("pipe");
  const auto us = std::to_string(::getpid());
  const pid_t mapper = ::fork();
  if (mapper == 0) {
    char ready = 0;
    const bool told = ::read(go[0], &ready, 1) == 1;
    const auto write = [&](const char* map) {
      std::ofstream file("/proc/" + us + "/" + map);
      file << lines << std::flush;
      return file.good();
    };
    ::_exit(told && write("gid_map") && write("uid_map") ? 0 : 1);
  }
  const bool entered = ::unshare(CLONE_NEWUSER) == 0 && ::write(go[1], "x", 1) == 1;
  int status = -1;
  ::close(go[1]);
  ::waitpid(mapper, &status, 0);
  ::close(go[0]);
  const bool mapped = entered && status == 0;
  if (!mapped || ::setgid(0) != 0 || ::setuid(0) != 0) {
    throw std::runtime_error("there is no user namespace");
  }
}

}  // namespace tests
