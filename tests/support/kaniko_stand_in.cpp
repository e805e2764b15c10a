// SPDX-License-Identifier: Apache-2.0
// Stands in for Kaniko's executor, which is in no package registry: tells what it was given, and
// gives the image that the context holds ready as `prepared-layout`. Builds nothing.

#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>

extern char** environ;

namespace {

namespace fs = std::filesystem;

std::string read_whole(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

constexpr std::size_t kMostShown = 6000;

/// In hexadecimal: what is private in it is to be looked for in vain in what is shown.
void tell(const std::string& what, const std::string& text) {
  std::cout << "stand-in " << what << ' ';
  for (const unsigned char byte : text) std::printf("%02x", byte);
  std::fflush(stdout);
  std::cout << std::endl;
}

/// "v1.23.2", or what a test wrote behind the executable's end.
std::string version() {
  const auto self = read_whole("/proc/self/exe");
  constexpr std::string_view kMark = "\nversion-of-the-stand-in=";
  const auto found = self.rfind(std::string(kMark));
  const bool last = found != std::string::npos && self.size() - found < 64;
  return last ? self.substr(found + kMark.size()) : "v1.23.2";
}

}  // namespace

int main(int count, char** words) {
  std::ios::sync_with_stdio(true);
  if (count == 2 && std::string(words[1]) == "version") {
    std::cout << "Kaniko version :  " << version() << std::endl;
    return 0;
  }
  fs::path layout;
  for (int i = 1; i < count; ++i) {
    const std::string word = words[i];
    tell("argument", word);
    constexpr std::string_view kLayout = "--oci-layout-path=";
    if (word.starts_with(kLayout)) layout = word.substr(kLayout.size());
  }
  for (char** entry = environ; *entry != nullptr; ++entry) tell("variable", *entry);
  for (const auto& entry : fs::directory_iterator("/")) tell("root", entry.path().filename());
  tell("credentials", read_whole("/kaniko/.docker/config.json"));
  tell("dockerfile", read_whole("/kaniko/build/Dockerfile"));
  tell("ignored", read_whole("/kaniko/build/Dockerfile.dockerignore"));
  tell("trust", read_whole("/kaniko/trust/ca.pem").substr(0, kMostShown));
  std::error_code written;
  fs::create_directory("/workspace/written", written);
  tell("context", written ? "read-only" : "writable");
  if (fs::exists("/workspace/fails")) {
    std::cerr << "error building image: error building stage: it is told to fail" << std::endl;
    return 1;
  }
  fs::copy("/workspace/prepared-layout", layout, fs::copy_options::recursive);
  return 0;
}
