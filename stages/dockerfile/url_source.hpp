// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <stop_token>
#include <string>

#include "base/http.hpp"
#include "oci/digest.hpp"

namespace stages::dockerfile {

/// The name that a file from `url` gets: the last one of the URL's path, or "" where it has none.
std::string file_name_of_url(const std::string& url);

/// Fetches what ADD names by http or https into `folder`, as the file `name` with mode 0600 and the
/// time of the Last-Modified header (else 0). `checksum`: "sha256:..." or "sha512:...", or empty.
/// Gives the digest of what came. Throws base::Error: kManifest for a URL or checksum that is none,
/// kBuildStep for an answer other than 2xx or bytes of another checksum, kNetwork, kIo, kNoSpace,
/// kInterrupted. Its texts name no password.
oci::Digest fetch_url(base::HttpClient& http, const std::string& url, const std::string& checksum,
                      const std::filesystem::path& folder, const std::string& name,
                      const std::stop_token& stop);

}  // namespace stages::dockerfile
