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
  if (option.flags.empty()) {
    if (!option.choices.empty()) return "";
    return fmt::format(".TP\n\\fI{}\\fR\n{}\n", escaped(option.name), escaped(option.text));
  }
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
    if (std::find(flags.begin(), flags.end(), "--help") != flags.end()) continue;
    items += option_item(option);
  }
  return items;
}

std::string usage_of(const CommandHelp& command, const std::string& path) {
  auto usage = fmt::format("\\fB{}\\fR", escaped(path));
  for (const auto& option : command.options) {
    if (!option.flags.empty()) continue;
    usage += fmt::format(" \\fI{}\\fR", escaped(synopsis(option)));
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
osartifact plan demo.yaml
osartifact build demo.yaml \-o out
.fi
.in
.PP
makes \fIout/demo.iso\fR, \fIout/demo.sha256\fR and \fIout/demo.report.json\fR. What it made is looked at with
.PP
.in +4n
.nf
(cd out && sha256sum \-c demo.sha256)
osartifact inspect out/demo.iso
.fi
.in
.PP
.BR osartifact (5)
has the fields of the manifest, and more examples.
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

constexpr std::string_view kRegistries = R"(.SH REGISTRIES
A reference is \fIHOST\fR[:\fIPORT\fR]/\fINAME\fR[:\fITAG\fR][@\fIDIGEST\fR]; without a host it is an image of Docker Hub.
.PP
Certificates of a CA of your own are trusted for one host from \fI/etc/containers/certs.d/HOST[:PORT]/*.crt\fR (a client's from
\fI*.cert\fR with \fI*.key\fR), for all from \fB\-\-ca\-dir\fR \fIDIR\fR (\fI*.crt\fR, \fI*.pem\fR).
\fB\-\-insecure\-registry\fR \fIHOST\fR does without them, and with plain HTTP. Loopback may always speak plain HTTP.
.PP
Mirrors, rewrites and blocked registries come from \fB\-\-registry\-mirror\fR, then from \fI/etc/containers/registries.conf\fR or
\fB$CONTAINERS_REGISTRIES_CONF\fR. Images are pulled from where these say, and pushed to where their names say.
)";

constexpr std::string_view kPrograms = R"(.SH PROGRAMS
Artifacts are made with programs of Debian packages, looked for when a stage needs them: \fBmksquashfs\fR (squashfs\-tools),
\fBxorriso\fR, \fBmformat\fR and \fBmcopy\fR (mtools), \fBsfdisk\fR (fdisk), \fBgrub\-mkimage\fR (grub\-common). What starts a
machine is the image's own, or that of the packages shim\-signed, grub\-efi\-amd64\-signed, grub\-pc\-bin and systemd\-boot\-efi. Steps
of Dockerfiles, importers and exporters run by runc or crun, without these in a chroot. An ordinary user's builds keep
the owners of files with \fBnewuidmap\fR (uidmap) and a line in \fI/etc/subuid\fR.
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
.I DIR/NAME.sha256
Checksums of the artifacts that are called after NAME, for \fBsha256sum \-c\fR.
.TP
.I DIR/NAME.report.json
What a build did: stages, times, bytes, digests.
.TP
.I /etc/osartifact/NAME.yaml
What \fBosartifact@\fR\fINAME\fR\fB.service\fR builds, into \fI/var/lib/osartifact/artifacts/NAME\fR;
\fBosartifact@\fR\fINAME\fR\fB.path\fR does when it changes, \fBosartifact@\fR\fINAME\fR\fB.timer\fR once a day.
.TP
.I /usr/share/doc/osartifact
How to do single things, a page for each; in \fIexamples\fR a manifest.
.SH ENVIRONMENT
Besides the variables of the options: \fBSOURCE_DATE_EPOCH\fR dates everything that is made; \fBHTTP_PROXY\fR,
\fBHTTPS_PROXY\fR, \fBNO_PROXY\fR, \fBSSL_CERT_FILE\fR and \fBSSL_CERT_DIR\fR mean what they mean elsewhere;
\fBNO_COLOR\fR takes the colours away; \fBTMPDIR\fR is where temporary folders go (else \fI/var/tmp\fR). Those of credentials
and registries are named above.
.SH SEE ALSO
.BR osartifact (5),
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
      "{}.SH COMMANDS\n{}.SH COMMON OPTIONS\n{}{}{}{}{}",
      version, kDescription, commands_of(program, ""), options_of(program), kCredentials,
      kRegistries, kPrograms, kEnd);
}

}  // namespace orchestrator
