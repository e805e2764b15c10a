// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/manual_page.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace orchestrator {
namespace {

/// Text as groff shows it unchanged: hyphens that can be copied, no line taken for a request.
std::string escaped(std::string_view text) {
  std::string out;
  for (const char character : text) {
    if (character == '-') {
      out += "\\-";
    } else if (character == '\\') {
      out += "\\e";
    } else if ((character == '.' || character == '\'') && (out.empty() || out.back() == '\n')) {
      out += std::string("\\&") + character;
    } else {
      out += character;
    }
  }
  return out;
}

std::string option_item(const OptionHelp& option) {
  std::string names;
  for (const auto& flag : option.flags) {
    names += fmt::format("{}\\fB{}\\fR", names.empty() ? "" : ", ", escaped(flag));
  }
  if (!option.value.empty()) names += fmt::format(" \\fI{}\\fR", escaped(option.value));
  auto item = fmt::format(".TP\n{}\n{}\n", names, escaped(option.text));
  if (!option.variable.empty()) {
    item += fmt::format(".br\nVariable: \\fB{}\\fR\n", escaped(option.variable));
  }
  return item;
}

std::string options_of(const CommandHelp& command) {
  std::string items;
  for (const auto& option : command.options) {
    const auto& flags = option.flags;
    if (flags.empty() || std::find(flags.begin(), flags.end(), "--help") != flags.end()) continue;
    items += option_item(option);
  }
  return items;
}

std::string usage_of(const CommandHelp& command, const std::string& path) {
  auto usage = fmt::format("\\fB{}\\fR", escaped(path));
  for (const auto& option : command.options) {
    if (!option.flags.empty()) continue;
    usage +=
        fmt::format(" \\fI{}\\fR", escaped(option.choices.empty() ? option.name : option.value));
  }
  return usage;
}

std::string commands_of(const CommandHelp& command, const std::string& path) {
  std::string text;
  for (const auto& below : command.commands) {
    const auto name = path.empty() ? below.name : path + " " + below.name;
    if (below.commands.empty()) {
      text += fmt::format(".SS {}\n{}.\n{}", usage_of(below, name), escaped(below.text),
                          options_of(below));
    }
    text += commands_of(below, name);
  }
  return text;
}

constexpr std::string_view kDescription = R"(.SH DESCRIPTION
\fBosartifact\fR takes the OSArtifact manifest that the Kairos operator takes, gets or builds the image it names with the
credentials of its Secret, opens it and makes the artifacts it asks for, on the machine where it runs. It needs no container
runtime, no loop device and no privileged pod; what has not changed is never done twice.
.PP
A first manifest, \fIdemo.yaml\fR:
.PP
.in +4n
.nf
apiVersion: v1
kind: Secret
metadata:
  name: registry\-login
type: kubernetes.io/dockerconfigjson
stringData:
  .dockerconfigjson: |
    {"auths": {"registry.example.com/team": {"username": "me", "password": "secret"}}}
\-\-\-
apiVersion: build.kairos.io/v1alpha2
kind: OSArtifact
metadata:
  name: demo
spec:
  image:
    ref: registry.example.com/team/debian:12
    imageCredentialsSecretRef:
      name: registry\-login
  artifacts:
    iso: true
.fi
.in
.PP
.in +4n
.nf
osartifact validate demo.yaml
osartifact build demo.yaml \-o out
.fi
.in
.PP
makes \fIout/demo.iso\fR, \fIout/demo.sha256\fR and \fIout/demo.report.json\fR.
)";

constexpr std::string_view kCredentials = R"(.SH CREDENTIALS
The first source that has an entry for a reference wins:
.IP 1. 4
\fB\-\-credentials\fR;
.IP 2. 4
the Secrets that the manifest names, from the documents beside it, from \fB\-\-secrets\fR \fIDIR\fR (a folder per Secret, a
file per key) or from \fB$CREDENTIALS_DIRECTORY\fR (systemd);
.IP 3. 4
\fB$DOCKER_AUTH_CONFIG\fR, \fB$DOCKER_CONFIG\fR\fI/config.json\fR;
.IP 4. 4
\fB$REGISTRY_AUTH_FILE\fR, which ends the search;
.IP 5. 4
\fI$XDG_RUNTIME_DIR/containers/auth.json\fR (else \fI/run/containers/$UID/auth.json\fR),
\fI$XDG_CONFIG_HOME/containers/auth.json\fR;
.IP 6. 4
\fI~/.docker/config.json\fR, \fI~/.dockercfg\fR;
.IP 7. 4
anonymous.
.PP
\fBosartifact auth check\fR \fIREF\fR says which one is used, and whether the registry takes it.
)";

constexpr std::string_view kEnd = R"(.SH EXIT STATUS
.TP
.B 0
done
.TP
.B 2
bad usage or manifest, or what cannot be done on this machine
.TP
.B 3
authentication or authorization
.TP
.B 4
registry or network
.TP
.B 5
a build step failed
.TP
.B 6
an artifact tool is missing or failed
.TP
.B 7
integrity: a digest, a size, a hostile image
.TP
.B 8
no space, or another I/O error
.TP
.B 70
a bug in osartifact
.TP
.BR 130 ", " 143
interrupted by SIGINT, SIGTERM
.PP
The last lines of standard error say what failed, why, and what to do; in a pod they are in \fI/dev/termination\-log\fR too.
Results go to standard output, everything else to standard error.
.SH FILES
.TP
.I /var/lib/osartifact
The store as root; \fI$XDG_DATA_HOME/osartifact\fR otherwise. An OCI image layout that other tools can read.
.TP
.I DIR/NAME.report.json
What a build did: stages, times, bytes, digests.
.SH ENVIRONMENT
Besides the variables of the options: \fBSOURCE_DATE_EPOCH\fR dates everything that is made; \fBHTTP_PROXY\fR,
\fBHTTPS_PROXY\fR, \fBNO_PROXY\fR, \fBSSL_CERT_FILE\fR and \fBSSL_CERT_DIR\fR mean what they mean elsewhere;
\fBNO_COLOR\fR takes the colours away; \fBTMPDIR\fR is where temporary folders go (else \fI/var/tmp\fR).
.SH SEE ALSO
.BR containers\-registries.conf (5),
.BR containers\-certs.d (5),
.BR skopeo (1),
.BR systemd.exec (5)
)";

}  // namespace

std::string manual_page(const CommandHelp& program, const std::string& version) {
  return fmt::format(
      ".TH OSARTIFACT 1 \"\" \"osartifact {}\" \"User Commands\"\n"
      ".SH NAME\nosartifact \\- make bootable operating system artifacts of OCI images\n"
      ".SH SYNOPSIS\n.B osartifact\n[\\fIOPTIONS\\fR] \\fICOMMAND\\fR ...\n"
      "{}.SH COMMANDS\n{}.SH COMMON OPTIONS\n{}{}{}",
      version, kDescription, commands_of(program, ""), options_of(program), kCredentials, kEnd);
}

}  // namespace orchestrator
