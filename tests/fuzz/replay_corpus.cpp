// SPDX-License-Identifier: Apache-2.0
// Runs a fuzz target once over every file of the folders named: what libFuzzer does, without it.
#include <cstdint>
#include <cstdio>
#include <filesystem>

#include "base/files.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

int main(int count, char** arguments) {
  std::size_t files = 0;
  for (int i = 1; i < count; ++i) {
    for (const auto& entry : std::filesystem::directory_iterator(arguments[i])) {
      const auto text = base::read_file(entry.path(), 64U << 20);
      LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
      ++files;
    }
  }
  std::printf("%zu files\n", files);
  return files == 0 ? 1 : 0;
}
