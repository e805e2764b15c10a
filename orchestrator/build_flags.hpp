// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/proxy.hpp"
#include "oci/image_location.hpp"
#include "stages/image_engine.hpp"

// Flags of `image build` in the forms that docker and buildah have given people. All throw
// base::Error kUsage naming the flag; no secret is ever quoted.

namespace orchestrator {

/// `id=ID[,src=FILE|,env=NAME]`; neither: the variable ID, else the file ID.
/// Source: docker buildx build, "--secret".
stages::BuildSecret parse_build_secret(const std::string& flag,
                                       const base::Environment& environment);

/// `ID[=SOCKET]`: an agent's socket; without it $SSH_AUTH_SOCK. Adds to `agents`.
void parse_ssh_flag(const std::string& flag, const base::Environment& environment,
                    std::map<std::string, std::string>& agents);

/// `K=V`; later ones win.
std::map<std::string, std::string> parse_labels(const std::vector<std::string>& flags);

/// `oci:DIR[:TAG]`, `oci-archive:FILE`, `docker-archive:FILE`, or docker's
/// `type=oci|docker,dest=FILE[,tar=false]`.
oci::ImageLocation parse_output(const std::string& flag);

/// `REF`, or docker's `type=registry,ref=REF`. Of --cache-from and --cache-to.
oci::Reference parse_cache(const std::string& flag);

}  // namespace orchestrator
