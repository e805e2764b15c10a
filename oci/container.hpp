// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/process.hpp"

namespace oci {

/// What runs a container.
enum class Runtime {
  kRunc,    ///< runc, from an OCI bundle.
  kCrun,    ///< crun, likewise.
  kChroot,  ///< chroot(2) alone, where namespaces are not allowed: the host's network and
            ///< processes.
};

/// "runc", "crun" or "chroot".
std::string_view name_of(Runtime runtime);
/// The reverse; nullopt for any other text.
std::optional<Runtime> parse_runtime(std::string_view name);

/// Something of the host, or a tmpfs, that a container sees at a path of its own.
struct ContainerMount {
  enum class Kind { kBind, kTmpfs };
  Kind kind = Kind::kBind;
  std::filesystem::path source;  ///< kBind: of the host, already resolved; a folder or a file.
  std::string target;            ///< Absolute, resolved beneath the container's root.
  bool read_only = false;        ///< kBind: then mounts beneath `source` are not seen, unless:
  bool submounts = false;        ///< kBind, read_only: they are, read-only too (Linux 5.12).
  std::uint64_t bytes = 0;       ///< kTmpfs: its size limit; 0: the kernel's default.
};

/// One command to be run over a root file system.
struct Container {
  std::string name;            ///< For logs and messages: "importer fetch-rpms".
  std::filesystem::path root;  ///< The root folder; written to unless read_only_root.
  std::vector<std::string> arguments;
  std::vector<std::string> environment;  ///< "NAME=VALUE", all of it.
  std::string working_directory = "/";   ///< In the root; exists.
  std::uint32_t user = 0;
  std::uint32_t group = 0;
  std::vector<std::uint32_t> groups;
  std::vector<ContainerMount> mounts;  ///< In order, besides /proc, /dev, /sys and resolv.conf.
  bool network = true;                 ///< The host's; false: none but a loopback of its own.
  bool read_only_root = false;
  /// Set-user-id programs and file capabilities give nothing. Docker and Kubernetes leave this off,
  /// so that sudo works.
  bool no_new_privileges = true;
  bool privileged =
      false;  ///< Every capability and device; only where the user's manifest says so.
  std::vector<std::string> add_capabilities;   ///< "NET_ADMIN", besides the default set.
  std::vector<std::string> drop_capabilities;  ///< "ALL" drops the whole default set.
  std::optional<std::string> input;            ///< Given on standard input.
};

/// Runs containers, one way or another. Thread-safe.
class ContainerRunner {
 public:
  virtual ~ContainerRunner() = default;

  [[nodiscard]] virtual Runtime runtime() const = 0;

  /// For people, with what holds a container: "runc 1.1.5: namespaces, seccomp; no AppArmor here".
  [[nodiscard]] virtual std::string description() const = 0;

  /// What should hold a container and does not here, each worth a warning. Empty: nothing.
  [[nodiscard]] virtual std::vector<std::string> weaknesses() const = 0;

  /// Runs to the end and leaves no process, mount or file of its own behind, however it ended; what
  /// the mounts needed as mount points and did not find is removed from the root again. Any exit
  /// status is a result. On `stop`: SIGTERM, SIGKILL after a grace, then Error kInterrupted. Throws
  /// Error kBuildStep when the container cannot be started.
  virtual base::ProcessResult run(const Container& container, const base::LineSink& on_line,
                                  std::stop_token stop) = 0;
};

}  // namespace oci
