// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "orchestrator/display.hpp"
#include "orchestrator/kubernetes/operator.hpp"

namespace orchestrator {

/// The flags that every command takes; each has a variable OSARTIFACT_<NAME>.
struct CommonOptions {
  std::filesystem::path store;
  std::vector<std::filesystem::path> credentials;
  std::filesystem::path secrets;  ///< A folder per Secret, a file per key; empty: none.
  std::string arch;               ///< Empty: the manifest's, else this machine's.
  std::vector<std::string> insecure_registries;
  std::vector<std::string> registry_mirrors;  ///< HOST=URL, several with commas or blanks between.
  std::filesystem::path ca_dir;
  std::vector<std::string> volumes;  ///< NAME=DIR.
  std::string image_engine = "native";
  std::string artifact_engine = "native";
  std::string artifact_engine_image;  ///< An image that has the engine's program; empty: PATH.
  bool strict_templates = false;      ///< A key that a template lacks is an error.
  std::string runtime;                ///< "runc", "crun", "chroot"; empty: the first that works.
  std::string disk_firmware = "uefi";
  std::string compression = "gzip";  ///< Of layers that are made.
  unsigned jobs = 0;                 ///< 0: the number of processors we may use.
  bool offline = false;
  bool no_cache = false;
  bool no_devices = false;  ///< Leave device nodes of images out.
  std::string progress = "auto";
  std::string log_level = "info";
  std::string log_format = "text";
  std::filesystem::path report;
  std::filesystem::path sign_key;                  ///< Empty: nothing is signed.
  std::vector<std::filesystem::path> verify_keys;  ///< Empty: signatures are not asked for.
  bool sbom = false;
  bool provenance = false;
};

enum class CommandName {
  kBuild,
  kPlan,
  kValidate,
  kRun,
  kPull,
  kUnpack,
  kPush,
  kInspect,
  kAuthCheck,
  kImageBuild,
  kStoreDf,
  kStorePrune,
  kStoreVerify,
  kOperator,
  kRender,
  kCompletion,
  kVersion,
};

/// The flags of `image build`, as they were written.
struct ImageBuildFlags {
  std::string context = ".";
  std::string dockerfile;  ///< Empty: Dockerfile or Containerfile in the context.
  std::vector<std::string> tags;
  std::vector<std::string> build_args;
  std::string target;
  std::vector<std::string> secrets;
  std::vector<std::string> ssh;
  std::vector<std::string> labels;
  std::string platform;
  std::vector<std::string> outputs;
  bool push = false;
  bool pull = false;  ///< Accepted: images are looked up in any case.
  std::filesystem::path id_file;
  std::filesystem::path metadata_file;
};

/// The flags of `run`, as they were written.
struct RunFlags {
  std::filesystem::path host_root = "/";
  std::string node_name;
  std::string reboot_command;
  bool no_reboot = false;
  bool again = false;
};

/// A command line, parsed.
struct Invocation {
  CommandName command = CommandName::kVersion;
  CommonOptions common;
  std::string subject;             ///< FILE, REF or SRC.
  std::vector<std::string> files;  ///< Of validate.
  std::string destination;         ///< DIR, REF or NAME.
  std::vector<std::string> to;     ///< Copies of a pulled image: "oci:DIR".
  std::string format = "text";
  std::filesystem::path output;  ///< Empty: not given.
  bool image_archive = false;
  std::vector<std::string> build_args;  ///< K=V or K.
  std::vector<std::string> cache_from;  ///< Of build and image build: REF.
  std::string cache_to;                 ///< The same.
  bool no_clobber = false;              ///< Of build: refuse to replace an artifact.
  bool raw = false;
  bool config = false;
  bool all = false;  ///< Of pull and push: every platform; of prune: named images too.
  bool nondistributable = false;
  bool preserve_digests = false;
  bool push = false;  ///< Of auth check.
  ImageBuildFlags image_build;
  RunFlags run;
  kubernetes::OperatorOptions operator_flags;  ///< Of operator; of render: the builder's.
};

}  // namespace orchestrator
