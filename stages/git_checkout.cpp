// SPDX-License-Identifier: Apache-2.0
#include "stages/git_checkout.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <utility>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/mask.hpp"
#include "base/temp_dir.hpp"
#include "base/url.hpp"

namespace stages {
namespace {

constexpr std::size_t kCommitCharacters = 40;

/// A URL and what of it must not be seen.
struct Login {
  std::string url;   ///< Without user and password.
  std::string line;  ///< As git-credential-store(1) has it; empty: there is none.
  std::string password;
};

/// Takes `user:password@` out of an http or https URL; ssh's user is no secret.
Login split(const std::string& remote) {
  Login login{.url = remote, .line = "", .password = ""};
  const auto scheme = remote.find("://");
  if (!remote.starts_with("http") || scheme == std::string::npos) return login;
  const auto begin = scheme + 3;
  const auto host = remote.find('@', begin);
  if (host == std::string::npos || host > remote.find('/', begin)) return login;
  const auto user = remote.substr(begin, host - begin);
  login.url = remote.substr(0, begin) + remote.substr(host + 1);
  login.line = remote.substr(0, remote.find('/', begin)) + "\n";
  const auto colon = user.find(':');
  login.password = colon == std::string::npos ? user : user.substr(colon + 1);
  return login;
}

class Checkout {
 public:
  Checkout(base::ProcessRunner& process, const dockerfile::GitSource& source,
           const GitCheckout& options, std::stop_token stop)
      : process_(process),
        source_(source),
        folder_(options.folder),
        environment_(options.environment),
        login_(split(source.remote)),
        mask_({base::Secret(login_.password)}),
        stop_(std::move(stop)) {
    program_ = base::require_program("git", "git").string();
    if (options.http != nullptr) add_trust(*options.http, options.scratch);
    if (login_.line.empty()) return;
    credentials_ = options.scratch / "git-credentials";
    base::write_file_atomically(credentials_, login_.line, 0600);
  }

  std::string run(bool keep_git_dir) {
    base::make_directories(folder_);
    git({"init", "--quiet"});
    fetch();
    git({"checkout", "--quiet", "--detach", "FETCH_HEAD"});
    auto commit = ask({"rev-parse", "HEAD"});
    if (!commit.starts_with(source_.checksum)) {
      refuse(fmt::format("{} is at commit {}", shown(), commit),
             fmt::format("{} was asked for", source_.checksum));
    }
    if (source_.submodules && std::filesystem::exists(folder_ / ".gitmodules")) {
      git({"submodule", "--quiet", "update", "--init", "--recursive", "--depth=1"});
    }
    if (source_.commit_times) date_by_commit();
    if (!keep_git_dir) base::remove_tree(folder_ / ".git");
    if (!credentials_.empty()) std::filesystem::remove(credentials_);
    return commit;
  }

 private:
  std::string shown() const { return base::redacted(login_.url); }

  [[noreturn]] static void refuse(std::string what, std::string why) {
    throw base::Error({.code = base::ErrorCode::kManifest,
                       .what = std::move(what),
                       .why = std::move(why),
                       .hint = ""});
  }

  /// The CAs, the certificate and the leniency that our own requests to that host have.
  void add_trust(const base::HttpClient& http, const std::filesystem::path& scratch) {
    const auto url = base::Url::parse(login_.url);
    if (!url || url->scheme != "https") return;
    const auto trust = http.trust_for(*url);
    std::vector<std::pair<std::string, std::string>> settings;
    if (!trust->verify) settings.emplace_back("sslVerify", "false");
    if (!trust->ca_bundle.empty()) {
      const auto bundle = scratch / "git-ca.pem";
      base::write_file_atomically(bundle, trust->ca_bundle, 0600);
      settings.emplace_back("sslCAInfo", bundle.string());
    }
    if (!trust->client_certificate.empty()) {
      settings.emplace_back("sslCert", trust->client_certificate.string());
      settings.emplace_back("sslKey", trust->client_key.string());
    }
    environment_.push_back(fmt::format("GIT_CONFIG_COUNT={}", settings.size()));
    for (std::size_t i = 0; i < settings.size(); ++i) {
      const auto& [name, value] = settings[i];
      environment_.push_back(fmt::format("GIT_CONFIG_KEY_{}=http.{}/.{}", i, url->origin(), name));
      environment_.push_back(fmt::format("GIT_CONFIG_VALUE_{}={}", i, value));
    }
  }

  /// What git answers, a line.
  std::string ask(const std::vector<std::string>& arguments) {
    auto answer = git(arguments).standard_output;
    answer.erase(answer.find_last_not_of('\n') + 1);
    return answer;
  }

  void date_by_commit() {
    const auto text = ask({"log", "-1", "--no-show-signature", "--format=%ct"});
    timespec time{};
    std::from_chars(text.data(), text.data() + text.size(), time.tv_sec);
    const std::array<timespec, 2> times = {time, time};
    const auto date = [&](const std::filesystem::path& path) {
      if (::utimensat(AT_FDCWD, path.c_str(), times.data(), AT_SYMLINK_NOFOLLOW) == 0) return;
      base::throw_system_error(errno, fmt::format("cannot set the time of {}", path.string()));
    };
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_)) date(entry);
    date(folder_);
  }

  void fetch() {
    auto ref = source_.ref.empty() ? "HEAD" : source_.ref;
    if (source_.fetch_by_commit && !source_.checksum.empty()) ref = source_.checksum;
    if (try_fetch({"--depth=1", "--no-tags"}, ref).exit_status == 0) return;
    // A server of plain files knows no depth.
    const auto whole = try_fetch({"--no-tags"}, ref);
    if (whole.exit_status == 0) return;
    // Part of a commit's name, or a server that gives no single commits: look among all.
    const bool commit = ref.size() <= kCommitCharacters &&
                        ref.find_first_not_of("0123456789abcdefABCDEF") == std::string::npos;
    if (!commit) fail(whole);
    const auto all = try_fetch({}, "+refs/*:refs/fetched/*");
    if (all.exit_status != 0) fail(all);
    const auto found = try_git({"rev-parse", "--verify", "--quiet", ref + "^{commit}"});
    if (found.exit_status != 0) fail(whole);
    auto name = found.standard_output;
    name.erase(name.find_last_not_of('\n') + 1);
    git({"update-ref", "FETCH_HEAD", name});
  }

  base::ProcessResult try_fetch(const std::vector<std::string>& options, const std::string& ref) {
    std::vector<std::string> arguments = {"fetch", "--quiet"};
    arguments.insert(arguments.end(), options.begin(), options.end());
    arguments.insert(arguments.end(), {"--", login_.url, ref});
    return try_git(arguments);
  }

  base::ProcessResult try_git(const std::vector<std::string>& arguments) {
    base::Command command{.program = program_,
                          .arguments = {"-C", folder_.string(), "-c", "credential.helper=", "-c",
                                        "core.hooksPath=/dev/null", "-c", "protocol.allow=never"},
                          .environment = {"GIT_TERMINAL_PROMPT=0", "GIT_CONFIG_NOSYSTEM=1",
                                          "HOME=" + folder_.string()},
                          .working_directory = {},
                          .input = ""};
    command.environment.insert(command.environment.end(), environment_.begin(), environment_.end());
    for (const auto* protocol : {"http", "https", "git", "ssh"}) {
      command.arguments.push_back("-c");
      command.arguments.push_back(fmt::format("protocol.{}.allow=always", protocol));
    }
    if (!credentials_.empty()) {
      command.arguments.push_back("-c");
      command.arguments.push_back(
          fmt::format("credential.helper=store --file={}", credentials_.string()));
    }
    command.arguments.insert(command.arguments.end(), arguments.begin(), arguments.end());
    return process_.run(command, {}, stop_);
  }

  base::ProcessResult git(const std::vector<std::string>& arguments) {
    auto result = try_git(arguments);
    if (result.exit_status != 0) fail(result);
    return result;
  }

  [[noreturn]] void fail(const base::ProcessResult& result) const {
    throw base::Error({.code = base::ErrorCode::kNetwork,
                       .what = fmt::format("cannot fetch {}", shown()),
                       .why = mask_.apply(fmt::format("git: {}", fmt::join(result.tail, "; "))),
                       .hint = "look whether the URL, the ref and the login are right"});
  }

  base::ProcessRunner& process_;
  const dockerfile::GitSource& source_;
  std::filesystem::path folder_;
  std::vector<std::string> environment_;
  Login login_;
  base::Mask mask_;
  std::stop_token stop_;
  std::string program_;
  std::filesystem::path credentials_;
};

}  // namespace

std::string check_out(base::ProcessRunner& process, const dockerfile::GitSource& source,
                      const GitCheckout& options, const std::stop_token& stop) {
  return Checkout(process, source, options, stop).run(options.keep_git_dir);
}

}  // namespace stages
