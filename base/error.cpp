// SPDX-License-Identifier: Apache-2.0
#include "base/error.hpp"

#include <cerrno>
#include <system_error>

#include "base/format.hpp"

namespace base {
namespace {

struct CodeRow {
  int exit_status;
  std::string_view name;
};

CodeRow row_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::kUsage:
      return {2, "usage"};
    case ErrorCode::kManifest:
      return {2, "manifest"};
    case ErrorCode::kUnsupported:
      return {2, "unsupported"};
    case ErrorCode::kUnauthorized:
      return {3, "unauthorized"};
    case ErrorCode::kNotFound:
      return {4, "not-found"};
    case ErrorCode::kRegistry:
      return {4, "registry"};
    case ErrorCode::kNetwork:
      return {4, "network"};
    case ErrorCode::kBuildStep:
      return {5, "build-step"};
    case ErrorCode::kArtifactTool:
      return {6, "artifact-tool"};
    case ErrorCode::kIntegrity:
      return {7, "integrity"};
    case ErrorCode::kNoSpace:
      return {8, "no-space"};
    case ErrorCode::kIo:
      return {8, "io"};
    case ErrorCode::kInterrupted:
      return {130, "interrupted"};
    case ErrorCode::kTerminated:
      return {143, "terminated"};
    case ErrorCode::kInternal:
      return {70, "internal"};
  }
  return {70, "internal"};
}

}  // namespace

int exit_status(ErrorCode code) { return row_of(code).exit_status; }

std::string_view name_of(ErrorCode code) { return row_of(code).name; }

std::string render(const Error& error) {
  std::string text = "error: " + printable(error.facts().what);
  for (const auto& where : error.contexts()) text += "\n  while " + printable(where);
  if (!error.facts().why.empty()) text += "\n  because: " + printable(error.facts().why);
  if (!error.facts().hint.empty()) text += "\n  try: " + printable(error.facts().hint);
  return text;
}

void throw_system_error(int error_number, std::string what) {
  const bool full = error_number == ENOSPC || error_number == EDQUOT;
  throw Error(
      {.code = full ? ErrorCode::kNoSpace : ErrorCode::kIo,
       .what = std::move(what),
       .why = std::generic_category().message(error_number),
       .hint = full ? "free space there (osartifact store prune), or use another disk" : ""});
}

}  // namespace base
