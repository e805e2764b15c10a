// SPDX-License-Identifier: Apache-2.0
#include "base/user_namespace.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.hpp"
#include "base/handle.hpp"
#include "base/process.hpp"

namespace base {
namespace {

constexpr std::size_t kMaxFileBytes = 1U << 20;
constexpr unsigned kWholeRange = 4294967295U;  // Of the machine's own namespace.

std::optional<uid_t> started_by;

struct Range {
  unsigned first = 0;
  unsigned count = 0;
};

std::optional<unsigned> number_in(std::string_view text) {
  unsigned number = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool whole = result.ec == std::errc() && result.ptr == text.data() + text.size();
  return whole ? std::optional(number) : std::nullopt;
}

/// What `file` gives the user, by name or by number: lines of USER:FIRST:COUNT, see subuid(5).
std::vector<Range> subordinate_ranges(const char* file, uid_t user) {
  const passwd* known = ::getpwuid(user);
  const std::string name = known != nullptr ? known->pw_name : "";
  const auto text = read_file_if_exists(file, kMaxFileBytes).value_or("");
  std::vector<Range> ranges;
  for (std::string_view rest = text; !rest.empty();) {
    const auto end = rest.find('\n');
    const auto line = rest.substr(0, end);
    rest = end == std::string_view::npos ? "" : rest.substr(end + 1);
    const auto one = line.find(':');
    const auto two = line.find(':', one == std::string_view::npos ? one : one + 1);
    if (two == std::string_view::npos) continue;
    const auto owner = line.substr(0, one);
    if (owner != std::to_string(user) && (name.empty() || owner != name)) continue;
    const auto first = number_in(line.substr(one + 1, two - one - 1));
    const auto count = number_in(line.substr(two + 1));
    if (first && count && *count > 0) ranges.push_back({.first = *first, .count = *count});
  }
  return ranges;
}

/// A child that waits for us to be in the new namespace, and then becomes newuidmap or newgidmap:
/// these must be started from outside it.
class Mapper {
 public:
  Mapper(const char* program, const std::vector<Range>& ranges, unsigned own) {
    const auto path = find_program(program);
    if (!path || ranges.empty()) return;
    std::vector<std::string> words = {path->string(), std::to_string(::getpid()), "0",
                                      std::to_string(own), "1"};
    unsigned next = 1;
    for (const auto& range : ranges) {
      for (const auto number : {next, range.first, range.count}) {
        words.push_back(std::to_string(number));
      }
      next += range.count;
    }
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return;
    go_.reset(ends[1]);
    const FileDescriptor wait(ends[0]);
    child_ = ::fork();
    if (child_ == 0) become(words, wait.get());
  }

  /// False when there is no mapper, or it was refused.
  bool map() {
    if (child_ <= 0) return false;
    const char ready = 'x';
    const bool told = ::write(go_.get(), &ready, 1) == 1;
    return finish() && told;
  }
  /// Lets the child go without a word.
  ~Mapper() {
    if (child_ > 0) static_cast<void>(finish());
  }
  Mapper(const Mapper&) = delete;
  Mapper& operator=(const Mapper&) = delete;
  Mapper(Mapper&&) = delete;
  Mapper& operator=(Mapper&&) = delete;

 private:
  [[noreturn]] void become(const std::vector<std::string>& words, int wait) {
    go_.reset();
    char ready = 0;
    if (::read(wait, &ready, 1) != 1) ::_exit(1);
    std::vector<char*> arguments;
    for (const auto& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    const int quiet = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    if (quiet >= 0) ::dup2(quiet, STDERR_FILENO);
    std::array<char*, 1> environment = {nullptr};
    ::execve(arguments.front(), arguments.data(), environment.data());
    ::_exit(1);
  }

  bool finish() {
    go_.reset();
    int status = -1;
    while (::waitpid(child_, &status, 0) < 0 && errno == EINTR) continue;
    child_ = -1;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
  }

  FileDescriptor go_;
  pid_t child_ = -1;
};

bool write_to(const char* file, const std::string& text) {
  const FileDescriptor fd(::open(file, O_WRONLY | O_CLOEXEC));
  return fd && ::write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

/// Root is us, and there is nobody else. Without the right to set groups: what the kernel asks of
/// those who map themselves.
bool map_ourselves(uid_t user, gid_t group) {
  return write_to("/proc/self/setgroups", "deny") &&
         write_to("/proc/self/gid_map", fmt::format("0 {} 1\n", group)) &&
         write_to("/proc/self/uid_map", fmt::format("0 {} 1\n", user));
}

/// Tried by a child: there is no way back out of a namespace in which we are nobody.
bool allowed(uid_t user, gid_t group) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::_exit(::unshare(CLONE_NEWUSER) == 0 && ::prctl(PR_SET_DUMPABLE, 1) == 0 &&
                    map_ourselves(user, group)
                ? 0
                : 1);
  }
  int status = -1;
  while (child > 0 && ::waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  return child > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

void enter(uid_t user, gid_t group) {
  if (!allowed(user, group)) return;
  Mapper users("newuidmap", subordinate_ranges("/etc/subuid", user), user);
  Mapper groups("newgidmap", subordinate_ranges("/etc/subgid", user), group);
  // The files below /proc that map us are ours only while we may be dumped.
  const int dumpable = ::prctl(PR_GET_DUMPABLE);
  ::prctl(PR_SET_DUMPABLE, 1);
  if (::unshare(CLONE_NEWUSER) == 0) {
    ::prctl(PR_SET_DUMPABLE, 1);
    const bool mapped = groups.map() && users.map();
    if (!mapped) map_ourselves(user, group);
  }
  ::prctl(PR_SET_DUMPABLE, dumpable);
}

bool has_chown() {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  std::array<__user_cap_data_struct, 2> data{};
  return ::syscall(SYS_capget, &header, data.data()) == 0 &&
         (data[0].effective & (1U << CAP_CHOWN)) != 0;
}

}  // namespace

void enter_user_namespace() noexcept {
  const auto user = ::geteuid();
  started_by = user;
  if (user == 0) return;
  try {
    enter(user, ::getegid());
  } catch (const std::exception&) {
    return;  // Without it then.
  }
}

bool in_user_namespace() {
  const auto map = read_file_if_exists("/proc/self/uid_map", kMaxFileBytes).value_or("");
  return map.find(std::to_string(kWholeRange)) == std::string::npos;
}

Owners possible_owners() {
  if (!has_chown()) return Owners::kNone;
  return in_user_namespace() ? Owners::kSome : Owners::kAll;
}

uid_t calling_user() { return started_by.value_or(::geteuid()); }

}  // namespace base
