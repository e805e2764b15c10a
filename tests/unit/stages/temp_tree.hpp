// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <fstream>
#include <string>

#include "base/temp_dir.hpp"

/// A root tree made by a test.
class TempTree {
 public:
  TempTree() : folder_(base::temp_root(), "tree") {}

  [[nodiscard]] std::filesystem::path path(const std::string& inside = "") const {
    return folder_.path() / inside;
  }
  TempTree& file(const std::string& inside, const std::string& content = "x") {
    std::filesystem::create_directories(path(inside).parent_path());
    std::ofstream(path(inside), std::ios::binary) << content;
    return *this;
  }
  TempTree& link(const std::string& inside, const std::string& target) {
    std::filesystem::create_directories(path(inside).parent_path());
    std::filesystem::create_symlink(target, path(inside));
    return *this;
  }
  TempTree& folder(const std::string& inside) {
    std::filesystem::create_directories(path(inside));
    return *this;
  }
  [[nodiscard]] std::string content(const std::string& inside) const {
    std::ifstream stream(path(inside), std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
  }

 private:
  base::TempDir folder_;
};

/// The first bytes of an ELF program for `machine` (62: amd64, 183: arm64).
inline std::string elf_head(unsigned char machine) {
  std::string head(64, '\0');
  head.replace(0, 7,
               "\x7f"
               "ELF\x02\x01\x01");
  head[18] = static_cast<char>(machine);
  return head;
}

/// The first bytes of an amd64 kernel.
inline std::string kernel_head() {
  std::string head(8192, '\0');
  head.replace(0x202, 4, "HdrS");
  return head;
}
