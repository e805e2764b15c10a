// SPDX-License-Identifier: Apache-2.0
#include "registry_servers.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <chrono>
#include <functional>
#include <mutex>
#include <sstream>
#include <stdexcept>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/handle.hpp"

namespace test_support {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds kStartLimit{20};
constexpr std::size_t kMaxLogBytes = 64U << 20;

void run(const std::string& program, std::vector<std::string> arguments) {
  base::SystemProcessRunner runner;
  static_cast<void>(base::run_or_throw(runner,
                                       {.program = program,
                                        .arguments = std::move(arguments),
                                        .environment = {},
                                        .working_directory = {},
                                        .input = {}},
                                       base::ErrorCode::kInternal, {}, {}));
}

/// Of our own choosing for servers that cannot say which port they got.
std::uint16_t free_port() {
  const base::FileDescriptor fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (::bind(fd.get(), generic, size) != 0 || ::getsockname(fd.get(), generic, &size) != 0) {
    throw std::runtime_error("no free port");
  }
  return ntohs(address.sin_port);
}

bool listens(std::uint16_t port) {
  const base::FileDescriptor fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return ::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
}

void wait_for(const std::function<bool()>& ready, const BackgroundProcess& process) {
  const auto end = std::chrono::steady_clock::now() + kStartLimit;
  while (!ready()) {
    if (std::chrono::steady_clock::now() > end) {
      throw std::runtime_error("the server did not start: " + process.output());
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

/// A JSON document per line.
std::vector<nlohmann::json> read_lines(const fs::path& file) {
  const auto text = base::read_file_if_exists(file, kMaxLogBytes);
  std::vector<nlohmann::json> lines;
  std::istringstream stream(text.value_or(""));
  for (std::string line; std::getline(stream, line);) lines.push_back(nlohmann::json::parse(line));
  return lines;
}

}  // namespace

TestCertificates::TestCertificates(const fs::path& folder)
    : ca_dir(folder / "ca"),
      certificate(folder / "server.crt"),
      key(folder / "server.key"),
      client_certificate(folder / "client.crt"),
      client_key(folder / "client.key") {
  fs::create_directories(ca_dir);
  const auto ca_key = (folder / "ca.key").string();
  const auto ca = (ca_dir / "ca.crt").string();
  const auto names = folder / "names";
  base::write_file_atomically(names, "subjectAltName=DNS:localhost,IP:127.0.0.1\n");
  run("openssl", {"req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                  "-keyout", ca_key, "-out", ca, "-days", "2", "-subj", "/CN=test CA"});
  const auto issue = [&](const std::string& name, const fs::path& made, const fs::path& made_key) {
    const auto request = (folder / "request.csr").string();
    run("openssl", {"req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-keyout", made_key.string(), "-out", request, "-subj", "/CN=" + name});
    run("openssl", {"x509", "-req", "-in", request, "-CA", ca, "-CAkey", ca_key, "-CAcreateserial",
                    "-CAserial", (folder / "serial").string(), "-out", made.string(), "-days", "2",
                    "-extfile", names.string()});
  };
  issue("localhost", certificate, key);
  issue("a client", client_certificate, client_key);
}

struct BackgroundProcess::Shared {
  std::mutex mutex;
  std::string output;
};

BackgroundProcess::BackgroundProcess(base::Command command)
    : shared_(std::make_shared<Shared>()),
      thread_([shared = shared_, command = std::move(command)](const std::stop_token& stop) {
        base::SystemProcessRunner runner;
        const auto keep = [&](std::string_view line) {
          const std::scoped_lock lock(shared->mutex);
          if (shared->output.size() < 65536) shared->output += std::string(line) + "\n";
        };
        try {
          const auto result = runner.run(command, keep, stop);
          keep(fmt::format("exit status {}", result.exit_status));
        } catch (const base::Error& error) {
          keep(base::render(error));
        }
      }) {}

BackgroundProcess::~BackgroundProcess() = default;

std::string BackgroundProcess::output() const {
  const std::scoped_lock lock(shared_->mutex);
  return shared_->output;
}

FaultRegistry::FaultRegistry(const FaultRegistryOptions& options)
    : folder_(base::temp_root(), "fault-registry") {
  const auto port_file = folder_.path() / "ports";
  const auto script = folder_.path() / "script.json";
  base::write_file_atomically(script, options.script.dump());
  base::Command command{
      .program = "python3",
      .arguments = {FAULT_REGISTRY_SCRIPT, "--dir", folder_.path().string(), "--port-file",
                    port_file.string(), "--script", script.string()},
      .environment = {},
      .working_directory = {},
      .input = {}};
  if (options.certificates != nullptr) {
    for (const auto& text : {std::string("--tls"), options.certificates->certificate.string(),
                             options.certificates->key.string()}) {
      command.arguments.push_back(text);
    }
  }
  command.arguments.insert(command.arguments.end(), options.arguments.begin(),
                           options.arguments.end());
  process_.emplace(std::move(command));
  wait_for([&] { return fs::exists(port_file); }, *process_);
  const auto ports = nlohmann::json::parse(base::read_file(port_file, 4096));
  port_ = ports.at("port").get<std::uint16_t>();
  storage_port_ = ports.at("storage_port").get<std::uint16_t>();
}

std::string FaultRegistry::host() const { return fmt::format("127.0.0.1:{}", port_); }
std::string FaultRegistry::storage_host() const {
  return fmt::format("127.0.0.1:{}", storage_port_);
}

oci::Digest FaultRegistry::put_blob(std::string_view bytes) const {
  const auto digest = oci::Digest::of(bytes);
  base::write_file_atomically(folder() / "blobs/sha256" / digest.hex(), bytes);
  return digest;
}

bool FaultRegistry::has_blob(const oci::Digest& digest) const {
  return fs::exists(folder() / "blobs/sha256" / digest.hex());
}

std::vector<nlohmann::json> FaultRegistry::lines(std::string_view file) const {
  return read_lines(folder() / file);
}

std::vector<nlohmann::json> FaultRegistry::requests() const { return lines("requests.jsonl"); }

std::uint64_t FaultRegistry::sent_bytes(std::string_view part) const {
  std::uint64_t total = 0;
  for (const auto& answer : lines("sent.jsonl")) {
    const auto path = answer.at("path").get<std::string>();
    if (path.find(part) != std::string::npos) total += answer.at("bytes").get<std::uint64_t>();
  }
  return total;
}

std::size_t FaultRegistry::count(std::string_view method, std::string_view part) const {
  std::size_t number = 0;
  for (const auto& request : requests()) {
    const auto path = request.at("path").get<std::string>();
    if (request.at("method") == method && path.find(part) != std::string::npos) ++number;
  }
  return number;
}

H2Registry::H2Registry(const TestCertificates& certificates, std::string_view blob, int resets)
    : folder_(base::temp_root(), "h2-registry") {
  const auto port_file = folder_.path() / "port";
  const auto file = folder_.path() / "blob";
  base::write_file_atomically(file, blob);
  process_.emplace(base::Command{
      .program = "/usr/bin/python3",  // The one that has Debian's python3-h2.
      .arguments = {H2_REGISTRY_SCRIPT, "--port-file", port_file.string(), "--log",
                    (folder_.path() / "requests.jsonl").string(), "--cert",
                    certificates.certificate.string(), "--key", certificates.key.string(), "--blob",
                    file.string(), "--resets", std::to_string(resets)},
      .environment = {},
      .working_directory = {},
      .input = {}});
  wait_for([&] { return fs::exists(port_file); }, *process_);
  port_ = static_cast<std::uint16_t>(std::stoi(base::read_file(port_file, 16)));
}

std::string H2Registry::host() const { return fmt::format("127.0.0.1:{}", port_); }

std::vector<nlohmann::json> H2Registry::requests() const {
  return read_lines(folder_.path() / "requests.jsonl");
}

DockerRegistry::DockerRegistry(const TestCertificates& certificates, DockerRegistryOptions options)
    : folder_(base::temp_root(), "docker-registry"), port_(free_port()) {
  const auto users = folder_.path() / "htpasswd";
  run("htpasswd", {"-Bbc", users.string(), "bob", "canary-pass"});
  const auto config = folder_.path() / "config.yml";
  const auto clients =
      options.wants_client_certificate
          ? fmt::format(", clientcas: [{}]", (certificates.ca_dir / "ca.crt").string())
          : std::string();
  const auto cache = options.cache_of.empty()
                         ? std::string()
                         : fmt::format("proxy: {{remoteurl: '{}'}}\n", options.cache_of);
  base::write_file_atomically(
      config,
      fmt::format("version: 0.1\n"
                  "log: {{level: error}}\n"
                  "storage:\n"
                  "  filesystem: {{rootdirectory: {}}}\n"
                  "  delete: {{enabled: true}}\n"
                  "http:\n"
                  "  addr: 127.0.0.1:{}\n"
                  "  secret: test\n"
                  "  tls: {{certificate: {}, key: {}{}}}\n"
                  "auth:\n"
                  "  htpasswd: {{realm: test, path: {}}}\n"
                  "{}",
                  (folder_.path() / "data").string(), port_, certificates.certificate.string(),
                  certificates.key.string(), clients, users.string(), cache));
  process_.emplace(base::Command{.program = "docker-registry",
                                 .arguments = {"serve", config.string()},
                                 .environment = {},
                                 .working_directory = {},
                                 .input = {}});
  wait_for([&] { return listens(port_); }, *process_);
}

std::string DockerRegistry::host() const { return fmt::format("localhost:{}", port_); }

bool DockerRegistry::is_installed() { return base::find_program("docker-registry").has_value(); }

}  // namespace test_support
