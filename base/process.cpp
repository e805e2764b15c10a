// SPDX-License-Identifier: Apache-2.0
#include "base/process.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio.hpp>
#include <boost/process/v2.hpp>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <deque>

#include "base/handle.hpp"
#include "base/resource_limits.hpp"

namespace base {
namespace {

namespace asio = boost::asio;
namespace process = boost::process::v2;

constexpr std::chrono::seconds kGraceBeforeKill{5};
constexpr std::chrono::seconds kDrainAfterExit{1};
constexpr std::size_t kMaxLineBytes = 16384;

/// Child side: an own process group, so that a stop reaches grandchildren; SIGKILL when we die;
/// default signal dispositions and an empty mask.
struct DetachFromTerminal {
  const std::optional<Confinement>& confinement;

  template <typename Launcher>
  process::error_code on_exec_setup(Launcher& launcher, const process::filesystem::path& program,
                                    const char* const*(&arguments)) {
    // Boost 1.81's own closing misses descriptors, and a write end left open never gives an end of
    // input; no descriptor of ours, least of all one of a credential, may reach a child.
    ::close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
    ::setpgid(0, 0);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::signal(SIGPIPE, SIG_DFL);
    if (!confinement) return {};
    int error = enter(*confinement);
    if (error == 0) {
      // Boost would look for open descriptors in a /proc that may not be there any more.
      ::execve(program.c_str(), const_cast<char* const*>(arguments),
               const_cast<char* const*>(launcher.env));
      error = errno;
    }
    errno = error;  // What Boost tells the parent.
    return {error, boost::system::system_category()};
  }
};

bool has_own_root(const Command& command) {
  return command.confinement && command.confinement->kind == Confinement::Kind::kChroot;
}

std::vector<std::string> child_environment(const Command& command) {
  if (has_own_root(command)) return command.environment;
  std::vector<std::string> environment = {"LANG=C.UTF-8", "LC_ALL=C.UTF-8"};
  for (const char* name : {"PATH", "TMPDIR", "SOURCE_DATE_EPOCH"}) {
    const char* value = std::getenv(name);
    if (value != nullptr) environment.push_back(fmt::format("{}={}", name, value));
  }
  // Of two of one name programs take either.
  for (const auto& entry : command.environment) {
    const auto name = entry.substr(0, entry.find('=') + 1);
    std::erase_if(environment, [&](const std::string& ours) { return ours.starts_with(name); });
  }
  environment.insert(environment.end(), command.environment.begin(), command.environment.end());
  return environment;
}

/// A child that ends before it has read its input makes our write fail, not us: while one of these
/// lives, SIGPIPE stays away from this thread.
class PipeSignalBlocked {
 public:
  PipeSignalBlocked() {
    ::sigemptyset(&pipe_);
    ::sigaddset(&pipe_, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  PipeSignalBlocked(const PipeSignalBlocked&) = delete;
  PipeSignalBlocked& operator=(const PipeSignalBlocked&) = delete;
  ~PipeSignalBlocked() {
    const timespec now{};
    if (::sigismember(&before_, SIGPIPE) == 0) ::sigtimedwait(&pipe_, nullptr, &now);
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }

 private:
  sigset_t pipe_{};
  sigset_t before_{};
};

/// One output pipe of the child, cut into lines.
class OutputReader {
 public:
  OutputReader(asio::io_context& context, std::function<void(std::string_view)> on_line,
               std::string* capture)
      : pipe(context), on_line_(std::move(on_line)), capture_(capture) {}

  asio::readable_pipe pipe;

  void start() {
    pipe.async_read_some(asio::buffer(buffer_),
                         [this](boost::system::error_code error, std::size_t count) {
                           feed(std::string_view(buffer_.data(), count));
                           if (!error) return start();
                           emit();
                           boost::system::error_code ignored;
                           static_cast<void>(pipe.close(ignored));
                         });
  }

 private:
  void feed(std::string_view data) {
    if (capture_ != nullptr && capture_->size() < kMaxCapturedBytes) {
      capture_->append(data.substr(0, kMaxCapturedBytes - capture_->size()));
    }
    for (const char character : data) {
      // Progress meters redraw with a carriage return; each state is a line of its own.
      if (character == '\n' || character == '\r' || line_.size() >= kMaxLineBytes) emit();
      if (character != '\n' && character != '\r') line_ += character;
    }
  }
  void emit() {
    if (!line_.empty()) on_line_(line_);
    line_.clear();
  }

  std::function<void(std::string_view)> on_line_;
  std::string* capture_;
  std::array<char, 16384> buffer_{};
  std::string line_;
};

/// Everything one run needs; the io_context runs on the caller's thread.
class Run {
 public:
  Run(const Command& command, const LineSink& on_line, std::stop_token stop)
      : command_(command),
        stop_(std::move(stop)),
        on_line_(on_line),
        out_(
            context_, [this](std::string_view line) { take(line); }, &result_.standard_output),
        err_(
            context_, [this](std::string_view line) { take(line); }, nullptr),
        input_(context_),
        timer_(context_) {}

  ProcessResult finish() {
    const PipeSignalBlocked blocked;
    asio::readable_pipe child_input(context_);
    asio::connect_pipe(child_input, input_);
    auto child = launch(child_input);
    child_input.close();
    out_.start();
    err_.start();
    send_input();
    bool exited = false;
    child.async_wait([&](boost::system::error_code /*error*/, int /*status*/) {
      exited = true;
      timer_.expires_after(kDrainAfterExit);  // A daemon left behind may hold the pipes open.
      timer_.async_wait([this](boost::system::error_code error) {
        if (!error) close_pipes();
      });
    });
    const std::stop_callback on_stop(stop_, [&] {
      asio::post(context_, [&] {
        if (!exited) end(child.id());
      });
    });
    while ((!exited || out_.pipe.is_open() || err_.pipe.is_open()) && context_.run_one() > 0) {
    }
    set_status(child.native_exit_code());
    return std::move(result_);
  }

 private:
  using Process = process::basic_process<asio::io_context::executor_type>;

  Process launch(asio::readable_pipe& child_input) {
    const auto program = has_own_root(command_)
                             ? std::optional<std::filesystem::path>(command_.program)
                             : find_program(command_.program);
    if (!program) {
      throw Error({.code = ErrorCode::kArtifactTool,
                   .what = fmt::format("cannot run {}", command_.program),
                   .why = "no such program on PATH",
                   .hint = "install the package that has it"});
    }
    boost::system::error_code error;
    process::default_process_launcher launcher;
    const auto environment = child_environment(command_);
    std::vector<const char*> pointers;
    for (const auto& entry : environment) pointers.push_back(entry.c_str());
    pointers.push_back(nullptr);
    launcher.env = pointers.data();
    const auto directory = command_.working_directory.empty()
                               ? std::filesystem::current_path().string()
                               : command_.working_directory.string();
    auto child =
        launcher(context_.get_executor(), error, process::filesystem::path(program->string()),
                 command_.arguments, process::process_stdio{child_input, out_.pipe, err_.pipe},
                 process::process_start_dir(directory), DetachFromTerminal{command_.confinement});
    if (error) {
      throw Error({.code = ErrorCode::kArtifactTool,
                   .what = fmt::format("cannot run {}", program->string()),
                   .why = error.message(),
                   .hint = ""});
    }
    return child;
  }

  void send_input() {
    asio::async_write(input_, asio::buffer(command_.input),
                      [this](boost::system::error_code /*error*/, std::size_t /*count*/) {
                        boost::system::error_code ignored;
                        static_cast<void>(input_.close(ignored));
                      });
  }

  void take(std::string_view line) {
    tail_.emplace_back(line);
    if (tail_.size() > kTailLines) tail_.pop_front();
    if (on_line_) on_line_(line);
  }

  void end(pid_t group) {
    ::kill(-group, SIGTERM);
    timer_.expires_after(kGraceBeforeKill);
    timer_.async_wait([group](boost::system::error_code error) {
      if (!error) ::kill(-group, SIGKILL);
    });
  }

  void close_pipes() {
    boost::system::error_code ignored;
    static_cast<void>(out_.pipe.close(ignored));
    static_cast<void>(err_.pipe.close(ignored));
  }

  void set_status(int native) {
    if (WIFSIGNALED(native)) {
      result_.signal = WTERMSIG(native);
      result_.exit_status = 128 + result_.signal;
    } else {
      result_.exit_status = WEXITSTATUS(native);
    }
    result_.tail.assign(tail_.begin(), tail_.end());
  }

  const Command& command_;
  std::stop_token stop_;
  const LineSink& on_line_;
  asio::io_context context_;
  ProcessResult result_;
  std::deque<std::string> tail_;
  OutputReader out_;
  OutputReader err_;
  asio::writable_pipe input_;
  asio::steady_timer timer_;
};

bool found_disk_full(const ProcessResult& result) {
  return std::any_of(result.tail.begin(), result.tail.end(), [](const std::string& line) {
    return line.find(std::strerror(ENOSPC)) != std::string::npos ||
           line.find("exceeds free space on media") != std::string::npos;  // xorriso.
  });
}

std::string describe_end(const ProcessResult& result) {
  if (result.signal == SIGKILL)
    return "killed by SIGKILL (the kernel does so when memory runs out)";
  if (result.signal != 0) return fmt::format("ended by signal {}", result.signal);
  return fmt::format("exit status {}", result.exit_status);
}

}  // namespace

ProcessResult SystemProcessRunner::run(const Command& command, const LineSink& on_line,
                                       std::stop_token stop) {
  const auto kills = memory_kills();
  auto result = Run(command, on_line, stop).finish();
  if (result.exit_status != 0 && memory_kills() > kills) result.tail.push_back(out_of_memory());
  if (stop.stop_requested()) {
    throw Error({.code = ErrorCode::kInterrupted,
                 .what = fmt::format("{} was stopped", command.program),
                 .why = "",
                 .hint = ""});
  }
  return result;
}

ProcessResult run_or_throw(ProcessRunner& runner, const Command& command, ErrorCode code,
                           const LineSink& on_line, std::stop_token stop) {
  auto result = runner.run(command, on_line, std::move(stop));
  if (result.exit_status == 0) return result;
  throw Error(
      {.code = found_disk_full(result) ? ErrorCode::kNoSpace : code,
       .what = fmt::format("{} failed", command.program),
       .why = fmt::format("{}{}{}", describe_end(result), result.tail.empty() ? "" : "\n    ",
                          fmt::join(result.tail, "\n    ")),
       .hint = ""});
}

std::optional<std::filesystem::path> find_program(const std::string& name) {
  const auto executable = [](const std::filesystem::path& path) {
    std::error_code hidden;  // A folder that we may not look into has no program for us.
    return std::filesystem::is_regular_file(path, hidden) && ::access(path.c_str(), X_OK) == 0;
  };
  if (name.find('/') != std::string::npos) {
    return executable(name) ? std::optional<std::filesystem::path>(name) : std::nullopt;
  }
  const char* value = std::getenv("PATH");
  std::string_view rest = value != nullptr ? value : "/usr/sbin:/usr/bin:/sbin:/bin";
  while (!rest.empty()) {
    const auto colon = rest.find(':');
    const auto folder = rest.substr(0, colon);
    rest = colon == std::string_view::npos ? std::string_view() : rest.substr(colon + 1);
    if (folder.empty() || folder.front() != '/') continue;  // A relative folder is an invitation.
    auto path = std::filesystem::path(folder) / name;
    if (executable(path)) return path;
  }
  return std::nullopt;
}

std::filesystem::path require_program(const std::string& name, std::string_view debian_package) {
  if (auto path = find_program(name)) return *path;
  throw Error({.code = ErrorCode::kArtifactTool,
               .what = fmt::format("{} is needed and is not on PATH", name),
               .why = "",
               .hint = fmt::format("apt-get install {}", debian_package)});
}

}  // namespace base
