// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <exception>
#include <string>
#include <string_view>
#include <vector>

namespace base {

/// What kind of failure it is. Decides the exit status alone (table in error.cpp).
enum class ErrorCode {
  kUsage,         ///< A bad command line or option.
  kManifest,      ///< A manifest that cannot be read or is not valid.
  kUnsupported,   ///< A valid request that this version does not execute.
  kUnauthorized,  ///< Credentials missing, rejected or not allowed to do this.
  kNotFound,      ///< The registry has no such repository, tag or blob.
  kRegistry,      ///< The registry answered with an error or nonsense.
  kNetwork,       ///< The registry could not be reached, or the transfer broke.
  kBuildStep,     ///< A step of an image build failed.
  kArtifactTool,  ///< A tool that makes an artifact is missing or failed.
  kIntegrity,     ///< Bytes that are not what their digest, size or format says; a hostile image.
  kNoSpace,       ///< The disk is full, or will be.
  kIo,            ///< Another failure of the file system.
  kInterrupted,   ///< SIGINT.
  kTerminated,    ///< SIGTERM.
  kInternal,      ///< A bug of ours.
};

/// The process's exit status for `code`; the contract of the command line.
int exit_status(ErrorCode code);

/// A short stable name for JSON output, e.g. "unauthorized".
std::string_view name_of(ErrorCode code);

/// The facts of a failure, known where it happens.
struct ErrorFacts {
  ErrorCode code = ErrorCode::kInternal;
  std::string what;  ///< Names the object: "cannot pull quay.io/a/b:1". Lower case, no full stop.
  std::string why;   ///< The lower layer's own words. May be empty.
  std::string hint;  ///< What to do. Empty when we do not know.
};

/// The one error type. Thrown with facts, given context while it rises, rendered once.
/// Never holds a secret: whoever throws has redacted what it quotes.
class Error : public std::exception {
 public:
  explicit Error(ErrorFacts facts) : facts_(std::move(facts)) {}

  [[nodiscard]] ErrorCode code() const { return facts_.code; }
  [[nodiscard]] const ErrorFacts& facts() const { return facts_; }
  [[nodiscard]] const std::vector<std::string>& contexts() const { return contexts_; }

  /// Adds where it happened, innermost first: "running stage 'pull' of 'demo' (demo.yaml:14)".
  Error& add_context(std::string where) {
    contexts_.push_back(std::move(where));
    return *this;
  }
  [[nodiscard]] const char* what() const noexcept override { return facts_.what.c_str(); }

 private:
  ErrorFacts facts_;
  std::vector<std::string> contexts_;
};

/// Several lines: "error: WHAT", "  while WHERE", "  because: WHY", "  try: HINT". Ends without a
/// newline. Control characters of foreign texts are escaped.
std::string render(const Error& error);

/// Throws an Error for the failed system call that just set `error_number` (errno).
/// ENOSPC and EDQUOT become kNoSpace, the rest kIo. `what` says what was tried and on which path.
[[noreturn]] void throw_system_error(int error_number, std::string what);

}  // namespace base
