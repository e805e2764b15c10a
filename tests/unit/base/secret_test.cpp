// SPDX-License-Identifier: Apache-2.0
#include "base/secret.hpp"

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ostream>

namespace {

template <typename T>
concept Printable = requires(std::ostream& out, const T& value) { out << value; };

}  // namespace

TEST(Secret, CannotBePrintedByAccident) {
  static_assert(Printable<std::string> && !Printable<base::Secret>);
  static_assert(!std::is_convertible_v<base::Secret, std::string>);
}

TEST(Secret, Case273IsZeroedWhenItGoes) {
  std::string text = "a canary that is too long for the string itself";
  const char* bytes = text.data();
  const auto size = text.size();

  base::wipe(text);

  EXPECT_TRUE(text.empty());
  EXPECT_EQ(std::string(bytes, size), std::string(size, '\0'));
}

TEST(Secret, Case273TheProcessLeavesNoCore) {
  const auto child = ::fork();
  if (child == 0) {
    base::forbid_core_dumps();
    rlimit limit{};
    ::getrlimit(RLIMIT_CORE, &limit);
    const bool none = limit.rlim_cur == 0 && limit.rlim_max == 0;
    ::_exit(none && ::prctl(PR_GET_DUMPABLE) == 0 ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}
