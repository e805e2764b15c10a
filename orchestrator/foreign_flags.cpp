// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/foreign_flags.hpp"

#include <algorithm>
#include <array>

namespace orchestrator {
namespace {

struct ForeignFlag {
  std::string_view command;  ///< Where it is known under this meaning; empty: anywhere.
  std::string_view flag;
  std::string_view instead;
};

constexpr std::string_view kNoSecrets =
    "--credentials FILE: what stands in an argument can be read by everybody on this machine";
constexpr std::string_view kInsecure = "--insecure-registry HOST, for that host alone";
constexpr std::string_view kManifestArgument = "the manifest is an argument, - is standard input";
constexpr std::string_view kMore = "--log-level debug";
constexpr std::string_view kLess = "--log-level error";
constexpr std::string_view kArchitecture = "--arch amd64 or --arch arm64";
constexpr std::string_view kDigest = "standard output has NAME@DIGEST";
constexpr std::string_view kEpoch = "SOURCE_DATE_EPOCH=SECONDS in the environment";
constexpr std::string_view kRetries = "what may be tried again is tried again";

constexpr std::array kFlags = {
    ForeignFlag{"", "--authfile",
                "--credentials FILE, or REGISTRY_AUTH_FILE=FILE for that file alone"},
    ForeignFlag{"", "--src-authfile", "--credentials FILE"},
    ForeignFlag{"", "--dest-authfile", "--credentials FILE"},
    ForeignFlag{"", "--creds", kNoSecrets},
    ForeignFlag{"", "--src-creds", kNoSecrets},
    ForeignFlag{"", "--dest-creds", kNoSecrets},
    ForeignFlag{"", "--username", kNoSecrets},
    ForeignFlag{"", "--password", kNoSecrets},
    ForeignFlag{"", "--registry-token", kNoSecrets},
    ForeignFlag{"", "--tls-verify", kInsecure},
    ForeignFlag{"", "--src-tls-verify", kInsecure},
    ForeignFlag{"", "--dest-tls-verify", kInsecure},
    ForeignFlag{"", "--insecure", kInsecure},
    ForeignFlag{"", "--skip-tls-verify", kInsecure},
    ForeignFlag{"", "--cert-dir", "--ca-dir DIR, or /etc/containers/certs.d/HOST"},
    ForeignFlag{"", "--registries-conf", "CONTAINERS_REGISTRIES_CONF=FILE in the environment"},
    ForeignFlag{"", "--policy", "--verify-key FILE demands signatures"},
    ForeignFlag{"", "--insecure-policy", "signatures are not asked for without --verify-key"},
    ForeignFlag{"", "--debug", kMore},
    ForeignFlag{"", "--verbose", kMore},
    ForeignFlag{"", "-v", kMore},
    ForeignFlag{"", "--verbosity", "--log-level debug|info|warning|error"},
    ForeignFlag{"", "--quiet", kLess},
    ForeignFlag{"", "-q", kLess},
    ForeignFlag{"", "--no-color", "NO_COLOR=1 in the environment"},
    ForeignFlag{"", "--json",
                "--format json where a command has it, --log-format json for the log"},
    ForeignFlag{"", "--tmpdir", "TMPDIR=DIR in the environment"},
    ForeignFlag{"", "--root", "--store DIR"},
    ForeignFlag{"", "--retry", kRetries},
    ForeignFlag{"", "--retry-times", kRetries},
    ForeignFlag{"", "--retry-delay", kRetries},
    ForeignFlag{"", "--platform", kArchitecture},
    ForeignFlag{"", "--override-arch", kArchitecture},
    ForeignFlag{"", "--override-os", kArchitecture},
    ForeignFlag{"", "--source-date-epoch", kEpoch},
    ForeignFlag{"", "--timestamp", kEpoch},
    ForeignFlag{"", "--reproducible", kEpoch},
    ForeignFlag{"push", "--digestfile", kDigest},
    ForeignFlag{"image build", "--digest-file",
                "--metadata-file FILE; standard output has NAME@DIGEST"},
    ForeignFlag{"image build", "--digestfile",
                "--metadata-file FILE; standard output has NAME@DIGEST"},
    ForeignFlag{"image build", "--destination", "-t REF --push"},
    ForeignFlag{"image build", "-d", "-t REF --push"},
    ForeignFlag{"image build", "--dockerfile", "-f FILE"},
    ForeignFlag{"image build", "--context", "the context is an argument"},
    ForeignFlag{"image build", "-c", "the context is an argument"},
    ForeignFlag{"image build", "--custom-platform", "--platform OS/ARCH"},
    ForeignFlag{"image build", "--tar-path", "-o docker-archive:FILE"},
    ForeignFlag{"image build", "--oci-layout-path", "-o oci:DIR"},
    ForeignFlag{"image build", "--no-push", "an image is sent only with --push"},
    ForeignFlag{"image build", "--cache-repo", "--cache-from REF --cache-to REF"},
    ForeignFlag{"image build", "--load", "-o docker-archive:FILE, which docker load takes"},
    ForeignFlag{"build", "-f", kManifestArgument},
    ForeignFlag{"build", "--filename", kManifestArgument},
    ForeignFlag{"plan", "-f", kManifestArgument},
    ForeignFlag{"validate", "-f", kManifestArgument},
    ForeignFlag{"render", "-f", kManifestArgument},
    ForeignFlag{"run", "-f", kManifestArgument},
    ForeignFlag{"build", "--cloud-config", "spec.artifacts.cloudConfigRef of the manifest"},
    ForeignFlag{"build", "--set", "the fields of the manifest: man 5 osartifact"},
};

}  // namespace

std::string instead_of(std::string_view command, std::string_view flag) {
  const auto* found = std::find_if(kFlags.begin(), kFlags.end(), [&](const ForeignFlag& row) {
    return row.flag == flag && (row.command.empty() || row.command == command);
  });
  return found == kFlags.end() ? std::string() : std::string(found->instead);
}

}  // namespace orchestrator
