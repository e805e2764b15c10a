// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/command_line.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>

#include "base/error.hpp"
#include "base/format.hpp"
#include "orchestrator/artifact_engines.hpp"
#include "orchestrator/foreign_flags.hpp"
#include "orchestrator/image_engines.hpp"

namespace orchestrator {
namespace {

constexpr const char* kFooter =
    "\nExit status: 0 done; 2 bad usage or manifest; 3 authentication or authorization;\n"
    "4 registry or network; 5 a build step failed; 6 an artifact tool failed; 7 integrity;\n"
    "8 no space or I/O; 130, 143 interrupted.\n";

std::filesystem::path default_store() {
  if (::geteuid() == 0) return "/var/lib/osartifact";
  if (const char* data = std::getenv("XDG_DATA_HOME"); data != nullptr && *data != '\0') {
    return std::filesystem::path(data) / "osartifact";
  }
  const char* home = std::getenv("HOME");
  return std::filesystem::path(home != nullptr ? home : "/") / ".local/share/osartifact";
}

/// Adds a flag whose variable has the same name: --ca-dir and OSARTIFACT_CA_DIR.
template <typename Value>
CLI::Option* add_common(CLI::App& app, const std::string& name, Value& value,
                        const std::string& text) {
  std::string variable = "OSARTIFACT_" + name;
  std::transform(variable.begin(), variable.end(), variable.begin(), [](unsigned char c) {
    return c == '-' ? '_' : static_cast<char>(std::toupper(c));
  });
  if constexpr (std::is_same_v<Value, bool>) {
    return app.add_flag("--" + name, value, text)->envname(variable)->group("Common options");
  } else {
    return app.add_option("--" + name, value, text)->envname(variable)->group("Common options");
  }
}

void add_common_options(CLI::App& app, CommonOptions& common) {
  common.store = default_store();
  add_common(app, "store", common.store, "Where images and results are kept")->type_name("DIR");
  add_common(
      app, "credentials", common.credentials,
      "Registry credentials: config.json, a folder with one, or a mounted Secret (repeatable)")
      ->type_name("FILE|DIR")
      ->allow_extra_args(false);
  add_common(app, "secrets", common.secrets, "A folder per Secret, a file per key")
      ->type_name("DIR");
  add_common(app, "arch", common.arch, "Architecture of the image")->type_name("amd64|arm64");
  add_common(app, "insecure-registry", common.insecure_registries,
             "Allow plain HTTP and unverified TLS for this host (repeatable)")
      ->type_name("HOST")
      ->allow_extra_args(false);
  add_common(app, "registry-mirror", common.registry_mirrors,
             "Where to pull the images of a host from first (repeatable)")
      ->type_name("HOST=URL")
      ->allow_extra_args(false);
  add_common(app, "ca-dir", common.ca_dir, "More CA certificates, PEM files")->type_name("DIR");
  add_common(app, "volume", common.volumes, "Where a volume of the manifest lies (repeatable)")
      ->type_name("NAME=DIR")
      ->allow_extra_args(false);
  add_common(app, "image-engine", common.image_engine, "What builds images (native)")
      ->check(CLI::IsMember(image_engine_names()));
  add_common(app, "artifact-engine", common.artifact_engine, "What makes artifacts (native)")
      ->check(CLI::IsMember(artifact_engine_names()));
  add_common(app, "artifact-engine-image", common.artifact_engine_image,
             "An image to run the artifact engine's program from, instead of the one on PATH")
      ->type_name("REF");
  add_common(app, "compression", common.compression,
             "How layers of built images are compressed (gzip)")
      ->check(CLI::IsMember({"gzip", "zstd"}));
  add_common(app, "disk-firmware", common.disk_firmware,
             "What starts the disks that are made (uefi)")
      ->check(CLI::IsMember({"uefi", "bios"}));
  add_common(app, "strict-templates", common.strict_templates,
             "A value that a build definition asks for and nobody gives is an error");
  add_common(app, "runtime", common.runtime, "What runs containers; else the first that works")
      ->check(CLI::IsMember({"runc", "crun", "chroot"}));
  add_common(app, "jobs", common.jobs, "Work at the same time; 0: as many as processors (0)")
      ->type_name("N");
  add_common(app, "offline", common.offline, "Use the store only, never the network");
  add_common(app, "no-devices", common.no_devices,
             "Leave device nodes of images out, where they may not be made");
  add_common(app, "no-cache", common.no_cache, "Run every stage, even if its result is there");
  add_common(app, "progress", common.progress, "How progress is shown (auto: live on a terminal)")
      ->check(CLI::IsMember({"auto", "tty", "plain", "json"}));
  add_common(app, "log-level", common.log_level, "What is worth a line (info)")
      ->check(CLI::IsMember({"debug", "info", "warning", "error"}));
  add_common(app, "log-format", common.log_format, "json is one object per line (text)")
      ->check(CLI::IsMember({"text", "json"}));
  add_common(app, "report", common.report,
             "Where the report goes, instead of DIR/NAME.report.json; a page to look at if it ends "
             "with .html")
      ->type_name("FILE");
  add_common(app, "verify-key", common.verify_keys,
             "Use no image that this public key has not signed, or another of them (repeatable)")
      ->type_name("FILE")
      ->allow_extra_args(false);
  add_common(app, "sign-key", common.sign_key,
             "Sign what build and image build push, and checksums, with this private key")
      ->type_name("FILE");
  add_common(app, "sbom", common.sbom,
             "Write what packages an artifact has, and attach it to a pushed image");
  add_common(app, "provenance", common.provenance,
             "Write what an artifact was made of, and attach it to a pushed image");
}

/// The commands, each with its arguments; a callback notes which one was given.
void add_image_commands(CLI::App& app, Invocation& invocation) {
  const auto command = [&](CLI::App& parent, const char* name, const char* text,
                           CommandName value) {
    auto* sub = parent.add_subcommand(name, text)->fallthrough()->footer(kFooter);
    sub->callback([&invocation, value] { invocation.command = value; });
    return sub;
  };
  auto* pull = command(app, "pull", "Bring an image into the store", CommandName::kPull);
  pull->add_option("REF", invocation.subject, "Image reference")->required();
  pull->add_option("--to", invocation.to, "Copy it out as well (repeatable)")
      ->type_name("oci:DIR[:TAG]|oci-archive:FILE|docker-archive:FILE")
      ->allow_extra_args(false);
  pull->add_flag("--all", invocation.all, "The whole index: images for every platform");
  auto* unpack = command(app, "unpack", "Write an image's root file system into a folder",
                         CommandName::kUnpack);
  unpack
      ->add_option("SRC", invocation.subject,
                   "REF, oci:DIR[:TAG], oci-archive:FILE or docker-archive:FILE")
      ->required();
  unpack->add_option("DIR", invocation.destination, "An empty or new folder")->required();
  auto* push = command(app, "push", "Send an image to a registry", CommandName::kPush);
  push->add_option("SRC", invocation.subject,
                   "REF, oci:DIR[:TAG], oci-archive:FILE or docker-archive:FILE")
      ->required();
  push->add_option("REF", invocation.destination, "Where to")->required();
  push->add_flag("--all", invocation.all, "The whole index: images for every platform");
  push->add_flag("--nondistributable", invocation.nondistributable,
                 "Also send layers that only their owner may distribute");
  push->add_flag("--preserve-digests", invocation.preserve_digests,
                 "Fail where the manifest cannot stay what it was");
  auto* inspect = command(app, "inspect", "Show an image as JSON, or what an artifact is",
                          CommandName::kInspect);
  inspect
      ->add_option(
          "SRC", invocation.subject,
          "REF, oci:DIR[:TAG], oci-archive:FILE, docker-archive:FILE, or the FILE of an artifact")
      ->required();
  inspect
      ->add_option("--format", invocation.format,
                   "How a file is shown (text); an image is always JSON")
      ->check(CLI::IsMember({"text", "json"}));
  inspect->add_flag("--raw", invocation.raw, "The manifest as it is");
  inspect->add_flag("--config", invocation.config, "The image config as it is");
  auto* auth =
      app.add_subcommand("auth", "Look after credentials")->fallthrough()->require_subcommand(1);
  auto* check = command(*auth, "check", "Say which credential is used for REF, and if it is taken",
                        CommandName::kAuthCheck);
  check->add_option("REF", invocation.subject, "Image reference")->required();
  check->add_flag("--push", invocation.push, "Ask for the right to push, not to pull");
  auto* store =
      app.add_subcommand("store", "Look after the store")->fallthrough()->require_subcommand(1);
  command(*store, "df", "Show what takes space", CommandName::kStoreDf);
  auto* prune =
      command(*store, "prune", "Free what no name and no build needs", CommandName::kStorePrune);
  prune->add_flag("--all", invocation.all, "Free named images too");
  command(*store, "verify", "Re-read every blob; remove the broken", CommandName::kStoreVerify);
}

void add_cache_flags(CLI::App& sub, Invocation& invocation) {
  sub.add_option("--cache-from", invocation.cache_from,
                 "Take results of steps from a registry (repeatable)")
      ->type_name("REF")
      ->envname("OSARTIFACT_CACHE_FROM")
      ->allow_extra_args(false);
  sub.add_option("--cache-to", invocation.cache_to, "Keep the results of all steps in a registry")
      ->type_name("REF")
      ->envname("OSARTIFACT_CACHE_TO");
}

void add_image_build(CLI::App& app, Invocation& invocation) {
  auto* image = app.add_subcommand("image", "Make images")->fallthrough()->require_subcommand(1);
  auto* build = image->add_subcommand("build", "Build an image from a Dockerfile")
                    ->fallthrough()
                    ->footer(kFooter);
  build->callback([&invocation] { invocation.command = CommandName::kImageBuild; });
  auto& flags = invocation.image_build;
  const auto list = [&](const char* name, std::vector<std::string>& value, const char* text,
                        const char* type) {
    build->add_option(name, value, text)->type_name(type)->allow_extra_args(false);
  };
  build
      ->add_option(
          "CONTEXT", flags.context,
          "A folder (. when not given); - for a tar on standard input, or for a Dockerfile "
          "and no context; the URL of a git repository (URL#REF:FOLDER)")
      ->type_name("");
  build
      ->add_option(
          "-f,--file", flags.dockerfile,
          "The Dockerfile, - for standard input (Dockerfile or Containerfile of the context)")
      ->type_name("FILE");
  list("-t,--tag", flags.tags, "What the image is called (repeatable)", "REF");
  list("--build-arg", flags.build_args, "The value of an ARG; NAME alone takes the variable's",
       "NAME[=VALUE]");
  build->add_option("--target", flags.target, "The stage to build (the last)")->type_name("STAGE");
  list("--secret", flags.secrets, "What RUN --mount=type=secret sees (repeatable)",
       "id=ID[,src=FILE|,env=NAME]");
  list("--ssh", flags.ssh, "The agent that RUN --mount=type=ssh sees ($SSH_AUTH_SOCK)",
       "ID[=SOCKET]");
  list("--label", flags.labels, "A label of the image (repeatable)", "NAME=VALUE");
  build->add_option("--platform", flags.platform, "What the image is for (--arch, this machine)")
      ->type_name("OS/ARCH[/VARIANT]");
  add_cache_flags(*build, invocation);
  build->add_flag("--push", flags.push, "Send it to the registries of its names");
  list("-o,--output", flags.outputs, "Copy it out as well (repeatable)",
       "oci:DIR[:TAG]|oci-archive:FILE|docker-archive:FILE");
  build->add_option("--iidfile", flags.id_file, "Where the image's ID (its config's digest) goes")
      ->type_name("FILE");
  build->add_option("--metadata-file", flags.metadata_file, "Where its digests go, as JSON")
      ->type_name("FILE");
  build->add_flag("--pull", flags.pull, "For scripts: base images are looked up in any case");
}

void add_run(CLI::App* run, Invocation& invocation) {
  auto& flags = invocation.run;
  run->add_option("FILE", invocation.subject, "The manifest; - is standard input")->required();
  run->add_option("NAME", invocation.destination, "Which of its operations, when there are more");
  run->add_option("--host-root", flags.host_root, "What the command sees as the node's root (/)")
      ->type_name("DIR")
      ->envname("OSARTIFACT_HOST_ROOT");
  run->add_option("--node-name", flags.node_name,
                  "What targetNodes calls this node (its host name)")
      ->type_name("NAME")
      ->envname("OSARTIFACT_NODE_NAME");
  run->add_flag("--no-reboot", flags.no_reboot, "Leave a reboot that is due to you")
      ->envname("OSARTIFACT_NO_REBOOT");
  run->add_option("--reboot-command", flags.reboot_command, "What reboots the node (reboot)")
      ->type_name("PROGRAM")
      ->envname("OSARTIFACT_REBOOT_COMMAND");
  run->add_flag("--again", flags.again, "Do it even if this node has done it before");
}

void add_build_commands(CLI::App& app, Invocation& invocation) {
  const auto command = [&](const char* name, const char* text, CommandName value) {
    auto* sub = app.add_subcommand(name, text)->fallthrough()->footer(kFooter);
    sub->callback([&invocation, value] { invocation.command = value; });
    return sub;
  };
  const auto file = [&](CLI::App* sub) {
    sub->add_option("FILE", invocation.subject, "The manifest; - is standard input")->required();
  };
  const auto build_arguments = [&](CLI::App* sub) {
    sub->add_option("--build-arg", invocation.build_args,
                    "The value of an ARG of the images that are built, over the manifest's")
        ->type_name("NAME[=VALUE]")
        ->allow_extra_args(false);
  };
  auto* build =
      command("build", "Make the artifacts of every OSArtifact in FILE", CommandName::kBuild);
  file(build);
  build
      ->add_option(
          "-o,--output", invocation.output,
          "Where the artifacts go, before the volume of spec.artifacts.volume (else: here)")
      ->type_name("DIR");
  build
      ->add_flag("--image-archive", invocation.image_archive,
                 "Also write NAME.tar, a docker-archive of the image")
      ->envname("OSARTIFACT_IMAGE_ARCHIVE");
  build_arguments(build);
  add_cache_flags(*build, invocation);
  build
      ->add_flag("--no-clobber", invocation.no_clobber,
                 "Fail, before anything is done, if an artifact to be made exists")
      ->envname("OSARTIFACT_NO_CLOBBER");
  auto* plan = command("plan", "Show what build would do", CommandName::kPlan);
  file(plan);
  build_arguments(plan);
  add_cache_flags(*plan, invocation);
  plan->add_option("-o,--output", invocation.output, "Where the artifacts would go, as for build")
      ->type_name("DIR");
  plan->add_option("--format", invocation.format, "How it is shown (text); dot is a graph")
      ->check(CLI::IsMember({"text", "json", "dot"}));
  auto* validate = command("validate", "Show every error of a manifest", CommandName::kValidate);
  validate->add_option("FILE", invocation.files, "Manifests; - is standard input")->required();
  validate->add_option("--format", invocation.format, "How errors are shown (text)")
      ->check(CLI::IsMember({"text", "json"}));
  add_run(command("run", "Do a NodeOp or NodeOpUpgrade on this node, without a cluster",
                  CommandName::kRun),
          invocation);
  auto* completion =
      command("completion", "Print a shell's completion script", CommandName::kCompletion);
  completion->add_option("SHELL", invocation.subject, "Which shell")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  auto* version = command("version", "Show the version", CommandName::kVersion);
  version->add_option("--format", invocation.format, "How it is shown (text)")
      ->check(CLI::IsMember({"text", "json"}));
}

/// What the pods of builds are made with; of operator and render.
void add_builder_options(CLI::App& sub, kubernetes::BuilderOptions& builder) {
  sub.add_option("--builder-image", builder.image, "The image of every builder's pod")
      ->type_name("REF")
      ->envname("OSARTIFACT_BUILDER_IMAGE")
      ->capture_default_str();
  sub.add_option("--builder-pull-policy", builder.pull_policy, "When that image is pulled")
      ->check(CLI::IsMember({"Always", "IfNotPresent", "Never"}))
      ->envname("OSARTIFACT_BUILDER_PULL_POLICY");
  sub.add_option("--builder-argument", builder.arguments,
                 "More for `osartifact build` in the pod (repeatable)")
      ->type_name("ARG")
      ->allow_extra_args(false);
}

void add_cluster_commands(CLI::App& app, Invocation& invocation) {
  auto& flags = invocation.operator_flags;
  auto* render = app.add_subcommand("render", "Show the objects that the operator would create")
                     ->fallthrough()
                     ->footer(kFooter);
  render->callback([&invocation] { invocation.command = CommandName::kRender; });
  render->add_option("FILE", invocation.subject, "The manifest; - is standard input")->required();
  add_builder_options(*render, flags.builder);
  auto* sub = app.add_subcommand("operator", "Run the Kubernetes controllers")
                  ->fallthrough()
                  ->footer(kFooter);
  sub->callback([&invocation] { invocation.command = CommandName::kOperator; });
  add_builder_options(*sub, flags.builder);
  sub->add_option("--kubeconfig", flags.kubeconfig,
                  "Where the cluster is ($KUBECONFIG, the pod's own, ~/.kube/config)")
      ->type_name("FILE");
  sub->add_option("--namespace", flags.space, "Look at this namespace alone (all)")
      ->type_name("NAME")
      ->envname("OSARTIFACT_NAMESPACE");
  sub->add_flag("--leader-elect", flags.leader_elect, "Work only while holding the Lease")
      ->envname("OSARTIFACT_LEADER_ELECT");
  sub->add_option("--leader-election-namespace", flags.lease_space,
                  "Where the Lease osartifact-operator is (the operator's own namespace)")
      ->type_name("NAME");
  sub->add_option("--metrics-bind-address", flags.metrics_address,
                  "Where /metrics is served; 0: nowhere")
      ->type_name("[HOST]:PORT")
      ->capture_default_str();
  sub->add_option("--health-probe-bind-address", flags.probe_address,
                  "Where /healthz and /readyz are served; 0: nowhere")
      ->type_name("[HOST]:PORT")
      ->capture_default_str();
  sub->add_option("--workers", flags.workers,
                  "Objects of a kind that are worked on at a time, 1 to 64")
      ->type_name("N")
      ->check(CLI::Range(1U, 64U).description(""))
      ->capture_default_str();
}

std::vector<std::string> names_of(const CLI::App& app) {
  std::vector<std::string> names;
  for (const auto* sub : app.get_subcommands({})) names.push_back(sub->get_name());
  return names;
}

std::vector<std::string> flags_of(const CLI::App& app) {
  std::vector<std::string> flags;
  for (const auto* option : app.get_options()) {
    for (const auto& name : option->get_lnames()) flags.push_back("--" + name);
    for (const auto& name : option->get_snames()) flags.push_back("-" + name);
  }
  for (const auto* sub : app.get_subcommands()) {
    for (const auto& flag : flags_of(*sub)) flags.push_back(flag);
  }
  return flags;
}

/// "image build": the commands that were given.
std::string command_of(const CLI::App& app) {
  std::string names;
  for (const auto* at = &app; !at->get_subcommands().empty();) {
    at = at->get_subcommands().front();
    names += (names.empty() ? "" : " ") + at->get_name();
  }
  return names;
}

/// The first flag that the command does not have, without its value, which may be a secret.
std::optional<std::string> unknown_flag(const CLI::App& app,
                                        const std::vector<std::string>& arguments) {
  const auto flags = flags_of(app);
  for (const auto& argument : arguments) {
    const auto flag = argument.substr(0, argument.find('='));
    if (flag.size() > 1 && flag.starts_with('-') &&
        std::find(flags.begin(), flags.end(), flag) == flags.end()) {
      return flag;
    }
  }
  return std::nullopt;
}

[[noreturn]] void refuse(const CLI::App& app, const std::vector<std::string>& arguments,
                         const CLI::ParseError& error) {
  std::string hint = "osartifact --help";
  const auto names = names_of(app);
  if (!arguments.empty() && !arguments[0].starts_with('-') &&
      std::find(names.begin(), names.end(), arguments[0]) == names.end()) {
    const auto near = base::nearest(arguments[0], names);
    throw base::Error({.code = base::ErrorCode::kUsage,
                       .what = fmt::format("there is no command '{}'", arguments[0]),
                       .why = "",
                       .hint = near.empty() ? hint : fmt::format("osartifact {}", near)});
  }
  const auto command = command_of(app);
  if (!command.empty()) hint = fmt::format("osartifact {} --help", command);
  std::string why = error.what();
  const bool extra = dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr;
  if (const auto flag = unknown_flag(app, arguments); flag && extra) {
    why = fmt::format("osartifact {} has no option {}", command, *flag);
    if (const auto instead = instead_of(command, *flag); !instead.empty()) {
      hint = instead;
    } else if (const auto near = base::nearest(*flag, flags_of(app)); !near.empty()) {
      hint = fmt::format("did you mean {}?", near);
    }
  }
  throw base::Error({.code = base::ErrorCode::kUsage,
                     .what = "the command line is not valid",
                     .why = std::move(why),
                     .hint = std::move(hint)});
}

constexpr const char* kSummary =
    "Turns an OCI image in a private registry into a bootable operating system artifact.";

void declare(CLI::App& app, Invocation& invocation) {
  app.require_subcommand(1)->footer(kFooter)->fallthrough();
  app.set_version_flag("--version", "osartifact " OSARTIFACT_VERSION, "Show the version");
  add_common_options(app, invocation.common);
  add_build_commands(app, invocation);
  add_image_commands(app, invocation);
  add_image_build(app, invocation);
  add_cluster_commands(app, invocation);
}

/// CLI11 shows choices as "TEXT:{a,b}".
std::vector<std::string> choices_in(const std::string& type) {
  const auto open = type.find('{');
  const auto close = type.find('}');
  if (open == std::string::npos || close == std::string::npos) return {};
  return CLI::detail::split(type.substr(open + 1, close - open - 1), ',');
}

OptionHelp describe_option(const CLI::Option& option) {
  OptionHelp help;
  for (const auto& name : option.get_snames()) help.flags.push_back("-" + name);
  for (const auto& name : option.get_lnames()) help.flags.push_back("--" + name);
  help.choices = choices_in(option.get_type_name());
  if (!help.choices.empty()) {
    help.value = fmt::format("{}", fmt::join(help.choices, "|"));
  } else if (option.get_items_expected_max() > 0) {
    help.value = option.get_type_name();
  }
  help.text = option.get_description();
  help.variable = option.get_envname();
  help.name = option.get_single_name();
  help.required = option.get_required();
  help.repeatable = option.get_expected_max() > 1;
  return help;
}

CommandHelp describe_command(const CLI::App& app) {
  CommandHelp help{
      .name = app.get_name(), .text = app.get_description(), .options = {}, .commands = {}};
  for (const auto* option : app.get_options()) help.options.push_back(describe_option(*option));
  for (const auto* sub : app.get_subcommands({})) help.commands.push_back(describe_command(*sub));
  return help;
}

}  // namespace

std::string synopsis(const OptionHelp& argument) {
  auto text = argument.choices.empty() ? argument.name : argument.value;
  if (argument.repeatable) text += "...";
  return argument.required ? text : fmt::format("[{}]", text);
}

CommandHelp describe_command_line() {
  Invocation invocation;
  CLI::App app(kSummary, "osartifact");
  declare(app, invocation);
  return describe_command(app);
}

std::variant<Invocation, HelpText> parse_command_line(const std::vector<std::string>& arguments) {
  Invocation invocation;
  CLI::App app(kSummary, "osartifact");
  declare(app, invocation);
  auto reversed = arguments;
  std::reverse(reversed.begin(), reversed.end());
  try {
    app.parse(reversed);
  } catch (const CLI::CallForHelp&) {
    auto text = app.help();  // Of the command that was named, with all of its name.
    if (!app.get_subcommands().empty()) text += "\nThe common options are in osartifact --help.\n";
    return HelpText{text};
  } catch (const CLI::CallForVersion& version) {
    return HelpText{std::string(version.what()) + "\n"};
  } catch (const CLI::ParseError& error) {
    refuse(app, arguments, error);
  }
  return invocation;
}

}  // namespace orchestrator
