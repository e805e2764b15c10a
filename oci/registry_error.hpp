// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/http.hpp"

namespace oci {

/// What a registry said went wrong: "MANIFEST_UNKNOWN (manifest unknown)" from its JSON `errors`
/// array, else the first line of the body; at most 1 KiB, control characters escaped; may be empty.
/// Source: distribution-spec, "Error Codes".
std::string registry_reason(const base::HttpResponse& response);

/// "GET https://...: 404 MANIFEST_UNKNOWN (manifest unknown)".
std::string describe_answer(std::string_view method, const base::HttpResponse& response);

/// The error for an answer that was not hoped for: 404 kNotFound, 401 and 403 kUnauthorized, the
/// rest kRegistry, with a hint for rate limits and size limits. `what`: "cannot pull NAME".
base::Error answer_error(std::string what, std::string_view method,
                         const base::HttpResponse& response);

/// Whether the answer's errors have this code, "MANIFEST_BLOB_UNKNOWN".
bool has_error_code(const base::HttpResponse& response, std::string_view code);

}  // namespace oci
