// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/kubernetes/api_error.hpp"

#include <fmt/format.h>

#include "base/format.hpp"
#include "orchestrator/kubernetes/resource.hpp"

namespace orchestrator::kubernetes {
namespace {

base::ErrorCode code_of(int status) {
  if (status == 401 || status == 403) return base::ErrorCode::kUnauthorized;
  if (status == 404) return base::ErrorCode::kNotFound;
  if (status == 400 || status == 422) return base::ErrorCode::kManifest;
  return base::ErrorCode::kRegistry;
}

std::string hint_of(int status) {
  if (status == 401) return "check the token or the client certificate of the kubeconfig";
  if (status == 403) return "grant it with a Role: packaging/kubernetes/ has those of the operator";
  return "";
}

}  // namespace

ApiError api_error(int status, const std::string& body, std::string what) {
  const auto answer = Object::parse(body, nullptr, /*allow_exceptions=*/false);
  std::string reason;
  std::string message;
  if (answer.is_object()) {
    reason = text_at(answer, "/reason");
    message = text_at(answer, "/message");
  }
  if (message.empty()) message = body.substr(0, 200);
  std::string why = fmt::format("{}{}{}: {}", status, reason.empty() ? "" : " ", reason, message);
  return ApiError({.code = code_of(status),
                   .what = std::move(what),
                   .why = base::printable(why),
                   .hint = hint_of(status)},
                  status, std::move(reason));
}

}  // namespace orchestrator::kubernetes
